package diagnose

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// unreached says why the Service of a part does not lead to its pods, "" where
// nothing speaks against it. What a container listens on need not stand in its
// ports, so that a port is doubted only where the pods name others.
func (p Part) unreached() (cause string, ev Evidence) {
	if !p.Service.OK() || p.Service.Value == nil || p.Service.Value.Spec.Type == corev1.ServiceTypeExternalName {
		return "", Evidence{}
	}
	service := p.Service.Value
	name := "Service " + objectName(service)
	selector := labels.SelectorFromSet(service.Spec.Selector)
	if len(service.Spec.Selector) == 0 || !slices.ContainsFunc(p.Pods.Value, func(pod corev1.Pod) bool { return selector.Matches(labels.Set(pod.Labels)) }) {
		return name + " selects none of the pods of " + p.Name, evidence(name, "spec.selector", selector.String())
	}
	named := p.containerPorts()
	for _, port := range service.Spec.Ports {
		if len(named) > 0 && !slices.ContainsFunc(named, func(c corev1.ContainerPort) bool { return leadsTo(port, c) }) {
			return fmt.Sprintf("%s leads to port %s, which no container of its pods names", name, target(port)), evidence(name, "spec.ports[].targetPort", target(port))
		}
	}
	return "", Evidence{}
}

// failing is a pod whose program was started again and does not stay, nil if there
// is none. Where nothing probes it, it is taken for ready each time until it ends.
func (p Part) failing() *corev1.Pod {
	for i := range p.Pods.Value {
		for _, container := range p.Pods.Value[i].Status.ContainerStatuses {
			if waiting := container.State.Waiting; container.RestartCount > 0 && waiting != nil && waiting.Reason == "CrashLoopBackOff" {
				return &p.Pods.Value[i]
			}
		}
	}
	return nil
}

func (p Part) containerPorts() []corev1.ContainerPort {
	var ports []corev1.ContainerPort
	for i := range p.Pods.Value {
		for _, container := range p.Pods.Value[i].Spec.Containers {
			ports = append(ports, container.Ports...)
		}
	}
	return ports
}

// target is where a Service's port leads: its own number where nothing is said.
func target(port corev1.ServicePort) string {
	if port.TargetPort == (intstr.IntOrString{}) {
		return itoa(int(port.Port))
	}
	return port.TargetPort.String()
}

func leadsTo(port corev1.ServicePort, c corev1.ContainerPort) bool {
	return strings.EqualFold(target(port), c.Name) || target(port) == itoa(int(c.ContainerPort))
}
