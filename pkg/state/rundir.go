package state

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

const (
	// runsFolder holds a folder for each run under way, and a lock that is held
	// while one is made or others are swept.
	runsFolder = "runs"
	// runLockFile is what the process of a run holds while it lives; in
	// runsFolder itself it is that of all.
	runLockFile = "lock"
	// runLockWait bounds the wait for others that make or sweep folders, which
	// takes milliseconds.
	runLockWait = 10 * time.Second
)

// RunFolder is a folder for the files of one run of the program, secrets among
// them. It ends with the run: by Remove, or, where the process was killed, when
// the next one is made.
type RunFolder struct {
	// Path is absolute. The folder has mode 0700.
	Path string

	lock *os.File
}

// NewRunFolder makes a folder for this run, and removes those whose processes
// ended without doing so. Errors are of reason LocalState, Timeout or
// Interrupted.
func (h *Home) NewRunFolder(ctx context.Context) (*RunFolder, error) {
	parent := filepath.Join(h.dir, runsFolder)
	if err := os.MkdirAll(parent, dirMode); err != nil {
		return nil, fault.New(fault.LocalState, elsewhere, "make a folder for this run: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, runLockWait)
	defer cancel()
	all, err := openLock(filepath.Join(parent, runLockFile))
	if err != nil {
		return nil, err
	}
	defer func() { _ = all.Close() }()
	if err := waitForLock(ctx, all); err != nil {
		return nil, err
	}
	sweepRuns(parent)
	return makeRunFolder(parent)
}

func makeRunFolder(parent string) (*RunFolder, error) {
	path, err := os.MkdirTemp(parent, "run-") // mode 0700
	if err != nil {
		return nil, fault.New(fault.LocalState, elsewhere, "make a folder for this run: %w", err)
	}
	lock, err := openLock(filepath.Join(path, runLockFile))
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(path))
	}
	taken, err := tryLock(lock)
	if err != nil || !taken {
		err = fault.New(fault.LocalState, elsewhere, "lock the folder for this run (taken: %t): %w", !taken, err)
		return nil, errors.Join(err, lock.Close(), os.RemoveAll(path))
	}
	return &RunFolder{Path: path, lock: lock}, nil
}

// sweepRuns removes the folders that no process holds. What cannot be removed
// stays for the next time.
func sweepRuns(parent string) {
	entries, _ := os.ReadDir(parent)
	for _, entry := range entries {
		if path := filepath.Join(parent, entry.Name()); entry.IsDir() && isLeftOver(path) {
			_ = os.RemoveAll(path)
		}
	}
}

// isLeftOver tells whether the process of a run has ended: the system gives its
// lock back, however it ended. The lock is not made here: a folder without one
// is about to be removed, or its process was killed before there was one, since
// folders are made under the lock that the caller holds.
func isLeftOver(path string) bool {
	lock, err := os.OpenFile(filepath.Join(path, runLockFile), os.O_RDWR, keyMode)
	if err != nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	taken, err := tryLock(lock)
	return errors.Join(err, lock.Close()) == nil && taken
}

func openLock(path string) (*os.File, error) {
	lock, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, keyMode)
	if err != nil {
		return nil, fault.New(fault.LocalState, elsewhere, "open a lock: %w", err)
	}
	return lock, nil
}

// Write puts a file of mode 0600 into the folder and returns its path.
func (r *RunFolder) Write(name string, data []byte) (path string, err error) {
	path = filepath.Join(r.Path, name)
	if err := os.WriteFile(path, data, keyMode); err != nil {
		return "", fault.New(fault.LocalState, placeHint(r.Path, err), "write a file for this run: %w", err)
	}
	return path, nil
}

// Remove removes the folder and what is in it.
func (r *RunFolder) Remove() error {
	if err := errors.Join(r.lock.Close(), os.RemoveAll(r.Path)); err != nil {
		return fmt.Errorf("remove the folder of this run: %w", err)
	}
	return nil
}
