package portforward

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"

	"github.com/kftls/kubectl-kftls/pkg/cluster"
	"github.com/kftls/kubectl-kftls/pkg/fault"
)

// selected are the pods that a Service's selector matches.
func selected(ctx context.Context, core corev1client.CoreV1Interface, service *corev1.Service) ([]Pod, error) {
	if len(service.Spec.Selector) == 0 {
		return nil, fault.New(fault.Forbidden, "kubectl auth can-i list endpointslices.discovery.k8s.io -n "+service.Namespace,
			"find the pods of Service %s/%s: it has no selector, and its EndpointSlices may not be listed", service.Namespace, service.Name)
	}
	list, err := core.Pods(service.Namespace).List(ctx, metav1.ListOptions{
		LabelSelector: labels.Set(service.Spec.Selector).String(),
	})
	if err != nil {
		return nil, cluster.Explain(err, "list the pods of Service %s/%s", service.Namespace, service.Name)
	}
	pods := make([]Pod, 0, len(list.Items))
	for i := range list.Items {
		if pod := &list.Items[i]; pod.Status.Phase != corev1.PodFailed && pod.Status.Phase != corev1.PodSucceeded {
			pods = append(pods, fromPod(service, pod))
		}
	}
	return sorted(pods), nil
}

// fromPod says of a pod what an EndpointSlice would.
func fromPod(service *corev1.Service, pod *corev1.Pod) Pod {
	serving := service.Spec.PublishNotReadyAddresses || hasCondition(pod, corev1.PodReady)
	terminating := pod.DeletionTimestamp != nil
	p := Pod{
		Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID,
		Ready: serving && !terminating, Serving: serving, Terminating: terminating,
		Ports: map[int32]uint16{},
	}
	for _, published := range service.Spec.Ports {
		if published.TargetPort.StrVal == "" {
			pairByNumber(p.Ports, published)
		} else if port, ok := namedPort(pod, published.TargetPort.StrVal, protocolOf(published.Protocol)); ok {
			p.Ports[published.Port] = port
		}
	}
	return p
}

// IsReady tells that a pod takes traffic, and is not on its way out.
func IsReady(pod *corev1.Pod) bool {
	return pod.DeletionTimestamp == nil && hasCondition(pod, corev1.PodReady)
}

func hasCondition(pod *corev1.Pod, kind corev1.PodConditionType) bool {
	for _, c := range pod.Status.Conditions {
		if c.Type == kind {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

// namedPort finds a container's port by name, in sidecars of the new kind
// (init containers) too.
func namedPort(pod *corev1.Pod, name string, protocol corev1.Protocol) (uint16, bool) {
	for _, containers := range [][]corev1.Container{pod.Spec.Containers, pod.Spec.InitContainers} {
		for _, container := range containers {
			for _, port := range container.Ports {
				if port.Name == name && protocolOf(port.Protocol) == protocol && port.ContainerPort > 0 && port.ContainerPort < 1<<16 {
					return uint16(port.ContainerPort), true
				}
			}
		}
	}
	return 0, false
}

// protocolOf is TCP where the object says nothing.
func protocolOf(p corev1.Protocol) corev1.Protocol {
	if p == "" {
		return corev1.ProtocolTCP
	}
	return p
}
