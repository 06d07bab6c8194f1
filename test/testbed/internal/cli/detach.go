package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"github.com/kftls/kubectl-kftls/test/testbed/internal/control"
	"github.com/kftls/kubectl-kftls/test/testbed/internal/supervisor"
)

// superviseFlag marks the process that `up --detach` leaves behind. It speaks
// with its starter by two pipes: by reportPipe it tells what `up` prints, and its
// last line is okLine or begins with failLine; the end of holdPipe before okLine
// was sent means that the starter is gone, and the start is called off.
const (
	superviseFlag = "supervise"
	reportPipe    = 3
	holdPipe      = 4
	okLine        = "ok"
	failLine      = "error: "
)

// upDetached starts this program again, in a session of its own, and returns
// when the testbed is ready.
func (a *app) upDetached(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	report, reportEnd, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("make a pipe: %w", err)
	}
	defer report.Close()
	holdEnd, hold, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("make a pipe: %w", err)
	}
	// Closing it is how Ctrl-C and a kill -9 reach the testbed while it starts.
	defer hold.Close()
	cmd := exec.Command(self, a.supervisorArgs()...)
	cmd.Env = a.environ
	cmd.ExtraFiles = []*os.File{reportEnd, holdEnd}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = cmd.Start()
	reportEnd.Close()
	holdEnd.Close()
	if err != nil {
		return fmt.Errorf("start the testbed: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { hold.Close() })
	defer stop()
	if err := relay(report, a.streams.Err); err != nil {
		_ = cmd.Wait()
		return errors.Join(ctx.Err(), err)
	}
	status, err := a.status(ctx)
	if err != nil {
		return err
	}
	a.printReady(*status)
	return cmd.Process.Release()
}

// supervisorArgs are this process's arguments, with --supervise for --detach.
func (a *app) supervisorArgs() []string {
	var args []string
	for _, arg := range os.Args[1:] {
		if name, _, _ := strings.Cut(arg, "="); name != "--detach" {
			args = append(args, arg)
		}
	}
	return append(args, "--"+superviseFlag)
}

// relay prints what the testbed reports, until it is ready or has failed.
func relay(report io.Reader, out io.Writer) error {
	scanner := bufio.NewScanner(report)
	var failure []string
	for scanner.Scan() {
		line := scanner.Text()
		switch text, failed := strings.CutPrefix(line, failLine); {
		case line == okLine:
			return nil
		case failed:
			failure = append(failure, text)
		case failure != nil:
			failure = append(failure, line)
		default:
			fmt.Fprintln(out, line)
		}
	}
	if failure != nil {
		return errors.New(strings.Join(failure, "\n"))
	}
	return errors.New("the testbed ended while it started, and said nothing")
}

// isSupervisor tells whether `up --detach` started this process: the two pipes
// are there.
func isSupervisor() bool {
	for _, fd := range []int{reportPipe, holdPipe} {
		var stat syscall.Stat_t
		if err := syscall.Fstat(fd, &stat); err != nil || stat.Mode&syscall.S_IFMT != syscall.S_IFIFO {
			return false
		}
	}
	return true
}

// supervised runs a testbed in the process that `up --detach` leaves behind.
func (a *app) supervised(ctx context.Context, o supervisor.Options) error {
	report := os.NewFile(reportPipe, "report")
	hold := os.NewFile(holdPipe, "hold")
	syscall.CloseOnExec(reportPipe)
	syscall.CloseOnExec(holdPipe)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ready := make(chan struct{})
	go watchStarter(hold, ready, cancel)

	reporter := &app{streams: Streams{Err: report}}
	o.Done, o.Note = reporter.stepDone, reporter.note
	o.Logf = nil
	o.Ready = func(control.Status) {
		close(ready)
		fmt.Fprintln(report, okLine)
		report.Close()
	}
	err := supervisor.Run(ctx, o)
	select {
	case <-ready:
	default:
		fmt.Fprintln(report, failLine+fmt.Sprint(err))
	}
	return err
}

// watchStarter calls the start off when the starter is gone.
func watchStarter(hold io.Reader, ready <-chan struct{}, callOff func()) {
	_, _ = hold.Read(make([]byte, 1))
	select {
	case <-ready:
	default:
		callOff()
	}
}
