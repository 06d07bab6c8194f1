package portforward

import (
	"context"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	discoveryv1client "k8s.io/client-go/kubernetes/typed/discovery/v1"

	"github.com/kftls/kubectl-kftls/pkg/cluster"
)

// Pod is a pod behind a Service.
type Pod struct {
	Namespace, Name string
	UID             types.UID
	// Ready pods take new connections. A pod that is shutting down is not
	// ready.
	Ready bool
	// Terminating pods are shutting down.
	Terminating bool
	// Serving pods answer, even while they are shutting down.
	Serving bool
	// Ports maps each port of the Service to this pod's container port. Two
	// pods may differ while a rollout changes a named port.
	Ports map[int32]uint16
}

// Service is a Service and the pods behind it at one moment.
type Service struct {
	Object *corev1.Service
	// Pods are sorted: ready ones first, then those that still serve, then the
	// rest; by name within.
	Pods []Pod
}

// Ready are the pods that take new connections.
func (s *Service) Ready() []Pod {
	return slices.Collect(func(yield func(Pod) bool) {
		for _, pod := range s.Pods {
			if pod.Ready && !yield(pod) {
				return
			}
		}
	})
}

// Resolve reads a Service and its pods: from EndpointSlices, or, where the
// user may not list those, from the pods that its selector matches. A Service
// without pods is no error. Errors are *fault.Error (NotFound, Forbidden, …).
func Resolve(ctx context.Context, core corev1client.CoreV1Interface, discovery discoveryv1client.DiscoveryV1Interface, namespace, name string) (*Service, error) {
	object, err := core.Services(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, cluster.Explain(err, "read Service %s/%s", namespace, name)
	}
	list, err := discovery.EndpointSlices(namespace).List(ctx, metav1.ListOptions{
		LabelSelector: labels.Set{discoveryv1.LabelServiceName: name}.String(),
	})
	if apierrors.IsForbidden(err) {
		pods, err := selected(ctx, core, object)
		return &Service{Object: object, Pods: pods}, err
	}
	if err != nil {
		return nil, cluster.Explain(err, "list the EndpointSlices of Service %s/%s", namespace, name)
	}
	return &Service{Object: object, Pods: sliced(object, list.Items)}, nil
}

// sliced merges the endpoints of all slices by pod: a dual-stack Service has a
// slice for each family, and slices overlap while they are rewritten.
func sliced(service *corev1.Service, list []discoveryv1.EndpointSlice) []Pod {
	byUID := map[types.UID]*Pod{}
	for _, slice := range list {
		ports := slicePorts(service, slice.Ports)
		for _, endpoint := range slice.Endpoints {
			ref := endpoint.TargetRef
			if ref == nil || ref.Kind != "Pod" {
				continue
			}
			pod := byUID[ref.UID]
			if pod == nil {
				pod = &Pod{Namespace: service.Namespace, Name: ref.Name, UID: ref.UID, Ports: map[int32]uint16{}}
				byUID[ref.UID] = pod
			}
			pod.merge(endpoint.Conditions, ports)
		}
	}
	pods := make([]Pod, 0, len(byUID))
	for _, pod := range byUID {
		pods = append(pods, *pod)
	}
	return sorted(pods)
}

// merge adds what one slice says of a pod. Unset conditions mean ready
// (https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/#conditions).
func (p *Pod) merge(c discoveryv1.EndpointConditions, ports map[int32]uint16) {
	terminating := c.Terminating != nil && *c.Terminating
	ready := (c.Ready == nil || *c.Ready) && !terminating
	serving := ready
	if c.Serving != nil {
		serving = *c.Serving
	}
	p.Ready = p.Ready || ready
	p.Serving = p.Serving || serving
	p.Terminating = p.Terminating || terminating
	if p.Terminating {
		p.Ready = false
	}
	for service, container := range ports {
		p.Ports[service] = container
	}
}

// slicePorts pairs the ports of a slice with the Service's by name.
func slicePorts(service *corev1.Service, ports []discoveryv1.EndpointPort) map[int32]uint16 {
	paired := map[int32]uint16{}
	for _, published := range service.Spec.Ports {
		for _, port := range ports {
			if port.Port != nil && value(port.Name) == published.Name && *port.Port > 0 && *port.Port < 1<<16 {
				paired[published.Port] = uint16(*port.Port)
			}
		}
		if _, ok := paired[published.Port]; !ok {
			pairByNumber(paired, published)
		}
	}
	return paired
}

// pairByNumber serves slices that carry no ports: a target port given as a
// number, or none at all, which means the same number.
func pairByNumber(paired map[int32]uint16, published corev1.ServicePort) {
	number := published.TargetPort.IntVal
	if published.TargetPort.StrVal != "" {
		return
	}
	if number == 0 {
		number = published.Port
	}
	if number > 0 && number < 1<<16 {
		paired[published.Port] = uint16(number)
	}
}

// sorted puts the pods in the order in which they are tried.
func sorted(pods []Pod) []Pod {
	rank := func(p Pod) int {
		switch {
		case p.Ready:
			return 0
		case p.Serving:
			return 1
		default:
			return 2
		}
	}
	slices.SortFunc(pods, func(a, b Pod) int {
		if d := rank(a) - rank(b); d != 0 {
			return d
		}
		return strings.Compare(a.Name, b.Name)
	})
	return pods
}

func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
