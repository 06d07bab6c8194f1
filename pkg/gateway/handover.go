package gateway

import (
	"context"
	"fmt"
	"reflect"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/kftls/kubectl-kftls/pkg/cluster"
	"github.com/kftls/kubectl-kftls/pkg/fault"
)

// Handover is the change of a Gateway that a program keeps as its own source
// says. An edit in the cluster would be undone by the next sync, so the change
// is to be made in the source.
type Handover struct {
	Change
	// Manager is that program, see ManagerOf.
	Manager string
}

// String describes the change in a line.
func (h Handover) String() string {
	return fmt.Sprintf("Gateway %s: %s keeps it as its own source says, where this is to be done: %s", h.Object(), h.Manager, h.Why)
}

// handOver takes the changes of managed Gateways out of those that are to be
// written. Our record alone is no reason to change a Gateway in its source.
func handOver(changes []Change) (write []Change, handed []Handover) {
	for _, change := range changes {
		manager := ManagerOf(change.Before)
		switch {
		case manager == "":
			write = append(write, change)
		case !reflect.DeepEqual(rawServers(change.Before), rawServers(change.After)):
			handed = append(handed, Handover{Change: change, Manager: manager})
		}
	}
	return write, handed
}

const patchHeader = `# JSON patch (RFC 6902) of Gateway %s, for the source that %s keeps it by.
# In a kustomization.yaml (Flux: spec.patches, Argo CD: spec.source.kustomize.patches):
#   patches:
#   - path: kftls.yaml # this file
#     target: {group: networking.istio.io, kind: Gateway, namespace: %s, name: %s}
# A strategic merge would replace the whole list of servers.
`

// Patch is the change as a JSON patch in YAML, against the object as its source
// has it: without our server. Comments say where to put it.
func (h Handover) Patch() (string, error) {
	body, err := yaml.Marshal(h.operations())
	if err != nil {
		return "", fmt.Errorf("render the patch of Gateway %s: %w", h.Object(), err)
	}
	return fmt.Sprintf(patchHeader, h.Object(), h.Manager, h.After.GetNamespace(), h.After.GetName()) + string(body), nil
}

// operations change servers in place by their index, each guarded by the
// port's name, and append ours.
func (h Handover) operations() []patchOperation {
	before, _ := withoutOurs(h.Before)
	after, ours := withoutOurs(h.After)
	if len(before) == 0 {
		return []patchOperation{{Op: "add", Path: "/spec/servers", Value: append(after, ours...)}}
	}
	var operations []patchOperation
	for i := range before {
		if !reflect.DeepEqual(before[i], after[i]) {
			path := fmt.Sprintf("/spec/servers/%d", i)
			operations = append(operations,
				patchOperation{Op: "test", Path: path + "/port/name", Value: parseServer(before[i]).Name},
				patchOperation{Op: "replace", Path: path, Value: after[i]})
		}
	}
	for _, server := range ours {
		operations = append(operations, patchOperation{Op: "add", Path: "/spec/servers/-", Value: server})
	}
	return operations
}

func withoutOurs(gateway *unstructured.Unstructured) (others, ours []any) {
	for _, raw := range rawServers(gateway) {
		if parseServer(raw).Name == ServerName {
			ours = append(ours, raw)
		} else {
			others = append(others, raw)
		}
	}
	return others, ours
}

// syncPause lies between two looks for a sync, which takes minutes rather than
// seconds.
const syncPause = time.Second

// AwaitSync waits until the Gateway of a front door has the server that was
// handed over, and reads it again. It ends with ctx.
func AwaitSync(ctx context.Context, c *cluster.Cluster, door *FrontDoor, handed Handover, spec Spec) error {
	client := c.Dynamic.Resource(door.Resource).Namespace(handed.After.GetNamespace())
	last := error(fault.New(fault.Verification, "", "Gateway %s has no server of ours on port %d yet", handed.Object(), spec.Port))
	for {
		current, err := client.Get(ctx, handed.After.GetName(), metav1.GetOptions{})
		switch {
		case err == nil:
			door.replace(current)
			if server, stands := door.OurServer(spec.SecretName); stands && server.Number == spec.Port {
				return nil
			}
		case ctx.Err() == nil:
			last = cluster.Explain(err, "read Gateway %s", handed.Object())
		}
		select {
		case <-ctx.Done():
			return ended(ctx, fault.Wrap(fault.Timeout,
				"see whether "+handed.Manager+" has synced the patch; a longer wait: kubectl kftls setup --wait --timeout 10m", last))
		case <-time.After(syncPause):
		}
	}
}

// replace puts an object that was read again in place of what was read before.
func (d *FrontDoor) replace(current *unstructured.Unstructured) {
	if d.Gateway.GetUID() == current.GetUID() {
		d.Gateway = current
	}
	for i, other := range d.Others {
		if other.GetUID() == current.GetUID() {
			d.Others[i] = current
		}
	}
}
