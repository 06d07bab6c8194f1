//go:build !windows

package ui

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"go.uber.org/goleak"
)

// childVariable makes the test program ask a question on its terminal instead
// of testing.
const childVariable = "KFTLS_TEST_ASK"

func TestMain(m *testing.M) {
	if how := os.Getenv(childVariable); how != "" {
		ask(how)
		return
	}
	goleak.VerifyTestMain(m)
}

// ask is a program that asks once; stdout says what came of it.
func ask(how string) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	u := New(Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Terminal: ControllingTerminal}, os.Getenv)
	var (
		answer any
		err    error
	)
	switch how {
	case "confirm":
		answer, err = u.Confirm(ctx, "Go ahead?")
	case "line":
		answer, err = u.Ask(ctx, "Name: ")
	case "secret":
		answer, err = u.AskSecret(ctx, "Password: ")
	case "text":
		answer, err = u.AskSecretText(ctx, "Paste: ", func(text string) bool { return strings.HasSuffix(text, "\\") })
	case "can":
		answer = u.CanAsk()
	}
	if errors.Is(err, context.Canceled) {
		fmt.Println("result: interrupted")
		return
	}
	fmt.Printf("result: %v %v\n", answer, err)
}

// childOn is the test program as one that asks.
func childOn(how string) *exec.Cmd {
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childVariable+"="+how, "GORACE=atexit_sleep_ms=0")
	return child
}

func TestConfirmOnATerminal(t *testing.T) {
	for _, test := range []struct{ name, typed, want string }{
		{"y", "y\n", "true <nil>"},
		{"yes", " YES \n", "true <nil>"},
		{"just enter", "\n", "false <nil>"},
		{"no", "no\n", "false <nil>"},
		{"something else", "yep\n", "false <nil>"},
		{"end of input", "\x04", "false <nil>"},
		{"ctrl-c", "\x03", "interrupted"},
	} {
		t.Run(test.name, func(t *testing.T) {
			child := childOn("confirm")
			screen := startOnTerminal(t, child)
			screen.expect(t, "Go ahead? [y/N] ")
			screen.typeIn(t, test.typed)
			screen.expect(t, "result: "+test.want)
		})
	}
}

func TestConfirmLeavesAPipedStdinAlone(t *testing.T) {
	child := childOn("confirm")
	child.Stdin = strings.NewReader("y\n")
	screen := startOnTerminal(t, child)
	screen.expect(t, "result: false cannot ask")
}

func TestProgressOnATerminal(t *testing.T) {
	for _, test := range []struct {
		name string
		env  []string
		want string
	}{
		{
			"colour and symbols",
			[]string{"TERM=xterm", "LANG=C.UTF-8"},
			"… write" + // begun
				"\r\x1b[K" + "a note\r\n" + "… write" + // a note goes above it
				"\r\x1b[K" + "… write: 1 object" + // how far it is
				"\r\x1b[K" + "\x1b[32m✓\x1b[0m write: 2 objects \x1b[2m(1.0s)\x1b[0m\r\n" +
				"… verify\r\x1b[K\x1b[31m✗\x1b[0m verify \x1b[2m(1.0s)\x1b[0m\r\n",
		},
		{
			"no colour, no UTF-8",
			[]string{"TERM=xterm", "NO_COLOR=1"},
			"... write\r\x1b[Ka note\r\n... write\r\x1b[K... write: 1 object\r\x1b[Kok write: 2 objects (1.0s)\r\n" +
				"... verify\r\x1b[Kfailed verify (1.0s)\r\n",
		},
		{
			"dumb",
			[]string{"TERM=dumb", "LANG=C.UTF-8"},
			"a note\r\n✓ write: 2 objects (1.0s)\r\n✗ verify (1.0s)\r\n",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			screen, tty := openScreen(t)
			u := New(Streams{In: tty, Out: tty, Err: tty}, environment(test.env...))
			u.Now = clock()
			if !u.Interactive() {
				t.Error("a terminal does not count as interactive")
			}
			step := u.Step("write")
			u.Note("a note")
			step.Tell("1 object")
			step.Done("2 objects")
			step.Tell("3 objects") // it has ended
			u.Step("verify").Fail("")
			screen.expect(t, "verify (1.0s)", "verify \x1b[2m(1.0s)\x1b[0m")
			if err := tty.Close(); err != nil {
				t.Fatal(err)
			}
			if got := screen.all(); got != test.want {
				t.Errorf("got\n%q\nwant\n%q", got, test.want)
			}
		})
	}
}

func TestLongStepsAreCutToTheWidth(t *testing.T) {
	screen, tty := openScreen(t)
	if err := pty.Setsize(tty, &pty.Winsize{Rows: 24, Cols: 12}); err != nil {
		t.Fatal(err)
	}
	u := New(Streams{In: tty, Out: tty, Err: tty}, environment("LANG=C.UTF-8"))
	u.Step("wait for every gateway pod")
	screen.expect(t, "… wait for ")
	if err := tty.Close(); err != nil {
		t.Fatal(err)
	}
	if got, want := screen.all(), "… wait for "; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// screen reads what a program writes to a pseudo-terminal.
type screen struct {
	keyboard io.Writer

	mu      sync.Mutex
	text    bytes.Buffer
	changed chan struct{}
	done    chan struct{}
}

func openScreen(t *testing.T) (*screen, *os.File) {
	t.Helper()
	master, tty, err := pty.Open()
	if err != nil {
		t.Fatalf("open a pseudo-terminal: %v", err)
	}
	t.Cleanup(func() { tty.Close() })
	return watch(t, master), tty
}

// startOnTerminal starts a program in a session of its own, with a new terminal
// as its controlling one.
func startOnTerminal(t *testing.T, child *exec.Cmd) *screen {
	t.Helper()
	attributes := &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 1} // stdout
	master, err := pty.StartWithAttrs(child, nil, attributes)
	if err != nil {
		t.Fatalf("start on a pseudo-terminal: %v", err)
	}
	t.Cleanup(func() {
		child.Process.Kill()
		child.Wait()
	})
	return watch(t, master)
}

func watch(t *testing.T, master *os.File) *screen {
	s := &screen{keyboard: master, changed: make(chan struct{}, 1), done: make(chan struct{})}
	go func() {
		defer close(s.done)
		io.Copy(s, master) // ends with EIO when the last program leaves the terminal
	}()
	t.Cleanup(func() {
		master.Close()
		<-s.done
	})
	return s
}

// Write implements io.Writer for what appears on the screen.
func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text.Write(p)
	select {
	case s.changed <- struct{}{}:
	default:
	}
	return len(p), nil
}

func (s *screen) soFar() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// all waits until every program has left the terminal.
func (s *screen) all() string {
	<-s.done
	return s.soFar()
}

// expect waits until one of the texts has appeared.
func (s *screen) expect(t *testing.T, texts ...string) {
	t.Helper()
	limit := time.After(20 * time.Second)
	for {
		for _, text := range texts {
			if strings.Contains(s.soFar(), text) {
				return
			}
		}
		select {
		case <-s.changed:
		case <-limit:
			t.Fatalf("none of %q appeared in %q", texts, s.soFar())
		}
	}
}

func (s *screen) typeIn(t *testing.T, keys string) {
	t.Helper()
	if _, err := io.WriteString(s.keyboard, keys); err != nil {
		t.Fatal(err)
	}
}
