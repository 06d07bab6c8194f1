package ui

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

// environment makes a lookup from NAME=VALUE pairs.
func environment(pairs ...string) func(string) string {
	values := map[string]string{}
	for _, pair := range pairs {
		name, value, _ := strings.Cut(pair, "=")
		values[name] = value
	}
	return func(name string) string { return values[name] }
}

// clock is a time that advances by a second whenever it is read.
func clock() func() time.Time {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	return func() time.Time {
		now = now.Add(time.Second)
		return now
	}
}

func TestPipeGetsMessagesButNoProgress(t *testing.T) {
	var out, err bytes.Buffer
	u := New(Streams{Out: &out, Err: &err}, environment("LANG=C.UTF-8"))
	if u.Interactive() {
		t.Error("a pipe counts as interactive")
	}
	step := u.Step("write the Secret")
	u.Note("a note %d", 1)
	u.Warn("a warning")
	u.Error("a failure", "do that")
	step.Tell("half of it")
	step.Done("done")
	fmt.Fprintln(u.Out(), u.Bold("result")+u.Red("!")+u.Green("!")+u.Dim("!"))

	if want := "a note 1\nwarning: a warning\nerror: a failure\nhint: do that\n"; err.String() != want {
		t.Errorf("stderr:\n%q\nwant\n%q", err.String(), want)
	}
	if want := "result!!!\n"; out.String() != want {
		t.Errorf("stdout: %q, want %q", out.String(), want)
	}
}

func TestConfirmAsksNobodyInAPipe(t *testing.T) {
	var err bytes.Buffer
	u := New(Streams{In: strings.NewReader("y\n"), Err: &err}, environment())
	yes, failure := u.Confirm(context.Background(), "Go ahead?")
	if yes || fault.ReasonOf(failure) != fault.Declined {
		t.Errorf("got %v, %v; want no and %s", yes, failure, fault.Declined)
	}
	if !strings.Contains(fault.HintOf(failure), "--yes") {
		t.Errorf("hint %q does not name --yes", fault.HintOf(failure))
	}
	if err.Len() > 0 {
		t.Errorf("it asked all the same: %q", err.String())
	}
}

func TestConfirmAfterTheEndOfTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	u := New(Streams{}, environment())
	if _, err := u.Confirm(ctx, "Go ahead?"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

func TestLocale(t *testing.T) {
	for _, test := range []struct {
		env  []string
		want bool
	}{
		{nil, false},
		{[]string{"LANG=C"}, false},
		{[]string{"LANG=C.UTF-8"}, true},
		{[]string{"LANG=de_DE.utf8"}, true},
		{[]string{"LANG=en_US.UTF-8", "LC_ALL=C"}, false},
		{[]string{"LANG=en_US.ISO-8859-1", "LC_CTYPE=en_US.UTF-8"}, true},
	} {
		if got := speaksUTF8(environment(test.env...)); got != test.want {
			t.Errorf("%v: got %v, want %v", test.env, got, test.want)
		}
	}
}

func TestClean(t *testing.T) {
	for _, test := range []struct{ name, in, want string }{
		{"plain", "Gateway kubeflow/kubeflow-gateway", "Gateway kubeflow/kubeflow-gateway"},
		{"lines and tabs", "a\n\tb", "a\n\tb"},
		{"own colours", "\x1b[31mred\x1b[0m", "\x1b[31mred\x1b[0m"},
		{"cursor up and erase", "a\x1b[1A\x1b[2Kb", "a[1A[2Kb"},
		{"window title", "\x1b]0;pwned\x07x", "]0;pwnedx"},
		{"overwritten line", "good\rbad", "goodbad"},
		{"backspace", "a\bb", "ab"},
		{"C1 control", "a\u009b2Jb", "a2Jb"},
		{"text turned round", "a\u202eb", "ab"},
		{"not UTF-8", "a\xffb", "a\uFFFDb"},
		{"not UTF-8, with control", "a\xff\x07b", "a\uFFFDb"},
		{"symbols", "✓ … –", "✓ … –"},
	} {
		if got := Clean(test.in); got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}

func FuzzClean(f *testing.F) {
	f.Add("plain")
	f.Add("\x1b[31mred\x1b[0m\x1b[2J")
	f.Add("\xff\x1b[")
	f.Fuzz(func(t *testing.T, text string) {
		clean := Clean(text)
		if again := Clean(clean); again != clean {
			t.Errorf("cleaning twice differs: %q, %q", clean, again)
		}
		rest := clean
		for rest != "" {
			if sequence := colour.FindString(rest); sequence != "" {
				rest = rest[len(sequence):]
				continue
			}
			if strings.ContainsFunc(rest[:1], isControl) {
				t.Fatalf("%q is left in %q", rest[:1], clean)
			}
			rest = rest[1:]
		}
	})
}

func TestSpoken(t *testing.T) {
	for took, want := range map[time.Duration]string{
		0:                        "0s",
		340 * time.Microsecond:   "0s",
		240 * time.Millisecond:   "240ms",
		1000 * time.Millisecond:  "1.0s",
		9940 * time.Millisecond:  "9.9s",
		14400 * time.Millisecond: "14s",
		123 * time.Second:        "2m3s",
	} {
		if got := spoken(took); got != want {
			t.Errorf("%v: got %s, want %s", took, got, want)
		}
	}
}
