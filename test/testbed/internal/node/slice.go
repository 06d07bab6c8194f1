package node

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// sliceManager is the name under which the real controller keeps EndpointSlices.
const sliceManager = "endpointslice-controller.k8s.io"

// slicesFor are the EndpointSlices that the real controller would keep for a Service, one
// for each different set of ports, with one change: only gateway pods get ports. The
// addresses of pods are made up, and without ports istiod takes no endpoint from a slice
// (endpointslice.go of its Kubernetes registry); it finds the pods by WorkloadEntries.
func slicesFor(service *corev1.Service, pods []*corev1.Pod) []*discoveryv1.EndpointSlice {
	if len(service.Spec.Selector) == 0 || service.Spec.Type == corev1.ServiceTypeExternalName {
		return nil
	}
	byPorts := map[string]*discoveryv1.EndpointSlice{}
	for _, pod := range selected(service, pods) {
		ports := portsFor(service, pod)
		key := portsKey(ports)
		if byPorts[key] == nil {
			byPorts[key] = newSlice(service, ports)
		}
		byPorts[key].Endpoints = append(byPorts[key].Endpoints, endpointFor(service, pod))
	}
	if len(byPorts) == 0 { // the real controller keeps an empty one too
		byPorts[""] = newSlice(service, nil)
	}
	all := make([]*discoveryv1.EndpointSlice, 0, len(byPorts))
	for i, key := range slices.Sorted(maps.Keys(byPorts)) {
		// Named by its place, not by its ports: the real controller too writes new ports
		// into the slice that it has.
		byPorts[key].Name = service.Name + "-" + digest(string(service.UID) + itoa(i))[:5]
		all = append(all, byPorts[key])
	}
	return all
}

// selected are the Service's pods that have an address, in the order of their names.
func selected(service *corev1.Service, pods []*corev1.Pod) []*corev1.Pod {
	if len(service.Spec.Selector) == 0 {
		return nil
	}
	selector := labels.SelectorFromSet(service.Spec.Selector)
	var out []*corev1.Pod
	for _, pod := range pods {
		ended := pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
		if pod.Namespace == service.Namespace && pod.Status.PodIP != "" && !ended && selector.Matches(labels.Set(pod.Labels)) {
			out = append(out, pod)
		}
	}
	slices.SortFunc(out, func(a, b *corev1.Pod) int { return strings.Compare(a.Name, b.Name) })
	return out
}

func newSlice(service *corev1.Service, ports []discoveryv1.EndpointPort) *discoveryv1.EndpointSlice {
	return &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: service.Namespace,
			Labels: map[string]string{
				discoveryv1.LabelServiceName: service.Name,
				discoveryv1.LabelManagedBy:   sliceManager,
			},
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: "v1", Kind: "Service", Name: service.Name, UID: service.UID,
				Controller: new(true), BlockOwnerDeletion: new(true),
			}},
		},
		AddressType: discoveryv1.AddressTypeIPv4,
		Ports:       ports,
		Endpoints:   []discoveryv1.Endpoint{},
	}
}

// endpointFor tells of a pod what the real controller would: one that is being deleted may
// still serve.
func endpointFor(service *corev1.Service, pod *corev1.Pod) discoveryv1.Endpoint {
	serving, terminating := isReady(pod), pod.DeletionTimestamp != nil
	return discoveryv1.Endpoint{
		Addresses: []string{pod.Status.PodIP},
		Conditions: discoveryv1.EndpointConditions{
			Ready:       new(service.Spec.PublishNotReadyAddresses || serving && !terminating),
			Serving:     new(serving),
			Terminating: new(terminating),
		},
		NodeName: new(pod.Spec.NodeName),
		TargetRef: &corev1.ObjectReference{
			Kind: "Pod", Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID,
		},
	}
}

// portsFor are the pod's ports behind the Service's, by name. A named targetPort that the
// pod does not have is left out.
func portsFor(service *corev1.Service, pod *corev1.Pod) []discoveryv1.EndpointPort {
	if len(pod.Spec.Containers) == 0 || !isGateway(pod) {
		return nil
	}
	var ports []discoveryv1.EndpointPort
	for _, p := range service.Spec.Ports {
		number := targetPort(p, pod)
		if number == 0 {
			continue
		}
		protocol := p.Protocol
		if protocol == "" {
			protocol = corev1.ProtocolTCP
		}
		ports = append(ports, discoveryv1.EndpointPort{Name: new(p.Name), Port: new(number), Protocol: &protocol, AppProtocol: p.AppProtocol})
	}
	return ports
}

// targetPort is the pod's port behind a Service's port; 0 if the pod has none of that name.
func targetPort(p corev1.ServicePort, pod *corev1.Pod) int32 {
	switch {
	case p.TargetPort.Type == intstr.Int && p.TargetPort.IntVal != 0:
		return p.TargetPort.IntVal
	case p.TargetPort.Type == intstr.Int:
		return p.Port
	}
	for i := range pod.Spec.Containers {
		if number := portNumber(&pod.Spec.Containers[i], p.TargetPort); number != 0 {
			return number
		}
	}
	return 0
}

func portsKey(ports []discoveryv1.EndpointPort) string {
	var key strings.Builder
	for _, p := range ports {
		fmt.Fprintf(&key, "%s=%d/%s;", *p.Name, *p.Port, *p.Protocol)
	}
	return key.String()
}
