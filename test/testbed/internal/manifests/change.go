package manifests

import (
	"encoding/json"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kftls/kubectl-kftls/test/testbed/internal/objects"
	"github.com/kftls/kubectl-kftls/test/testbed/profiles"
)

// The name of Envoy's HTTP filter, and what EnvoyFilters called it up to Istio 1.17 or so.
// Today's Istio warns about the old name, and matches nothing by it: Kubeflow 1.8's
// authn-filter would leave the front door open.
const (
	oldManager = `"envoy.http_connection_manager"`
	newManager = `"envoy.filters.network.http_connection_manager"`
)

// change makes the few changes without which an object does harm here, and says so in its
// annotation.
func change(o *unstructured.Unstructured) {
	why := ""
	switch o.GetKind() {
	case "ConfigMap":
		why = changeMesh(o)
	case "EnvoyFilter":
		why = changeFilterName(o)
	case "DestinationRule":
		why = changeMutualTLS(o)
	case "Deployment":
		why = changeReplicas(o)
	case "CustomResourceDefinition":
		why = changeConversion(o)
	}
	if why != "" {
		differ(o, why)
	}
}

// differ says on an object in what it is not as in the release.
func differ(o *unstructured.Unstructured, why string) {
	annotations := o.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[profiles.DifferenceAnnotation] = why
	o.SetAnnotations(annotations)
}

func changeMesh(o *unstructured.Unstructured) string {
	mesh, found, _ := unstructured.NestedString(o.Object, "data", "mesh")
	if o.GetNamespace() != "istio-system" || o.GetName() != "istio" || !found {
		return ""
	}
	merged, err := objects.MergeYAML(mesh, "enableAutoMtls: false")
	if err != nil || unstructured.SetNestedField(o.Object, merged, "data", "mesh") != nil {
		return "" // istiod will say what it thinks of it
	}
	return "enableAutoMtls: false, because without pilot-agent nobody gives Envoy a certificate for mutual TLS"
}

func changeFilterName(o *unstructured.Unstructured) string {
	data, err := json.Marshal(o.Object["spec"])
	if err != nil || !strings.Contains(string(data), oldManager) {
		return ""
	}
	var spec map[string]any
	if json.Unmarshal([]byte(strings.ReplaceAll(string(data), oldManager, newManager)), &spec) != nil {
		return ""
	}
	o.Object["spec"] = spec
	return "envoy.http_connection_manager is called envoy.filters.network.http_connection_manager, because today's Istio matches nothing by the old name"
}

// changeMutualTLS lets the gateway speak plainly to what lies behind it.
func changeMutualTLS(o *unstructured.Unstructured) string {
	mode, _, _ := unstructured.NestedString(o.Object, "spec", "trafficPolicy", "tls", "mode")
	if mode != "ISTIO_MUTUAL" || unstructured.SetNestedField(o.Object, "DISABLE", "spec", "trafficPolicy", "tls", "mode") != nil {
		return ""
	}
	return "TLS mode DISABLE in place of ISTIO_MUTUAL, because no sidecar ends it here"
}

// changeReplicas leaves one Dex: several cannot share a state that is in memory.
func changeReplicas(o *unstructured.Unstructured) string {
	replicas, found, _ := unstructured.NestedFieldNoCopy(o.Object, "spec", "replicas")
	if o.GetNamespace() != "auth" || o.GetName() != "dex" || !found || fmt.Sprint(replicas) == "1" {
		return ""
	}
	if unstructured.SetNestedField(o.Object, int64(1), "spec", "replicas") != nil {
		return ""
	}
	return "one replica, because its state is in memory and not in the cluster"
}

// changeConversion keeps objects readable whose program would convert them.
func changeConversion(o *unstructured.Unstructured) string {
	strategy, _, _ := unstructured.NestedString(o.Object, "spec", "conversion", "strategy")
	if strategy != "Webhook" {
		return ""
	}
	if unstructured.SetNestedMap(o.Object, map[string]any{"strategy": "None"}, "spec", "conversion") != nil {
		return ""
	}
	return "versions are not converted, because the program that would do it does not run here"
}
