//go:build unix

package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

// fullDisk are the errors of a write that finds no room (write(2)). EFBIG comes from
// a limit on the size of files, such as a shell's ulimit.
var fullDisk = []error{unix.ENOSPC, unix.EDQUOT, unix.EFBIG}

// checkOwnership refuses a folder that somebody else may write to.
func checkOwnership(dir string, info fs.FileInfo) error {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && int(stat.Uid) != os.Geteuid() {
		return fault.New(fault.LocalState, elsewhere,
			"the state folder %s belongs to user %d, and this is user %d", dir, stat.Uid, os.Geteuid())
	}
	if info.Mode().Perm()&0o022 != 0 {
		return fault.New(fault.LocalState, "chmod go-w "+dir+", or "+elsewhere,
			"others may write to the state folder %s (mode %04o)", dir, info.Mode().Perm())
	}
	return nil
}

// checkSecret refuses a key that others may read or write.
func checkSecret(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return fault.New(fault.LocalState, "chmod 600 "+path,
			"others may use the private key %s (mode %04o)", path, info.Mode().Perm())
	}
	return nil
}

// closeToOthers finds out whether the mode of a secret counts. A file system that keeps
// none says so of every file: FAT, and a Windows drive in WSL without the mount option
// metadata (https://learn.microsoft.com/windows/wsl/file-permissions).
func closeToOthers(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	return checkKept(path, info.Mode())
}

// checkKept compares the mode that a secret has with the one that it was given.
func checkKept(path string, mode fs.FileMode) error {
	if mode.Perm()&0o077 == 0 {
		return nil
	}
	return fault.New(fault.LocalState, unkeptHint,
		"others could read a private key in %s: %w (what was closed to others has the mode %04o)", filepath.Dir(path), errUnkept, mode.Perm())
}

const unkeptHint = "set KFTLS_HOME to a folder on a file system that keeps permissions; in WSL: export KFTLS_HOME=~/.config/kftls, " +
	"or mount the Windows drive with metadata (/etc/wsl.conf: [automount] options = metadata)"

// checkWritable asks without writing.
func checkWritable(dir string) error {
	if err := unix.Access(dir, unix.W_OK|unix.X_OK); err != nil {
		return fmt.Errorf("%s cannot be written: %w", dir, err)
	}
	return nil
}

// syncDir brings the names in a folder to the disk.
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = f.Sync()
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOTSUP) {
		err = nil // some network file systems do not sync folders
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	return nil
}

// tryLock takes the exclusive lock on an open file, or says that it is taken.
// The system gives it back when the file is closed or the process ends.
func tryLock(f *os.File) (taken bool, err error) {
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case err == nil:
			return true, nil
		case errors.Is(err, unix.EWOULDBLOCK):
			return false, nil
		case !errors.Is(err, unix.EINTR):
			return false, err
		}
	}
}
