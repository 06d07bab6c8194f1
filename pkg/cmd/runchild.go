package cmd

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

// notStarted gives failures before the start of a command the code that env(1),
// timeout(1) and docker give them, so that no script takes them for the
// command's own. A Ctrl-C keeps its code.
func notStarted(err error) error {
	var (
		silent silentExit
		coded  *codedError
	)
	switch {
	case err == nil, errors.As(err, &silent), errors.As(err, &coded),
		fault.ReasonOf(err) == fault.Interrupted, errors.Is(err, context.Canceled):
		return err
	}
	return &codedError{exitNotStarted, err}
}

// findCommand looks for a program as a shell does: in PATH, unless its name has
// a slash.
func findCommand(args []string) (*exec.Cmd, error) {
	path, err := exec.LookPath(args[0])
	if err != nil {
		return nil, cannotRun(args[0], err)
	}
	command := exec.Command(path, args[1:]...) //nolint:noctx // Ctrl-C is the command's own affair
	command.Args[0] = args[0]
	return command, nil
}

// cannotRun tells "there is none" from "it cannot be executed".
func cannotRun(name string, err error) error {
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		return &codedError{exitNoCommand, fault.New(fault.Usage, "", "there is no command %q: %w", name, cause(err))}
	}
	return &codedError{exitNotExecutable, fault.New(fault.Usage, "", "%q cannot be executed: %w", name, cause(err))}
}

// cause is an error of os/exec or os without the name, which is said already.
func cause(err error) error {
	var (
		lookUp *exec.Error
		start  *fs.PathError
	)
	switch {
	case errors.As(err, &lookUp):
		return cause(lookUp.Err)
	case errors.As(err, &start):
		return start.Err
	}
	return err
}

// caught are the signals that come while a command runs. On a terminal Ctrl-C
// and Ctrl-\ reach the command by themselves, which decides what they mean;
// what is sent to this process alone is passed on.
type caught struct{ signals chan os.Signal }

// catchSignals keeps signals from ending this process until stop.
func catchSignals() caught {
	c := caught{make(chan os.Signal, 8)}
	signal.Notify(c.signals, append(ignoredSignals(), forwardedSignals()...)...)
	return c
}

func (c caught) stop() { signal.Stop(c.signals) }

// run runs a command to its end. The error is its exit code, nil for 0, or that
// it could not be started.
func (c caught) run(command *exec.Cmd) error {
	if err := command.Start(); err != nil {
		return cannotRun(command.Args[0], err)
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	for {
		select {
		case received := <-c.signals:
			if isForwarded(received) {
				_ = command.Process.Signal(received) // it may have ended just now
			}
		case err := <-ended:
			return outcomeOf(command, err)
		}
	}
}

func isForwarded(received os.Signal) bool {
	for _, forwarded := range forwardedSignals() {
		if received == forwarded {
			return true
		}
	}
	return false
}

// outcomeOf is the exit code of a command that has ended.
func outcomeOf(command *exec.Cmd, err error) error {
	if command.ProcessState == nil {
		return fault.New(fault.Internal, "", "wait for %q: %w", command.Args[0], err)
	}
	if code := exitCodeOf(command.ProcessState); code != exitDone {
		return silentExit(code)
	}
	return nil
}
