//go:build linux

// Package proc runs child processes that cannot outlive the program that
// started them, not even when that program is ended by SIGKILL.
package proc

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// Spec says how a child is started.
type Spec struct {
	// Name is what messages call the child.
	Name string
	// Path is the executable file.
	Path string
	// Args are the arguments, without the program's own name.
	Args []string
	// Env is the whole environment, KEY=value each. Nothing is inherited.
	Env []string
	// Dir is the child's working directory.
	Dir string
	// Log is the file to which standard output and standard error are
	// appended. It is made, with mode 0600, if it does not exist.
	Log string
}

// Process is a child that was started.
type Process struct {
	name    string
	cmd     *exec.Cmd
	started time.Time
	done    chan struct{}
	err     error
}

// starter is the one OS thread from which every child is started. The kernel
// sends the parent-death signal when the thread that forked ends, not the
// process (prctl(2), PR_SET_PDEATHSIG), so this thread must never end.
var starter = sync.OnceValue(func() chan func() {
	jobs := make(chan func())
	go func() {
		runtime.LockOSThread()
		for job := range jobs {
			job()
		}
	}()
	return jobs
})

// Start starts a child, which is killed by the kernel when this program ends,
// however it ends. The child gets a session of its own, so that the Ctrl-C of
// a terminal reaches this program alone.
func Start(spec Spec) (*Process, error) {
	if err := os.MkdirAll(filepath.Dir(spec.Log), 0o700); err != nil {
		return nil, fmt.Errorf("make the log folder of %s: %w", spec.Name, err)
	}
	log, err := os.OpenFile(spec.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the log of %s: %w", spec.Name, err)
	}
	defer log.Close()

	cmd := exec.Command(spec.Path, spec.Args...)
	cmd.Env = append([]string{}, spec.Env...) // never nil: nil would inherit ours
	cmd.Dir = spec.Dir
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}

	started := make(chan error)
	starter() <- func() { started <- cmd.Start() }
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", spec.Name, err)
	}
	p := &Process{name: spec.Name, cmd: cmd, started: time.Now(), done: make(chan struct{})}
	go p.reap()
	return p, nil
}

func (p *Process) reap() {
	p.err = p.cmd.Wait()
	close(p.done)
}

// Name is the name given in the Spec.
func (p *Process) Name() string { return p.name }

// PID is the child's process id. It may belong to another process once Done
// is closed.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// StartedAt is the moment of the start.
func (p *Process) StartedAt() time.Time { return p.started }

// Done is closed when the child has ended and was waited for.
func (p *Process) Done() <-chan struct{} { return p.done }

// Running tells whether the child has not ended yet.
func (p *Process) Running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Err is how the child ended: nil for exit code 0 and while it still runs,
// else usually an *exec.ExitError.
func (p *Process) Err() error {
	if p.Running() {
		return nil
	}
	return p.err
}

// ExitCode is the child's exit code as a container runtime would give it: 128
// and the signal's number for a death by signal, -1 while it still runs.
func (p *Process) ExitCode() int {
	if p.Running() {
		return -1
	}
	state := p.cmd.ProcessState
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return state.ExitCode()
}

// Signal sends a signal to the child. One that has ended is left in peace.
func (p *Process) Signal(signal os.Signal) error {
	if err := p.cmd.Process.Signal(signal); err != nil && p.Running() {
		return fmt.Errorf("signal %s: %w", p.name, err)
	}
	return nil
}

// Kill ends the child at once, as kill -9 does. It does not wait.
func (p *Process) Kill() { _ = p.cmd.Process.Kill() }

// Stop asks the child to end (SIGTERM), and kills it when it has not ended
// after the grace period or when ctx ends. It returns when the child is gone.
func (p *Process) Stop(ctx context.Context, grace time.Duration) error {
	if err := p.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.done:
		return nil
	case <-timer.C:
	case <-ctx.Done():
	}
	p.Kill()
	<-p.done
	return nil
}
