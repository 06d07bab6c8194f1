package cmd

import (
	"context"
	"errors"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

// The exit codes, which scripts rely on. 124 is timeout(1)'s, 130 is what a
// shell reports for a program ended by Ctrl-C.
const (
	exitDone         = 0
	exitError        = 1
	exitUsage        = 2
	exitRenewalDue   = 3
	exitCouldNotLook = 3 // of diagnose
	exitLogin        = 4
	exitTimeout      = 124
	exitInterrupted  = 130

	// Those of run, as env(1) has them: before the command was started, where it
	// cannot be executed, and where there is none.
	exitNotStarted    = 125
	exitNotExecutable = 126
	exitNoCommand     = 127
)

// exitCodes is the one table from the reason of a failure to the exit code.
var exitCodes = map[fault.Reason]int{
	fault.Usage:    exitUsage,
	fault.Declined: exitUsage, // nothing was touched

	fault.LocalState:    exitError,
	fault.Unreachable:   exitError,
	fault.Unauthorized:  exitError, // of the kubeconfig; not a login at Kubeflow
	fault.Forbidden:     exitError,
	fault.Admission:     exitError,
	fault.ClockSkew:     exitError,
	fault.NoIstio:       exitError,
	fault.NotKubeflow:   exitError,
	fault.NotFound:      exitError,
	fault.NoReadyPod:    exitError,
	fault.NoServicePort: exitError,
	fault.Overlap:       exitError,
	fault.NotOurs:       exitError,
	fault.Conflict:      exitError,
	fault.Certificate:   exitError,
	fault.Verification:  exitError,
	fault.Unguarded:     exitError,
	fault.PortInUse:     exitError,
	fault.LoginFailed:   exitError,
	fault.Internal:      exitError,

	fault.LoginNeeded:  exitLogin,
	fault.LoginRefused: exitLogin,

	fault.Timeout:     exitTimeout,
	fault.Interrupted: exitInterrupted,
}

// silentExit ends a command with a code and no message: what there was to say
// has been said on stdout.
type silentExit int

func (silentExit) Error() string { return "" }

// codedError is an error whose exit code does not follow from its reason.
type codedError struct {
	code int
	err  error
}

// Error implements error.
func (e *codedError) Error() string { return e.err.Error() }

// Unwrap returns the error without the code.
func (e *codedError) Unwrap() error { return e.err }

// exitCode says how the program ends after err. What the user interrupted
// counts as interrupted, whatever failed first because of it.
func exitCode(ctx context.Context, err error) int {
	var (
		silent silentExit
		coded  *codedError
	)
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &silent):
		return int(silent)
	case ctx.Err() != nil:
		return exitInterrupted
	case errors.As(err, &coded):
		return coded.code
	}
	if code, known := exitCodes[reasonOf(ctx, err)]; known {
		return code
	}
	return exitError
}

// reasonOf is why a command failed. What the user interrupted counts as that.
func reasonOf(ctx context.Context, err error) fault.Reason {
	if ctx.Err() != nil {
		return fault.Interrupted
	}
	reason := fault.ReasonOf(err)
	if reason == fault.Internal {
		reason = contextReason(err)
	}
	return reason
}

// contextReason gives a reason to errors of the context package that reached
// the top without one.
func contextReason(err error) fault.Reason {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fault.Timeout
	case errors.Is(err, context.Canceled):
		return fault.Interrupted
	}
	return fault.Internal
}

// errorText is what is said about an error, "" where nothing is.
func errorText(err error) string {
	switch {
	case err == nil:
		return ""
	case fault.ReasonOf(err) == fault.Internal && errors.Is(err, context.Canceled):
		return "interrupted"
	}
	return err.Error()
}
