//go:build e2e && linux

package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/creack/pty"
	"github.com/rogpeppe/go-internal/testscript"
)

// process is a program that runs beside the script.
type process struct {
	cmd            *exec.Cmd
	stdout, stderr buffer
	done           chan struct{}
	err            error // of Wait, once done is closed
}

// buffer collects output that is read while it grows.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.done
}

// program prepares a program with the story's folder, environment and PATH.
func program(ts *testscript.TestScript, args []string) *exec.Cmd {
	path := args[0]
	if !strings.Contains(path, "/") {
		for _, dir := range strings.Split(ts.Getenv("PATH"), ":") {
			if info, err := os.Stat(dir + "/" + path); err == nil && info.Mode()&0o111 != 0 {
				path = dir + "/" + path
				break
			}
		}
	}
	cmd := exec.Command(path, args[1:]...)
	cmd.Dir = ts.MkAbs(".")
	for _, name := range []string{
		"HOME", "KFTLS_HOME", "KFTLS_LOGIN", "KFTLS_PASSWORD", "KUBECONFIG", "PATH", "LANG", "TERM", "NO_COLOR", "WORK", "TMPDIR", "REPOSITORY",
	} {
		if value := ts.Getenv(name); value != "" {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	// What is killed with this test must not live on.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

func cmdStart(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: start NAME PROGRAM [ARG...]")
	}
	p := &process{cmd: program(ts, args[1:]), done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	if err := p.cmd.Start(); err != nil {
		ts.Fatalf("start %s: %v", args[0], err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	if old := storyOf(ts).processes[args[0]]; old != nil {
		old.kill()
	}
	storyOf(ts).processes[args[0]] = p
}

func processOf(ts *testscript.TestScript, name string) *process {
	p := storyOf(ts).processes[name]
	if p == nil {
		ts.Fatalf("nothing was started under the name %s", name)
	}
	return p
}

func cmdSays(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: says NAME REGEXP")
	}
	p, wanted := processOf(ts, args[0]), regexp.MustCompile(args[1])
	said := func() bool { return wanted.MatchString(p.stdout.String()) || wanted.MatchString(p.stderr.String()) }
	ok := wait(waitLimit, said)
	fmt.Fprint(ts.Stdout(), p.stdout.String())
	fmt.Fprint(ts.Stderr(), p.stderr.String())
	if !ok {
		ts.Fatalf("%s did not say %q within %s", args[0], args[1], waitLimit)
	}
}

var signals = map[string]syscall.Signal{"INT": syscall.SIGINT, "TERM": syscall.SIGTERM, "KILL": syscall.SIGKILL}

func cmdSignal(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 || signals[args[1]] == 0 {
		ts.Fatalf("usage: signal NAME INT|TERM|KILL")
	}
	ts.Check(processOf(ts, args[0]).cmd.Process.Signal(signals[args[1]]))
}

// endLimit is for programs that were told to end, or have a limit themselves.
const endLimit = time.Minute

func cmdEnded(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: ended NAME CODE")
	}
	p := processOf(ts, args[0])
	select {
	case <-p.done:
	case <-time.After(endLimit):
		fmt.Fprint(ts.Stdout(), p.stdout.String())
		fmt.Fprint(ts.Stderr(), p.stderr.String())
		ts.Fatalf("%s did not end within %s", args[0], endLimit)
	}
	fmt.Fprint(ts.Stdout(), p.stdout.String())
	fmt.Fprint(ts.Stderr(), p.stderr.String())
	if got := exitCode(ts, p.err); got != number(ts, args[1]) {
		ts.Fatalf("%s ended with %d, want %s", args[0], got, args[1])
	}
}

// answer is what a person types when a match appears.
type answer struct {
	question *regexp.Regexp
	text     string
}

// cmdTerminal runs a program on a pseudo-terminal, as in a terminal window. What
// the window showed is stdout afterwards.
func cmdTerminal(ts *testscript.TestScript, neg bool, args []string) {
	var answers []answer
	for len(args) > 2 && strings.HasPrefix(args[0], "-") {
		question := regexp.MustCompile(args[1])
		switch args[0] {
		case "-answer":
			answers, args = append(answers, answer{question, args[2] + "\n"}), args[3:]
		case "-interrupt":
			answers, args = append(answers, answer{question, "\x03"}), args[2:]
		default:
			ts.Fatalf("unknown option %s", args[0])
		}
	}
	if neg || len(args) < 2 {
		ts.Fatalf("usage: terminal [-answer REGEXP TEXT]... [-interrupt REGEXP] N PROGRAM [ARG...]")
	}
	cmd := program(ts, args[1:])
	// A new session, with the terminal as its own, as a shell's is.
	cmd.SysProcAttr.Setsid, cmd.SysProcAttr.Setctty = true, true
	window, err := pty.StartWithAttrs(cmd, &pty.Winsize{Rows: 40, Cols: 120}, cmd.SysProcAttr)
	ts.Check(err)
	defer window.Close()
	shown := &buffer{}
	done := make(chan error, 1)
	go func() { done <- watch(window, shown, answers) }()
	select {
	case err = <-done:
	case <-time.After(endLimit):
		_ = cmd.Process.Kill() // the story fails below
		err = errors.Join(<-done, fmt.Errorf("%s did not end within %s", args[1], endLimit))
	}
	waitErr := cmd.Wait()
	fmt.Fprint(ts.Stdout(), strings.ReplaceAll(shown.String(), "\r\n", "\n"))
	ts.Check(err)
	if got := exitCode(ts, waitErr); got != number(ts, args[0]) {
		ts.Fatalf("exit code %d, want %s", got, args[0])
	}
}

// watch reads what a terminal shows to its end, and types the answers, each
// once and in their order.
func watch(window *os.File, shown *buffer, answers []answer) error {
	part := make([]byte, 4096)
	for {
		n, err := window.Read(part)
		_, _ = shown.Write(part[:n]) // never fails
		if len(answers) > 0 && answers[0].question.MatchString(shown.String()) {
			if _, err := window.WriteString(answers[0].text); err != nil {
				return err
			}
			answers = answers[1:]
		}
		switch {
		case err == nil:
		case errors.Is(err, io.EOF), errors.Is(err, syscall.EIO): // the program has ended
			if len(answers) > 0 {
				return fmt.Errorf("%q was not asked", answers[0].question)
			}
			return nil
		default:
			return err
		}
	}
}
