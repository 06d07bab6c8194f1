package manifests

import (
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// unfit tells why an object cannot be applied here; "" if it can.
func unfit(o *unstructured.Unstructured) string {
	switch o.GetKind() {
	case "CustomResourceDefinition":
		if group, _, _ := unstructured.NestedString(o.Object, "spec", "group"); strings.HasSuffix(group, ".istio.io") {
			return "istiod is another version than the release's, and comes with its own"
		}
	case "ValidatingWebhookConfiguration", "MutatingWebhookConfiguration":
		// The API server would ask a Service, which has no address here, and refuse
		// every write when nobody answers.
		if strings.HasPrefix(o.GetName(), "istio-validator") {
			return "the testbed has one that calls istiod by address"
		}
		return "its program does not run here"
	case "APIService":
		if _, found, _ := unstructured.NestedMap(o.Object, "spec", "service"); found {
			return "its program does not run here"
		}
	case "Kustomization", "Component":
		if strings.HasPrefix(o.GetAPIVersion(), "kustomize.config.k8s.io/") {
			return "it is no object of a cluster, but how manifests are rendered"
		}
	}
	return ""
}
