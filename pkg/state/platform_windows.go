package state

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/windows"
)

// fullDisk are the errors of a write that finds no room.
var fullDisk = []error{windows.ERROR_DISK_FULL, windows.ERROR_HANDLE_DISK_FULL, windows.ERROR_DISK_QUOTA_EXCEEDED}

// checkOwnership refuses a folder that everybody may write to.
func checkOwnership(dir string, _ fs.FileInfo) error {
	return requireClosed(dir, "the state folder", rightsToWrite)
}

// checkSecret refuses a key that everybody may read or write.
func checkSecret(path string) error {
	if _, err := os.Stat(path); err != nil {
		return err
	}
	return requireClosed(path, "the private key", rightsToUse)
}

// closeToOthers makes a file or folder its owner's alone, which mode bits do not on
// Windows.
func closeToOthers(path string) error { return restrict(path) }

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
