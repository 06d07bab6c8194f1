package setup

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kftls/kubectl-kftls/pkg/gateway"
)

// Progress is told of each step when it begins, and through the function that
// it returns, when it ends.
type Progress func(step string) (end func(detail string, err error))

// dryRun tries all writes of a plan, as a step, and returns the objects as they
// would be stored.
func (progress Progress) dryRun(ctx context.Context, writer gateway.Writer, plan *gateway.Plan) ([]*unstructured.Unstructured, error) {
	end := progress("Try the changes (server dry run)")
	objects, err := writer.DryRun(ctx, plan)
	end("", err)
	return objects, err
}

// writing carries out a change and returns the object as it was stored.
type writing func(context.Context, gateway.Change) (*unstructured.Unstructured, error)

// apply makes one write, as a step.
func (progress Progress) apply(ctx context.Context, write writing, change gateway.Change) (*unstructured.Unstructured, error) {
	end := progress(fmt.Sprintf("%s %s %s", titled(change.Action), change.Kind, change.Object()))
	stored, err := write(ctx, change)
	end("", err)
	return stored, err
}

func titled(action gateway.Action) string {
	switch action {
	case gateway.Create:
		return "Create"
	case gateway.Delete:
		return "Delete"
	}
	return "Change"
}
