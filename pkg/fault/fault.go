// Package fault says what went wrong, why, and which command fixes it.
//
// The text of the error, its reason and its hint are kept apart, so that a
// terminal, a script and `-o json` can each show what they need.
package fault

import (
	"cmp"
	"errors"
	"fmt"
)

// Reason is why something failed, in one CamelCase word. Reasons are stable:
// scripts read them, and each stands for one exit code.
type Reason string

// The reasons, from the command line outwards to the cluster and the wire.
const (
	// Usage is a command line that cannot be carried out as written.
	Usage Reason = "Usage"
	// LocalState is a state folder or file of this computer that cannot be used.
	LocalState Reason = "LocalState"
	// Declined is a question that was answered with no, or could not be asked.
	Declined Reason = "Declined"
	// Unreachable is an API server or address that does not answer, or has too much
	// to do to answer now.
	Unreachable Reason = "Unreachable"
	// Unauthorized is kubeconfig credentials that the API server does not take.
	Unauthorized Reason = "Unauthorized"
	// Forbidden is a right that the user lacks.
	Forbidden Reason = "Forbidden"
	// Admission is a change that a webhook, a policy or a quota of the cluster does
	// not let through.
	Admission Reason = "Admission"
	// ClockSkew is a clock too far from the API server's to make certificates.
	ClockSkew Reason = "ClockSkew"
	// NoIstio is a cluster that does not serve Istio's API.
	NoIstio Reason = "NoIstio"
	// NotKubeflow is a cluster in which no front door of a Kubeflow was found.
	NotKubeflow Reason = "NotKubeflow"
	// NotFound is a named object that does not exist.
	NotFound Reason = "NotFound"
	// NoReadyPod is a Service behind which no pod is ready.
	NoReadyPod Reason = "NoReadyPod"
	// NoServicePort is a port that the ingress Service does not publish.
	NoServicePort Reason = "NoServicePort"
	// Overlap is another HTTPS server on the same port with overlapping hosts.
	Overlap Reason = "Overlap"
	// NotOurs is an object of our name that somebody else made.
	NotOurs Reason = "NotOurs"
	// Conflict is an object that somebody else changed at the same time.
	Conflict Reason = "Conflict"
	// Certificate is a certificate, key or name that cannot be used.
	Certificate Reason = "Certificate"
	// Verification is a front door that does not serve what was written.
	Verification Reason = "Verification"
	// Unguarded is an HTTPS server that lets through what the login must stop.
	Unguarded Reason = "Unguarded"
	// LoginNeeded is a Kubeflow that wants a login, and none that can be made
	// without the user.
	LoginNeeded Reason = "LoginNeeded"
	// LoginRefused is credentials that Kubeflow's login does not take.
	LoginRefused Reason = "LoginRefused"
	// LoginFailed is a login that broke down on the way: Dex, its directory or
	// the auth proxy is down or set up wrongly.
	LoginFailed Reason = "LoginFailed"
	// PortInUse is a local port that somebody else listens on.
	PortInUse Reason = "PortInUse"
	// Timeout is a wait that reached its limit.
	Timeout Reason = "Timeout"
	// Interrupted is a run that the user ended with Ctrl-C.
	Interrupted Reason = "Interrupted"
	// Internal is everything that has no reason of its own.
	Internal Reason = "Internal"
)

// Error is a failure with its reason and, where there is one, the hint that
// fixes it: a sentence or a command that can be pasted.
type Error struct {
	Reason Reason
	Hint   string
	Err    error
}

// Error returns the text of the failure alone, without the hint.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// New makes an Error from a format in the manner of fmt.Errorf; %w works.
func New(reason Reason, hint, format string, args ...any) *Error {
	return &Error{Reason: reason, Hint: hint, Err: fmt.Errorf(format, args...)}
}

// Wrap gives an error a reason and a hint. A nil error stays nil.
func Wrap(reason Reason, hint string, err error) error {
	if err == nil {
		return nil
	}
	return &Error{Reason: reason, Hint: hint, Err: err}
}

// ReasonOf returns the reason of the outermost Error in err's chain, Internal
// when there is none, and "" for nil.
func ReasonOf(err error) Reason {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Reason
	}
	return Internal
}

// HintOf returns the first hint in err's chain, of joined errors in their
// order, and "" when there is none.
func HintOf(err error) string {
	switch wrapper := err.(type) { //nolint:errorlint // the whole tree is walked here
	case *Error:
		return cmp.Or(wrapper.Hint, HintOf(wrapper.Err))
	case interface{ Unwrap() error }:
		return HintOf(wrapper.Unwrap())
	case interface{ Unwrap() []error }:
		for _, joined := range wrapper.Unwrap() {
			if hint := HintOf(joined); hint != "" {
				return hint
			}
		}
	}
	return ""
}
