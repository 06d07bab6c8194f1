package gateway

import (
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kftls/kubectl-kftls/pkg/cluster"
	"github.com/kftls/kubectl-kftls/pkg/fault"
)

// leavesGateway tells of a change that it takes the last of ours off a Gateway.
func (c Change) leavesGateway() bool { return c.Kind == "Gateway" && readRecord(c.After).isEmpty() }

// withRecordKept is the change that leaves a record of the owner of the servers
// and of our Secret, and of nothing to take back.
func (c Change) withRecordKept() (Change, error) {
	kept := &Record{ServersOwner: c.ownerBefore()}
	if record := readRecord(c.Before); record != nil {
		kept.SecretName = record.SecretName
	}
	c.After = c.After.DeepCopy()
	return c, kept.put(c.After)
}

// ownerBefore is who gets the servers back: somebody who changed them after us,
// else who had them before.
func (c Change) ownerBefore() *Owner {
	if owner := serversOwner(c.Before); owner != nil {
		return owner
	}
	if record := readRecord(c.Before); record != nil {
		return record.ServersOwner
	}
	return nil
}

// giveBackAttempts bounds the fresh reads when others change the Gateway at the
// same time. A GitOps controller does so within milliseconds of our write.
const giveBackAttempts = 5

// giveBack returns spec.servers to who owned it before, and removes the record.
// A patch that changes the servers cannot do it, the API server would take our
// change as a claim.
func (w Writer) giveBack(ctx context.Context, change Change, stored *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	owner := change.ownerBefore()
	now := time.Now
	if w.Now != nil {
		now = w.Now
	}
	client := w.client(change)
	var refused error
	for range giveBackAttempts {
		if !readRecord(stored).isEmpty() {
			return stored, nil // somebody has set up again meanwhile
		}
		operations := forgetRecord(stored)
		if fields, changed := givenBack(stored.GetManagedFields(), owner, now()); changed {
			operations = append(operations, patchOperation{Op: "replace", Path: "/metadata/managedFields", Value: fields})
		}
		if len(operations) == 0 {
			return stored, nil
		}
		operations = append([]patchOperation{{Op: "replace", Path: "/metadata/resourceVersion", Value: stored.GetResourceVersion()}}, operations...)
		var result *unstructured.Unstructured
		if result, refused = w.patch(ctx, client, change, operations, nil); refused == nil {
			return result, nil
		}
		if !apierrors.IsConflict(refused) && !(apierrors.IsInvalid(refused) && isStale(ctx, client, stored)) {
			break
		}
		current, err := client.Get(ctx, change.Before.GetName(), metav1.GetOptions{})
		if err != nil {
			refused = err
			break
		}
		stored = current
	}
	err := cluster.Explain(refused, "give the servers of Gateway %s back to their owner", change.Object())
	return stored, fault.Wrap(fault.ReasonOf(err), giveBackHint, err)
}

const giveBackHint = "the servers are as they were, but count as changed by us: run teardown again; or " +
	"let the next 'kubectl apply --server-side' of the Gateway take them with --force-conflicts"
