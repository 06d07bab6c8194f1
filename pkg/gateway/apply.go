package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"golang.org/x/sync/errgroup"

	"github.com/kftls/kubectl-kftls/pkg/cluster"
	"github.com/kftls/kubectl-kftls/pkg/fault"
)

// writeTimeout bounds one write, which is not cut short by Ctrl-C: half a
// write would be one of which nobody knows whether it happened. It leaves room
// for an admission webhook that hangs for the API server's 10 s; who asks for
// longer requests gets them.
func (w Writer) writeTimeout() time.Duration {
	return max(cluster.DefaultRequestTimeout, w.Cluster.Config.Timeout)
}

// Writer carries out the changes of a plan.
type Writer struct {
	Cluster *cluster.Cluster
	// Manager is the field manager, see FieldManager.
	Manager string
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// DryRun sends all writes of a plan with dryRun=All, at the same time, so that
// a webhook, quota, policy or missing right stops everything while nothing is
// changed. It returns the objects as the API server would store them, by the
// order of the plan; nil for a deletion.
func (w Writer) DryRun(ctx context.Context, plan *Plan) ([]*unstructured.Unstructured, error) {
	results := make([]*unstructured.Unstructured, len(plan.Changes))
	group, ctx := errgroup.WithContext(ctx)
	for i, change := range plan.Changes {
		group.Go(func() error {
			result, err := w.write(ctx, change, []string{metav1.DryRunAll})
			results[i] = result
			return err
		})
	}
	return results, group.Wait()
}

// Apply carries out one change and returns the object as it was stored; nil
// for a deletion. Once begun, the write is not interrupted. Ownership of
// spec.servers is given back when the last of ours has left the Gateway.
func (w Writer) Apply(ctx context.Context, change Change) (*unstructured.Unstructured, error) {
	stored, err := w.Begin(ctx, change)
	if err != nil {
		return stored, err
	}
	return w.End(ctx, change, stored)
}

// Begin is Apply without what End does. Of a Gateway that the last of ours
// leaves, the record stays, of whose servers they were and of our Secret's name:
// a run that is cut short before End is completed by another one.
func (w Writer) Begin(ctx context.Context, change Change) (*unstructured.Unstructured, error) {
	if err := ctx.Err(); err != nil {
		return nil, cluster.Explain(err, "%s %s %s", change.Action, change.Kind, change.Object())
	}
	if change.leavesGateway() {
		var err error
		if change, err = change.withRecordKept(); err != nil || len(gatewayOperations(change)) == 0 {
			return change.Before, err
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), w.writeTimeout())
	defer cancel()
	return w.write(ctx, change, nil)
}

// End takes the record off a Gateway that the last of ours has left, and gives
// its servers back to their owner. Other changes are over with Begin, which has
// returned what was stored.
func (w Writer) End(ctx context.Context, change Change, stored *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	if !change.leavesGateway() {
		return stored, nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), w.writeTimeout())
	defer cancel()
	return w.giveBack(ctx, change, stored)
}

func (w Writer) write(ctx context.Context, change Change, dryRun []string) (stored *unstructured.Unstructured, err error) {
	client := w.client(change)
	switch {
	case change.Action == Delete:
		uid, version := change.Before.GetUID(), change.Before.GetResourceVersion()
		err = client.Delete(ctx, change.Before.GetName(), metav1.DeleteOptions{
			DryRun: dryRun, Preconditions: &metav1.Preconditions{UID: &uid, ResourceVersion: &version},
		})
		if apierrors.IsNotFound(err) {
			err = nil // somebody else has deleted it meanwhile
		}
	case change.wanted != nil:
		stored, err = w.applyFields(ctx, client, change, dryRun)
	default:
		stored, err = w.patchServers(ctx, client, change, dryRun)
	}
	doing := string(change.Action)
	if dryRun != nil {
		doing = "try to " + doing
	}
	err = cluster.Explain(err, "%s %s %s", doing, change.Kind, change.Object())
	if fault.ReasonOf(err) == fault.Timeout { // nothing in it says what the API server waited for
		err = fault.Wrap(fault.Timeout, slowWriteHint, err)
	}
	return stored, err
}

const slowWriteHint = "a webhook that hangs is the usual cause, see them: " + cluster.ListWebhooks + "; a longer wait: --request-timeout 60s"

func (w Writer) client(change Change) dynamic.ResourceInterface {
	namespace, _, _ := strings.Cut(change.Object(), "/")
	return w.Cluster.Dynamic.Resource(change.Resource).Namespace(namespace)
}

