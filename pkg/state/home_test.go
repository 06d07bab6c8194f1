package state

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clock is a clock that is set by hand.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func newClock() *clock { return &clock{at: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)} }

func mustOpen(t testing.TB, dir string, c *clock) *Home {
	t.Helper()
	h, err := Open(dir, c.now)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// mustRefuse wants an error of this package's reason and with a text.
func mustRefuse(t *testing.T, err error, text string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), text) {
		t.Fatalf("error %v, want one that says %q", err, text)
	}
	if fault.ReasonOf(err) != fault.LocalState {
		t.Errorf("reason %q of %v, want LocalState", fault.ReasonOf(err), err)
	}
}

func TestOpenMakesAFolderForOneUser(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "config", "kftls")
	h := mustOpen(t, dir, newClock())
	if h.Dir() != dir {
		t.Errorf("folder %q, want %q", h.Dir(), dir)
	}
	wantMode(t, dir, 0o700)
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("a new folder holds %v, %v", left, err)
	}
	if _, err := Open(dir, nil); err != nil {
		t.Errorf("opened again: %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Run("a file", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Open(path, nil)
		mustRefuse(t, err, "make the state folder")
	})
	t.Run("below a file", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Open(filepath.Join(path, "kftls"), nil)
		mustRefuse(t, err, "make the state folder")
		if !strings.Contains(fault.HintOf(err), "KFTLS_HOME") {
			t.Errorf("hint %q", fault.HintOf(err))
		}
	})
}

func TestComputerID(t *testing.T) {
	dir := t.TempDir()
	h := mustOpen(t, dir, newClock())
	first, err := h.ComputerID()
	if err != nil || !regexp.MustCompile("^[0-9a-f]{12}$").MatchString(first) {
		t.Fatalf("id %q, %v", first, err)
	}
	if again, err := mustOpen(t, dir, newClock()).ComputerID(); err != nil || again != first {
		t.Errorf("id %q, then %q, %v", first, again, err)
	}
	if other, err := mustOpen(t, t.TempDir(), newClock()).ComputerID(); err != nil || other == first {
		t.Errorf("two folders have the id %q, %v", other, err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, ".*")); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestComputerIDIsOneForAll(t *testing.T) {
	dir := t.TempDir()
	ids := make([]string, 16)
	var wait sync.WaitGroup
	for i := range ids {
		wait.Go(func() {
			id, err := mustOpen(t, dir, newClock()).ComputerID()
			if err != nil {
				t.Error(err)
			}
			ids[i] = id
		})
	}
	wait.Wait()
	for _, id := range ids {
		if id != ids[0] {
			t.Fatalf("ids differ: %q", ids)
		}
	}
}

func TestComputerIDRefusesWhatItDidNotWrite(t *testing.T) {
	for name, content := range map[string]string{
		"empty": "", "short": "abc\n", "long": "0123456789abc\n", "capital": "0123456789AB\n", "a path": "../../../etc\n",
	} {
		t.Run(name, func(t *testing.T) {
			h := mustOpen(t, t.TempDir(), newClock())
			if err := os.WriteFile(filepath.Join(h.Dir(), "computer-id"), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := h.ComputerID()
			mustRefuse(t, err, "does not hold 12 hex digits")
		})
	}
	h := mustOpen(t, t.TempDir(), newClock())
	if err := os.Mkdir(filepath.Join(h.Dir(), "computer-id"), 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := h.ComputerID()
	mustRefuse(t, err, "read the id of this computer")
	if errors.Is(err, fs.ErrNotExist) {
		t.Error("a folder in its place is taken for nothing")
	}
}
