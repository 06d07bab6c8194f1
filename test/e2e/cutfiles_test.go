//go:build e2e && linux

package e2e

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// cutFiles kills a command at each change of the state folder.
func (s *cutScene) cutFiles(t *testing.T, c cutCase) {
	a := s.prepare(t, c)
	counting, status := a.trace(t, c.line, 0)
	if status.ExitStatus() != 0 {
		t.Fatalf("%s: %v", c.line, status)
	}
	if len(counting.changes) == 0 {
		t.Fatalf("%s changes nothing in the state folder", c.line)
	}
	s.takeBack(t, a)
	for i, change := range counting.changes {
		t.Run(fmt.Sprintf("%d of %d", i+1, len(counting.changes)), func(t *testing.T) {
			t.Logf("before: %s", change)
			a := s.prepare(t, c)
			cut, status := a.trace(t, c.line, i+1)
			if !status.Signaled() || status.Signal() != unix.SIGKILL {
				t.Fatalf("it was not killed at %q: %v after %q", change, status, cut.changes)
			}
			a.requireSealed(t)
			a.age(t)
			s.recover(t, a, c, true)
		})
	}
}

// trace runs a command, and kills it at a change of the state folder; 0 lets it
// live.
func (a *actor) trace(t *testing.T, line string, at int) (*killer, unix.WaitStatus) {
	t.Helper()
	said, err := os.CreateTemp(a.dir, "said-")
	if err != nil {
		t.Fatal(err)
	}
	defer said.Close()
	cmd := a.command(context.WithoutCancel(t.Context()), line) // the killer has a limit of its own
	cmd.Stdout, cmd.Stderr = said, said
	k := &killer{folder: a.home, at: at}
	status, err := k.run(cmd)
	if errors.Is(err, unix.EPERM) {
		fmt.Println("NOT RUN cuts to the state folder: this machine lets nobody trace a program (ptrace)")
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(said.Name()); err != nil || showsKey(string(text)) {
		t.Fatalf("%s printed a private key (%v)", line, err)
	}
	return k, status
}

// requireSealed wants private keys to be their owner's alone, also where a
// file is half-written.
func (a *actor) requireSealed(t *testing.T) {
	t.Helper()
	for _, name := range a.files(t) {
		path := filepath.Join(a.home, name)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if showsKey(string(text)) && info.Mode().Perm() != 0o600 {
			t.Errorf("%s holds a private key, and its mode is %v", name, info.Mode())
		}
	}
}

// age makes what is half-written two hours old: as if the next run came later.
func (a *actor) age(t *testing.T) {
	t.Helper()
	then := time.Now().Add(-2 * time.Hour)
	err := filepath.WalkDir(a.home, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasPrefix(filepath.Base(path), ".") {
			return err
		}
		return os.Chtimes(path, then, then)
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
}
