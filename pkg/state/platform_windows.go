package state

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/windows"
)

// checkOwnership leaves it to the folder's access list: mode bits say nothing
// on Windows, and a user's profile is closed to other users.
func checkOwnership(string, fs.FileInfo) error { return nil }

// checkSecret asks only whether the key is there, see checkOwnership.
func checkSecret(path string) error {
	_, err := os.Stat(path)
	return err
}

// checkWritable leaves it to the write: only that tells on Windows.
func checkWritable(string) error { return nil }

// syncDir does nothing: Windows syncs no folders, and NTFS keeps its names in a
// journal.
func syncDir(string) error { return nil }

// tryLock takes the exclusive lock on an open file, or says that it is taken.
// The system gives it back when the file is closed or the process ends.
func tryLock(f *os.File) (taken bool, err error) {
	err = windows.LockFileEx(windows.Handle(f.Fd()),
		windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &windows.Overlapped{})
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) || errors.Is(err, windows.ERROR_IO_PENDING) {
		return false, nil
	}
	return err == nil, err
}
