//go:build !windows

package ui

import (
	"bytes"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

func TestAskOnATerminal(t *testing.T) {
	for _, test := range []struct{ name, typed, want string }{
		{"a line", " ann@example.com \n", "ann@example.com <nil>"},
		{"just enter", "\n", " <nil>"},
		{"end of input", "\x04", "there was no answer"},
		{"ctrl-c", "an\x03", "interrupted"},
	} {
		t.Run(test.name, func(t *testing.T) {
			screen := startOnTerminal(t, childOn("line"))
			screen.expect(t, "Name: ")
			screen.typeIn(t, test.typed)
			screen.expect(t, "result: "+test.want, "result:  "+test.want)
		})
	}
}

func TestAskSecretShowsNothing(t *testing.T) {
	long := strings.Repeat("0123456789abcdef", 1000) // longer than a terminal's own line
	for _, test := range []struct{ name, typed, want string }{
		{"a line", "s3cret word\r", "s3cret word <nil>"},
		{"line feed", "s3cret\n", "s3cret <nil>"},
		{"blanks count", " s3cret \r", " s3cret  <nil>"},
		{"taken back", "s3cre\u00e9\x7f\x08et\r", "s3cret <nil>"},
		{"begun anew", "wrong\x15s3cret\r", "s3cret <nil>"},
		{"ended by ctrl-d", "s3cret\x04", "s3cret <nil>"},
		{"longer than a line of the terminal", long + "\r", long + " <nil>"},
		{"just enter", "\r", " <nil>"},
		{"nothing and ctrl-d", "\x04", " there was no answer"},
		{"ctrl-c", "s3cr\x03", "interrupted"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var out bytes.Buffer
			child := childOn("secret")
			screen, end := startAside(t, child, &out)
			screen.expect(t, "Password: ")
			screen.typeIn(t, test.typed)
			end()
			if got := out.String(); got != "result: "+test.want+"\n" {
				t.Errorf("got %q", got)
			}
			if shown := screen.soFar(); shown != "Password: \r\n" {
				t.Errorf("the terminal showed %q", shown)
			}
		})
	}
}

// TestAskSecretRestoresTheEcho ends the question in each way, and looks at the
// terminal afterwards.
func TestAskSecretRestoresTheEcho(t *testing.T) {
	for _, test := range []struct {
		name string
		act  func(*testing.T, *screen, *exec.Cmd)
	}{
		{"enter", func(t *testing.T, s *screen, _ *exec.Cmd) { s.typeIn(t, "s3cret\r") }},
		{"ctrl-c", func(t *testing.T, s *screen, _ *exec.Cmd) { s.typeIn(t, "\x03") }},
		{"SIGTERM", func(_ *testing.T, _ *screen, c *exec.Cmd) { c.Process.Signal(syscall.SIGTERM) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			master, tty, err := pty.Open()
			if err != nil {
				t.Fatal(err)
			}
			defer tty.Close()
			shows := func() bool {
				state, err := unix.IoctlGetTermios(int(tty.Fd()), getTermios)
				if err != nil {
					t.Fatal(err)
				}
				return state.Lflag&unix.ECHO != 0 && state.Lflag&unix.ICANON != 0 && state.Lflag&unix.ISIG != 0
			}
			child := childOn("secret")
			child.Stdin, child.Stderr = tty, tty
			child.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 0}
			if err := child.Start(); err != nil {
				t.Fatal(err)
			}
			screen := watch(t, master)
			screen.expect(t, "Password: ")
			if shows() {
				t.Error("the terminal shows what is typed")
			}
			test.act(t, screen, child)
			if err := child.Wait(); err != nil {
				t.Error(err)
			}
			if !shows() {
				t.Error("the terminal does not show what is typed any more")
			}
		})
	}
}

func TestAskSecretTextTakesLines(t *testing.T) {
	var out bytes.Buffer
	screen, end := startAside(t, childOn("text"), &out)
	screen.expect(t, "Paste: ")
	screen.typeIn(t, "curl \\\r  -H x\rrm -rf /\rand more\r")
	end()
	if got, want := out.String(), "result: curl \\\n  -H x <nil>\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestAskWithoutATerminal starts in a session that has none.
func TestAskWithoutATerminal(t *testing.T) {
	for how, want := range map[string]string{"can": "result: false", "line": "cannot ask: open the terminal", "secret": "cannot ask: open the terminal"} {
		child := childOn(how)
		child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		got, err := child.CombinedOutput()
		if err != nil || !strings.Contains(string(got), want) {
			t.Errorf("%s: got %q, %v", how, got, err)
		}
	}
}

func TestNobodyToAsk(t *testing.T) {
	u := New(Streams{}, environment())
	if u.CanAsk() {
		t.Error("a program without a terminal can ask")
	}
	if _, err := u.AskSecret(t.Context(), "Password: "); fault.ReasonOf(err) != fault.Declined {
		t.Errorf("got %v", err)
	}
}

// startAside starts a program on a new terminal with stdin and stdout as pipes;
// end waits for it.
func startAside(t *testing.T, child *exec.Cmd, out *bytes.Buffer) (_ *screen, end func()) {
	t.Helper()
	child.Stdin, child.Stdout = strings.NewReader("what is piped in\n"), out
	master, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	child.Stderr = tty
	child.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 2}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	tty.Close()
	screen := watch(t, master)
	return screen, func() {
		t.Helper()
		if err := child.Wait(); err != nil {
			t.Error(err)
		}
		screen.all()
	}
}
