//go:build linux

package proc

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

// parentVariable makes the test binary play the parent that is killed.
const parentVariable = "PROC_TEST_PARENT_LOG"

func TestMain(m *testing.M) {
	if log := os.Getenv(parentVariable); log != "" {
		playParent(log)
	}
	// The starter thread lives as long as the program, by design.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/kftls/kubectl-kftls/test/testbed/internal/proc.init.func1.1"))
}

func playParent(log string) {
	p, err := Start(Spec{Name: "child", Path: "/bin/sh", Args: []string{"-c", "trap '' TERM; read never </dev/zero"}, Log: log})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(p.PID())
	<-p.Done()
	os.Exit(1)
}

func TestChildDiesWithAKilledParent(t *testing.T) {
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), parentVariable+"="+filepath.Join(t.TempDir(), "child.log"))
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	child, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatalf("parent printed %q", line)
	}
	fd, err := unix.PidfdOpen(child, 0)
	if err != nil {
		t.Fatalf("open the child: %v", err)
	}
	defer unix.Close(fd)
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait()
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 10_000)
	if err != nil || n != 1 {
		t.Fatalf("child %d outlives its parent (%d, %v)", child, n, err)
	}
}

func start(t *testing.T, script string) (*Process, string) {
	t.Helper()
	log := filepath.Join(t.TempDir(), "logs", "x.log")
	p, err := Start(Spec{Name: "x", Path: "/bin/sh", Args: []string{"-c", script}, Env: []string{"ONLY=this"}, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Kill(); <-p.Done() })
	return p, log
}

func TestOutputAndExitCode(t *testing.T) {
	p, log := start(t, "echo one; echo two >&2; echo $ONLY$HOME; exit 7")
	<-p.Done()
	if p.ExitCode() != 7 || p.Err() == nil || p.Running() {
		t.Errorf("exit code %d, error %v", p.ExitCode(), p.Err())
	}
	if got, want := LastLines(log, 2), []string{"two", "this"}; !slices.Equal(got, want) {
		t.Errorf("last lines %q, want %q", got, want)
	}
}

func TestStop(t *testing.T) {
	for _, test := range []struct {
		name, script string
		code         int
	}{
		{"obeys", "trap 'exit 3' TERM; echo ready; while :; do read -t 1 x </dev/zero; done", 3},
		{"is killed", "trap '' TERM; echo ready; while :; do :; done", 137},
	} {
		t.Run(test.name, func(t *testing.T) {
			p, log := start(t, test.script)
			for deadline := time.Now().Add(10 * time.Second); LastLines(log, 1) == nil; {
				if time.Now().After(deadline) {
					t.Fatal("never ready")
				}
			}
			grace := 10 * time.Second
			if test.code == 137 {
				grace = 20 * time.Millisecond
			}
			if err := p.Stop(context.Background(), grace); err != nil {
				t.Fatal(err)
			}
			if p.ExitCode() != test.code {
				t.Errorf("exit code %d, want %d", p.ExitCode(), test.code)
			}
		})
	}
}

func TestStartReportsAMissingProgram(t *testing.T) {
	_, err := Start(Spec{Name: "nothing", Path: "/does/not/exist", Log: filepath.Join(t.TempDir(), "l")})
	if err == nil || !strings.Contains(err.Error(), "start nothing") {
		t.Errorf("error %v", err)
	}
}
