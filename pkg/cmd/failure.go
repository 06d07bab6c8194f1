package cmd

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/gateway"
	"github.com/kftls/kubectl-kftls/pkg/setup"
)

// failsAsObject marks a verb whose failures are objects on stdout, too, where -o
// asks for JSON.
const failsAsObject = "kftls.github.io/fails-as-object"

// failure is a run that failed, for programs. What people read of it is on stderr.
type failure struct {
	APIVersion string          `json:"apiVersion"`
	Kind       string          `json:"kind"`
	Reason     fault.Reason    `json:"reason"`
	Message    string          `json:"message"`
	Hint       string          `json:"hint"`
	Changed    []changedObject `json:"changed"`
}

// changedObject is an object that a run has changed, and that stays so.
type changedObject struct {
	// Action is "created", "configured", or "server removed" where our server was
	// taken off a Gateway.
	Action    string `json:"action"`
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
}

// changedError is a failure after which something in the cluster is changed.
type changedError struct {
	changed []changedObject
	err     error
}

// Error implements error.
func (e *changedError) Error() string { return e.err.Error() }

// Unwrap returns the failure itself.
func (e *changedError) Unwrap() error { return e.err }

// withChanged adds to a failure what the run has changed by then. A nil error stays
// nil.
func withChanged(err error, result *setup.Result) error {
	if err == nil {
		return nil
	}
	with := &changedError{err: err}
	for _, write := range result.Standing() {
		with.changed = append(with.changed, changedObject{
			Action: kubectlVerb(write.Action), Kind: write.Kind, Namespace: write.After.GetNamespace(), Name: write.After.GetName(),
		})
	}
	if result.Removed {
		object := result.Proposal.Finding.Door.Gateway
		with.changed = append(with.changed, changedObject{
			Action: "server removed", Kind: "Gateway", Namespace: object.GetNamespace(), Name: object.GetName(),
		})
	}
	return with
}

// printFailure prints a failure as an object where the command line asks for it, as
// far as that was read.
func printFailure(ctx context.Context, f *Factory, verb *cobra.Command, err error) error {
	if _, marked := verb.Annotations[failsAsObject]; err == nil || !marked || verb.Flag("output").Value.String() != "json" {
		return nil
	}
	object := failure{
		APIVersion: gateway.APIVersion, Kind: "Error", Reason: reasonOf(ctx, err), Message: errorText(err),
		Hint: fault.HintOf(err), Changed: []changedObject{},
	}
	if with, ok := errors.AsType[*changedError](err); ok && with.changed != nil {
		object.Changed = with.changed
	}
	return printObject(f.Streams.Out, "json", object)
}
