package node

import (
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// workloadEntries is Istio's resource that tells where a workload outside of Kubernetes is.
var workloadEntries = schema.GroupVersionResource{Group: "networking.istio.io", Version: "v1", Resource: "workloadentries"}

// entryFor is the WorkloadEntry by which istiod finds a pod's process, or nil if istiod
// must not send anybody there: no Service selects the pod, or it is not ready.
//
// Gateways and istiod itself have none: nothing behind the gateway calls them.
func entryFor(pod *corev1.Pod, services []*corev1.Service, address netip.Addr) *unstructured.Unstructured {
	if len(pod.Spec.Containers) == 0 || isGateway(pod) || isIstiod(pod) {
		return nil
	}
	wanted, ports := false, map[string]any{}
	for _, service := range services {
		if len(selected(service, []*corev1.Pod{pod})) == 0 {
			continue
		}
		ready := isReady(pod) && pod.DeletionTimestamp == nil
		wanted = wanted || ready || service.Spec.PublishNotReadyAddresses
		for _, p := range service.Spec.Ports {
			// A number needs no entry: istiod takes the Service's targetPort.
			if number := targetPort(p, pod); p.TargetPort.Type == intstr.String && number != 0 {
				ports[p.TargetPort.StrVal] = int64(number)
			}
		}
	}
	if !wanted {
		return nil
	}
	spec := map[string]any{"address": address.String(), "labels": anyMap(pod.Labels), "serviceAccount": serviceAccount(pod)}
	if len(ports) > 0 {
		spec["ports"] = ports
	}
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": workloadEntries.GroupVersion().String(),
		"kind":       "WorkloadEntry",
		"metadata": map[string]any{
			"namespace": pod.Namespace, "name": pod.Name,
			"labels":          map[string]any{AddedLabel: "true"},
			"ownerReferences": []any{map[string]any{"apiVersion": "v1", "kind": "Pod", "name": pod.Name, "uid": string(pod.UID)}},
		},
		"spec": spec,
	}}
}

func anyMap(values map[string]string) map[string]any {
	out := make(map[string]any, len(values))
	for key, value := range values {
		out[key] = value
	}
	return out
}
