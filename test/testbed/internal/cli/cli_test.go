package cli

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/kftls/kubectl-kftls/test/testbed/internal/programs"
)

// run runs a command line on a testbed that does not exist.
func run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	code = Run(t.Context(), append(args, "--dir", t.TempDir()), Streams{Out: &out, Err: &err}, nil)
	return code, out.String(), err.String()
}

func TestExitCodes(t *testing.T) {
	for _, test := range []struct {
		args string
		code int
		says string
	}{
		{"up --replicas 0", 2, "--replicas is from 1 to 8, not 0"},
		{"up --replicas 9", 2, "--replicas is from 1 to 8, not 9"},
		{"up --profile nonsense", 2, "there are kubeflow-1.8, kubeflow-1.9.0, kubeflow-26.03"},
		{"up --readiness-lag -1s", 2, "may not be negative"},
		{"up --timeout 0s", 2, "must be positive"},
		{"up extra", 2, "unknown command"},
		{"up --supervise", 2, "for up --detach alone"},
		{"nonsense", 2, "unknown command"},
		{"gateway nonsense", 2, "unknown command"},
		{"status -o yaml", 2, `-o is json, not "yaml"`},
		{"status --nonsense", 2, "unknown flag"},
		{"status", 1, "no testbed runs here"},
		{"wait", 1, "no testbed runs here"},
		{"reset", 1, "no testbed runs here"},
		{"env", 1, "no testbed runs here"},
		{"logs dex", 1, "no testbed runs here"},
		{"logs", 2, "accepts 1 arg"},
		{"restart dex", 1, "no testbed runs here"},
		{"gateway kill 1", 1, "no testbed runs here"},
		{"gateway kill 1 2", 2, "accepts at most 1 arg"},
		{"gateway add 1", 2, "unknown command"},
		{"gateway remove", 1, "no testbed runs here"},
		{"gateway cut 1", 1, "no testbed runs here"},
		{"gateway mend 1 2", 2, "accepts at most 1 arg"},
		{"kubeconfig", 2, "--user is needed"},
		{"down", 0, ""},
	} {
		t.Run(test.args, func(t *testing.T) {
			code, stdout, stderr := run(t, strings.Fields(test.args)...)
			if code != test.code || !strings.Contains(stderr, test.says) {
				t.Errorf("exit code %d, want %d\n%s%s", code, test.code, stdout, stderr)
			}
		})
	}
}

func TestStatusOfNothingIsJSON(t *testing.T) {
	code, stdout, _ := run(t, "status", "-o", "json")
	if code != 1 || !strings.Contains(stdout, `"phase": "stopped"`) {
		t.Errorf("exit code %d: %s", code, stdout)
	}
}

func TestIsLoopback(t *testing.T) {
	for server, want := range map[string]bool{
		"https://127.0.71.1:6443": true, "https://127.0.0.1:6443": true, "https://[::1]:6443": true,
		"https://10.0.0.1:6443": false, "https://localhost:6443": false, "https://127.0.0.1.example.com": false, "https://api.example.com": false,
		"127.0.0.1:6443": false, "": false,
	} {
		if err := isLoopback(server); (err == nil) != want {
			t.Errorf("%q: %v", server, err)
		}
	}
}

func TestQuote(t *testing.T) {
	if got, want := quote("/a b/it's"), `'/a b/it'\''s'`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestRelay(t *testing.T) {
	for _, test := range []struct{ name, report, printed, fails string }{
		{"ready", "step 1\nstep 2\nok\n", "step 1\nstep 2\n", ""},
		{"failed", "step 1\nerror: etcd ended\n    its last line\n", "step 1\n", "etcd ended\n    its last line"},
		{"killed", "step 1\n", "step 1\n", "ended while it started"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var printed bytes.Buffer
			err := relay(strings.NewReader(test.report), &printed)
			if printed.String() != test.printed {
				t.Errorf("printed %q", printed.String())
			}
			if (err == nil) != (test.fails == "") || err != nil && !strings.Contains(err.Error(), test.fails) {
				t.Errorf("error %v", err)
			}
		})
	}
}

// clock goes on by a second with every look.
type clock struct{ at time.Time }

func (c *clock) now() time.Time {
	c.at = c.at.Add(time.Second)
	return c.at
}

func TestProgressInAPipeIsNowAndThen(t *testing.T) {
	var out bytes.Buffer
	p := newProgressPrinter(&out, (&clock{at: time.Date(2026, 11, 23, 22, 0, 0, 0, time.UTC)}).now)
	p.progress(programs.Progress{Doing: "downloading modules"})
	p.progress(programs.Progress{Doing: "downloading modules"})
	for done := range 41 {
		p.progress(programs.Progress{Doing: "pkg", Done: done, Total: 40, Left: map[string]int{"etcd": 40 - done}})
	}
	p.note("Envoy is taken from PATH")
	p.note("Envoy is taken from PATH")
	want := `   1s  downloading modules
   2s  compiled 0 of 40 packages; left: etcd 40
  17s  compiled 15 of 40 packages; left: etcd 25
  32s  compiled 30 of 40 packages; left: etcd 10
  42s  compiled 40 packages, linking
Envoy is taken from PATH
`
	if out.String() != want {
		t.Errorf("printed\n%swant\n%s", out.String(), want)
	}
}

func TestElapsed(t *testing.T) {
	for d, want := range map[time.Duration]string{7 * time.Second: "7s", 125 * time.Second: "2m05s"} {
		if got := elapsed(d); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestUsageErrorsUnwrap(t *testing.T) {
	if !errors.As(error(usageError{errors.New("x")}), new(usageError)) {
		t.Error("a usage error is none")
	}
}