// applyFields writes a Secret or ConfigMap by server-side apply: never forced
// when it is made, so that of two people at once one wins; forced, and guarded
// by uid and resourceVersion, when it changes one that was read.
func (w Writer) applyFields(ctx context.Context, client dynamic.ResourceInterface, change Change, dryRun []string) (*unstructured.Unstructured, error) {
	body := change.wanted.DeepCopy()
	if change.Before != nil {
		body.SetUID(change.Before.GetUID())
		body.SetResourceVersion(change.Before.GetResourceVersion())
	}
	return client.Apply(ctx, body.GetName(), body, metav1.ApplyOptions{
		FieldManager: w.Manager, Force: change.Before != nil, DryRun: dryRun,
	})
}

type patchOperation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value,omitempty"`
}

// patchServers writes a Gateway by JSON patch. The replaced resourceVersion is
// the guard: a stale one gives 409. There must be no test operation beside it:
// it would fail first, with a 422 that looks like a wrong path.
func (w Writer) patchServers(ctx context.Context, client dynamic.ResourceInterface, change Change, dryRun []string) (*unstructured.Unstructured, error) {
	operations := []patchOperation{
		{Op: "replace", Path: "/metadata/resourceVersion", Value: change.Before.GetResourceVersion()},
	}
	stored, err := w.patch(ctx, client, change, append(operations, gatewayOperations(change)...), dryRun)
	if apierrors.IsInvalid(err) && isStale(ctx, client, change.Before) {
		return nil, apierrors.NewConflict(change.Resource.GroupResource(), change.Before.GetName(), err)
	}
	return stored, err
}

// isStale tells whether an object was changed since it was read. A patch of a
// path that is gone by then fails as invalid, before versions are compared.
func isStale(ctx context.Context, client dynamic.ResourceInterface, read *unstructured.Unstructured) bool {
	current, err := client.Get(ctx, read.GetName(), metav1.GetOptions{})
	return err == nil && current.GetResourceVersion() != read.GetResourceVersion()
}

func (w Writer) patch(ctx context.Context, client dynamic.ResourceInterface, change Change, operations []patchOperation, dryRun []string) (*unstructured.Unstructured, error) {
	body, err := json.Marshal(operations)
	if err != nil {
		return nil, fmt.Errorf("encode the patch: %w", err)
	}
	return client.Patch(ctx, change.Before.GetName(), types.JSONPatchType, body, metav1.PatchOptions{
		FieldManager: w.Manager, DryRun: dryRun,
	})
}

// gatewayOperations are what a change does to a Gateway.
func gatewayOperations(change Change) []patchOperation {
	return append(serverOperations(change), annotationOperations(change)...)
}

// serverOperations replaces the list as a whole; a Gateway may have none yet.
func serverOperations(change Change) []patchOperation {
	before, after := rawServers(change.Before), rawServers(change.After)
	switch {
	case reflect.DeepEqual(before, after):
		return nil
	case before == nil:
		return []patchOperation{{Op: "add", Path: "/spec/servers", Value: after}}
	case after == nil:
		return []patchOperation{{Op: "remove", Path: "/spec/servers"}}
	}
	return []patchOperation{{Op: "replace", Path: "/spec/servers", Value: after}}
}

// annotationOperations writes or removes our one annotation, and the map
// around it where it was ours alone.
func annotationOperations(change Change) []patchOperation {
	before, had := change.Before.GetAnnotations()[AnnotationSetup]
	after, has := change.After.GetAnnotations()[AnnotationSetup]
	switch {
	case has && len(change.Before.GetAnnotations()) == 0:
		return []patchOperation{{Op: "add", Path: "/metadata/annotations", Value: map[string]string{AnnotationSetup: after}}}
	case has && before != after:
		return []patchOperation{{Op: "add", Path: recordPath, Value: after}}
	case had && !has:
		return forgetRecord(change.Before)
	}
	return nil
}

var recordPath = "/metadata/annotations/" + strings.ReplaceAll(AnnotationSetup, "/", "~1")

// forgetRecord removes our annotation from an object.
func forgetRecord(object *unstructured.Unstructured) []patchOperation {
	annotations := object.GetAnnotations()
	switch _, has := annotations[AnnotationSetup]; {
	case !has:
		return nil
	case len(annotations) == 1:
		return []patchOperation{{Op: "remove", Path: "/metadata/annotations"}}
	}
	return []patchOperation{{Op: "remove", Path: recordPath}}
}
