package portforward

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

// firstPodPort is the lowest number that may name a pod's own port which the
// Service does not publish. Below it a number can only mean the Service's:
// pods of istio-ingressgateway listen on no privileged port.
const firstPodPort = 1024

// Target returns where remote leads on one pod: remote is a port of the
// Service by number or name, or, from 1024 on, a port of the pod itself. The
// error is a *fault.Error of reason NoServicePort that lists the ports there
// are.
func (s *Service) Target(pod Pod, remote string) (Target, error) {
	port, err := s.podPort(pod, remote)
	return Target{Namespace: pod.Namespace, Pod: pod.Name, Port: port}, err
}

func (s *Service) podPort(pod Pod, remote string) (uint16, error) {
	published, found := s.published(remote)
	if !found {
		if number, err := strconv.ParseUint(remote, 10, 16); err == nil && number >= firstPodPort {
			return uint16(number), nil
		}
		return 0, s.noPort("Service %s/%s publishes no port %q", s.Object.Namespace, s.Object.Name, remote)
	}
	if protocolOf(published.Protocol) != corev1.ProtocolTCP {
		return 0, s.noPort("port %s of Service %s/%s is %s, and only TCP can be forwarded",
			remote, s.Object.Namespace, s.Object.Name, published.Protocol)
	}
	port, ok := pod.Ports[published.Port]
	if !ok {
		return 0, s.noPort("pod %s/%s has no port %s, to which port %s of Service %s leads",
			pod.Namespace, pod.Name, published.TargetPort.String(), remote, s.Object.Name)
	}
	return port, nil
}

// ContainerPort is the number of the pods' port that remote leads to, as the
// first pod or else the Service itself has it; 0 where only a pod could tell.
func (s *Service) ContainerPort(remote string) uint16 {
	asPublished := Pod{Ports: slicePorts(s.Object, nil)}
	for _, pod := range append(slices.Clone(s.Pods), asPublished) {
		if port, err := s.podPort(pod, remote); err == nil {
			return port
		}
	}
	return 0
}

func (s *Service) noPort(format string, args ...any) error {
	return fault.New(fault.NoServicePort, "the ports there are: "+s.portList(), format, args...)
}

// published finds a port of the Service by number or name.
func (s *Service) published(remote string) (corev1.ServicePort, bool) {
	for _, port := range s.Object.Spec.Ports {
		if port.Name != "" && port.Name == remote || strconv.Itoa(int(port.Port)) == remote {
			return port, true
		}
	}
	return corev1.ServicePort{}, false
}

// portList is "80 (http2), 443 (https)".
func (s *Service) portList() string {
	list := make([]string, 0, len(s.Object.Spec.Ports))
	for _, port := range s.Object.Spec.Ports {
		text := strconv.Itoa(int(port.Port))
		if port.Name != "" {
			text += fmt.Sprintf(" (%s)", port.Name)
		}
		list = append(list, text)
	}
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, ", ")
}
