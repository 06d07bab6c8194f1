//go:build e2e && linux

package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// killer runs a program and kills it at a change of a folder, before the change
// is made. It sees the program's system calls (ptrace(2)): what watches a folder
// from outside hears of a change when the program has long gone on.
type killer struct {
	folder string
	// at is the number of the change to kill at, from 1; 0 lets it live.
	at int
	// changes are those that were seen, as "open ca/.new-*/ca.key".
	changes []string
}

// run runs a program of which the output goes to files, and returns how it ended.
func (k *killer) run(cmd *exec.Cmd) (unix.WaitStatus, error) {
	// Only the thread that began to trace may go on with it, and it must not take
	// the ends of other threads' children.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	pid := cmd.Process.Pid
	defer func() { _ = cmd.Process.Release() }() // its end is taken below
	tooLong := time.AfterFunc(runLimit, func() { _ = unix.Kill(pid, unix.SIGKILL) })
	defer tooLong.Stop()
	for isFirst := true; ; isFirst = false {
		var status unix.WaitStatus
		thread, err := unix.Wait4(-1, &status, unix.WALL|unix.WNOTHREAD, nil)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return 0, fmt.Errorf("wait for the traced program: %w", err)
		case status.Exited() || status.Signaled():
			if thread == pid {
				return status, nil
			}
			continue
		}
		if isFirst {
			err = unix.PtraceSetOptions(pid, unix.PTRACE_O_TRACESYSGOOD|unix.PTRACE_O_TRACECLONE|unix.PTRACE_O_EXITKILL)
			if err != nil {
				return 0, errors.Join(fmt.Errorf("trace: %w", err), unix.Kill(pid, unix.SIGKILL))
			}
		}
		// A thread that was killed meanwhile cannot go on (ESRCH): its end follows.
		if err := unix.PtraceSyscall(thread, k.stopped(pid, thread, status)); err != nil && !errors.Is(err, unix.ESRCH) {
			return 0, errors.Join(fmt.Errorf("trace: %w", err), unix.Kill(pid, unix.SIGKILL))
		}
	}
}

// stopped looks at a thread that has stopped, and returns the signal to go on with.
func (k *killer) stopped(pid, thread int, status unix.WaitStatus) (signal int) {
	switch stop := status.StopSignal(); stop {
	case unix.SIGTRAP | 0x80: // at the begin and at the end of a system call
		change := k.changeOf(thread)
		if change == "" {
			return 0
		}
		if k.changes = append(k.changes, change); len(k.changes) == k.at {
			_ = unix.Kill(pid, unix.SIGKILL) // it is there: it waits for us
		}
		return 0
	case unix.SIGTRAP, unix.SIGSTOP: // of tracing itself: a new program, a new thread
		return 0
	default:
		return int(stop)
	}
}

// call is struct ptrace_syscall_info at the begin of a system call
// (https://man7.org/linux/man-pages/man2/ptrace.2.html).
type call struct {
	op        uint8
	_         [3]uint8
	_         uint32
	_         [2]uint64
	number    uint64
	arguments [6]uint64
	_         [2]uint64
}

// callBegins is PTRACE_SYSCALL_INFO_ENTRY of linux/ptrace.h.
const callBegins = 1

// changeOf says what a system call would change in the folder, "" for nothing.
func (k *killer) changeOf(thread int) string {
	var info call
	_, _, failed := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_GET_SYSCALL_INFO, uintptr(thread), unsafe.Sizeof(info), uintptr(unsafe.Pointer(&info)), 0, 0)
	if failed != 0 || info.op != callBegins {
		return ""
	}
	a := info.arguments
	what, path := "", ""
	switch info.number {
	case unix.SYS_OPENAT:
		if a[2]&(unix.O_CREAT|unix.O_TRUNC) != 0 {
			what, path = "open", pathAt(thread, a[0], a[1])
		}
	case unix.SYS_MKDIRAT:
		what, path = "mkdir", pathAt(thread, a[0], a[1])
	case unix.SYS_UNLINKAT:
		what, path = "remove", pathAt(thread, a[0], a[1])
	case unix.SYS_RENAMEAT, unix.SYS_RENAMEAT2:
		what, path = "rename to", pathAt(thread, a[2], a[3])
	case unix.SYS_LINKAT:
		what, path = "link to", pathAt(thread, a[2], a[3])
	case unix.SYS_WRITE, unix.SYS_PWRITE64, unix.SYS_FTRUNCATE:
		what, path = "write", openFile(thread, a[0])
	}
	inside, isInside := strings.CutPrefix(path, k.folder)
	if !isInside || inside != "" && inside[0] != '/' {
		return ""
	}
	return what + " " + drawn.ReplaceAllString(strings.TrimPrefix(inside, "/"), "${1}*")
}

// drawn is what is random in the names of a state folder.
var drawn = regexp.MustCompile(`(\.(?:new|old|probe)-|\b[0-9a-f]{6})[0-9a-f]+`)

// openFile is the path of a file that a thread has open.
func openFile(thread int, fd uint64) string {
	path, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", thread, int32(fd)))
	return path
}

// pathAt is the path that a system call names: from a folder, and by a text in
// the thread's memory.
func pathAt(thread int, folder, address uint64) string {
	var text [512]byte // no path here is longer
	n, _ := unix.PtracePeekData(thread, uintptr(address), text[:])
	name, _, _ := bytes.Cut(text[:n], []byte{0})
	if filepath.IsAbs(string(name)) {
		return filepath.Clean(string(name))
	}
	if int32(folder) == unix.AT_FDCWD {
		from, _ := os.Readlink(fmt.Sprintf("/proc/%d/cwd", thread))
		return filepath.Join(from, string(name))
	}
	return filepath.Join(openFile(thread, folder), string(name))
}
