package gateway

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kftls/kubectl-kftls/pkg/cluster"
	"github.com/kftls/kubectl-kftls/pkg/fault"
)

// Inverse is the change that takes this one back, right after it was made;
// stored is the object as the API server keeps it now.
func (c Change) Inverse(stored *unstructured.Unstructured) Change {
	back := Change{Resource: c.Resource, Kind: c.Kind, Before: stored, After: c.Before, Why: "take back what this run changed"}
	switch {
	case c.Before == nil:
		back.Action = Delete
	case c.wanted != nil:
		back.Action, back.wanted = Update, formerly(c.wanted, c.Before)
	default:
		back.Action = Update
	}
	return back
}

// formerly has the fields of wanted with the values that they had before.
func formerly(wanted, before *unstructured.Unstructured) *unstructured.Unstructured {
	result := wanted.DeepCopy()
	restore(result.Object, before.Object)
	return result
}

func restore(target, source map[string]any) {
	for key, value := range target {
		inner, isMap := value.(map[string]any)
		was, existed := source[key]
		switch wasMap, _ := was.(map[string]any); {
		case !existed:
			delete(target, key)
		case isMap && wasMap != nil:
			restore(inner, wasMap)
		default:
			target[key] = was
		}
	}
}

// takeOutAttempts bounds the fresh reads when others change the Gateway at the
// same time.
const takeOutAttempts = 10

// TakeOut removes our server from the Gateways of a front door, and gives
// swapped servers their certificate back; Secret and ConfigMap stay. Each
// Gateway is read afresh, also after a conflict.
func TakeOut(ctx context.Context, w Writer, door *FrontDoor, secretName string) error {
	for _, gateway := range door.Gateways() {
		if err := takeOutOf(ctx, w, door, gateway, secretName); err != nil {
			return err
		}
	}
	return nil
}

func takeOutOf(ctx context.Context, w Writer, door *FrontDoor, gateway *unstructured.Unstructured, secretName string) error {
	client := w.Cluster.Dynamic.Resource(door.Resource).Namespace(gateway.GetNamespace())
	var err error
	for range takeOutAttempts {
		var current *unstructured.Unstructured
		current, err = client.Get(ctx, gateway.GetName(), metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		if err != nil {
			return cluster.Explain(err, "read Gateway %s", objectName(gateway))
		}
		edit := newEdit(current)
		edit.undo(secretName)
		var changes []Change
		if changes, err = edit.change(door.Resource); err != nil || len(changes) == 0 {
			return err
		}
		if _, err = w.Apply(ctx, changes[0]); fault.ReasonOf(err) != fault.Conflict {
			return err
		}
	}
	return err
}
