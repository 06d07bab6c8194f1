package state

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

func TestLockExcludes(t *testing.T) {
	dir := t.TempDir()
	var inside atomic.Int32 // the race detector does not know file locks
	var wait sync.WaitGroup
	for range 6 {
		wait.Go(func() {
			unlock, err := mustOpen(t, dir, newClock()).Lock(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			if n := inside.Add(1); n != 1 {
				t.Errorf("%d hold the lock at once", n)
			}
			runtime.Gosched()
			inside.Add(-1)
			if err := unlock(); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
}

func TestLockEndsWithItsContext(t *testing.T) {
	h := mustOpen(t, t.TempDir(), newClock())
	unlock, err := h.Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	expired, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := h.Lock(expired); !errors.Is(err, context.DeadlineExceeded) || fault.ReasonOf(err) != fault.Timeout {
		t.Errorf("past the deadline: %v (%s)", err, fault.ReasonOf(err))
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.Lock(cancelled); !errors.Is(err, context.Canceled) || fault.ReasonOf(err) != fault.Interrupted || fault.HintOf(err) == "" {
		t.Errorf("cancelled: %v (%s)", err, fault.ReasonOf(err))
	}
	if err := unlock(); err != nil {
		t.Fatal(err)
	}
	unlock, err = h.Lock(cancelled) // free: no wait, so no need of the context
	if err != nil {
		t.Fatal(err)
	}
	if err := unlock(); err != nil {
		t.Error(err)
	}
}

func TestLockRefusesAFolderInItsPlace(t *testing.T) {
	h := mustOpen(t, t.TempDir(), newClock())
	if err := os.Mkdir(h.Dir()+"/lock", 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := h.Lock(t.Context())
	mustRefuse(t, err, "open the lock")
}

// TestLockOfAKilledProcess starts this test program again, as the holder.
func TestLockOfAKilledProcess(t *testing.T) {
	const variable = "KFTLS_TEST_HOLD_LOCK"
	if dir := os.Getenv(variable); dir != "" {
		holdLock(t, dir)
		return
	}
	h := mustOpen(t, t.TempDir(), newClock())
	holder := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestLockOfAKilledProcess$")
	holder.Env = append(os.Environ(), variable+"="+h.Dir())
	out, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	in, err := holder.StdinPipe() // keeps it waiting, and ends it if we end
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "locked\n" {
		t.Fatalf("the holder says %q, %v", line, err)
	}
	short, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := h.Lock(short); fault.ReasonOf(err) != fault.Timeout {
		t.Errorf("while another process holds it: %v", err)
	}
	if err := holder.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = holder.Wait() // says that it was killed
	unlock, err := h.Lock(t.Context())
	if err != nil {
		t.Fatalf("after its holder was killed: %v", err)
	}
	if err := unlock(); err != nil {
		t.Error(err)
	}
}

func holdLock(t *testing.T, dir string) {
	if _, err := mustOpen(t, dir, newClock()).Lock(t.Context()); err != nil {
		t.Fatal(err)
	}
	os.Stdout.WriteString("locked\n")
	_, _ = bufio.NewReader(os.Stdin).ReadByte()
}
