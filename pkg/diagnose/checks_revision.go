package diagnose

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// revisionLabel says which of several istiods an object is for.
const revisionLabel = "istio.io/rev"

func revisionChecks() []Check {
	return []Check{
		{
			Code: "KFT326", Title: "the Gateway is labelled for another revision of istiod", Layer: LayerObjects, Severity: Error, KeepsOld: true,
			Causes: []Symptom{PortRefused, HandshakeCut, NoServer, Denied, NoRoute, RefusedHere}, Look: lookRevision,
			Page: Page{
				Means: "Several istiods of different versions can run beside each other, each with a revision. An object with the label istio.io/rev is read by the istiod of that revision alone, so that after an upgrade a Gateway with the old label programs nobody.",
				Shows: []Shown{{"kubectl port-forward", "failed to connect to localhost:8080 inside namespace …: connect: connection refused", "measured with kubectl 1.37"}},
				Heals: "Take the label away, and every istiod reads it: kubectl -n kubeflow label gateways.networking.istio.io kubeflow-gateway istio.io/rev-",
			},
		},
	}
}

func lookRevision(_ context.Context, f *Facts) Result {
	door, why := f.door()
	if door == nil {
		return *why
	}
	wanted := door.Gateway.GetLabels()[revisionLabel]
	if wanted == "" {
		return passed("every istiod reads it")
	}
	if !f.Objects.Pods.OK() {
		return unknown(f.Objects.Pods.Err)
	}
	running := f.Objects.revisions()
	switch {
	case len(running) == 0:
		return skipped("no istiod is there")
	case slices.Contains(running, wanted):
		return passed("istiod " + wanted + " reads it")
	}
	fix := f.edit(door.Gateway, "take the label "+revisionLabel+" away")
	if managerOf(door.Gateway) == "" {
		fix = runs("every istiod reads the Gateway then", fmt.Sprintf("kubectl -n %s label gateways.networking.istio.io %s %s-", quoted(door.Gateway.GetNamespace()), quoted(door.Gateway.GetName()), revisionLabel))
	}
	return found(fmt.Sprintf("Gateway %s is for the istiod of revision %s, and running is %s: nobody reads it", door.Name(), wanted, strings.Join(running, ", ")), fix,
		evidence("Gateway "+door.Name(), "metadata.labels["+revisionLabel+"]", wanted), evidence("Pods app=istiod", "metadata.labels["+revisionLabel+"]", strings.Join(running, ", ")))
}

// revisions are those of the istiods that run.
func (o *Objects) revisions() []string {
	var list []string
	for i := range o.Pods.Value {
		pod := &o.Pods.Value[i]
		if pod.Labels["app"] != "istiod" {
			continue
		}
		revision := pod.Labels[revisionLabel]
		if revision == "" {
			revision = "default"
		}
		if !slices.Contains(list, revision) {
			list = append(list, revision)
		}
	}
	return list
}

// revision is that of the istiod which programs the gateway, as the pods of both are
// labelled; "" for the one without a name.
func (o *Objects) revision() string {
	named := func(revision string) bool { return revision != "" && revision != "default" }
	for i := range o.Pods.Value {
		if pod := &o.Pods.Value[i]; o.isGateway(pod) && named(pod.Labels[revisionLabel]) {
			return pod.Labels[revisionLabel]
		}
	}
	if running := o.revisions(); len(running) == 1 && named(running[0]) {
		return running[0]
	}
	return ""
}
