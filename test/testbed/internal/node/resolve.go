package node

import (
	"net/url"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// apiServerPort is the port of the Service kubernetes in every cluster.
const apiServerPort = 443

// clusterDomains are the ends that a Service's name may have after NAME.NAMESPACE.
var clusterDomains = []string{".svc.cluster.local", ".svc", ""}

// Resolve finds the loopback address of a ready pod behind a Service's name and port, such
// as dex.auth.svc.cluster.local and 5556; ok is false if there is none.
func (n *Node) Resolve(host string, port int) (address string, ok bool) {
	name, namespace, ok := serviceName(host)
	if !ok {
		return "", false
	}
	if namespace == "default" && name == "kubernetes" {
		return n.apiServer(port)
	}
	service, err := n.services.Services(namespace).Get(name)
	if err != nil {
		return "", false
	}
	pods, err := n.pods.Pods(namespace).List(labels.Everything())
	if err != nil {
		return "", false
	}
	for _, p := range service.Spec.Ports {
		if int(p.Port) != port {
			continue
		}
		for _, pod := range selected(service, pods) {
			if address, ok := n.reach(service, pod, p); ok {
				return address, true
			}
		}
	}
	return "", false
}

// apiServer is where the API server answers behind its Service, which selects no pods.
func (n *Node) apiServer(port int) (address string, ok bool) {
	server, err := url.Parse(n.config.REST.Host)
	if err != nil || port != apiServerPort {
		return "", false
	}
	return server.Host, true
}

// reach is where a pod's process answers behind a Service's port.
func (n *Node) reach(service *corev1.Service, pod *corev1.Pod, p corev1.ServicePort) (string, bool) {
	usable := service.Spec.PublishNotReadyAddresses || isReady(pod) && pod.DeletionTimestamp == nil
	address, err := n.subnet.loopback(pod.Status.PodIP)
	target := targetPort(p, pod)
	if !usable || err != nil || target == 0 {
		return "", false
	}
	return address.String() + ":" + itoa(target), true
}

// serviceName splits NAME.NAMESPACE[.svc[.cluster.local]].
func serviceName(host string) (name, namespace string, ok bool) {
	for _, domain := range clusterDomains {
		if rest, found := strings.CutSuffix(host, domain); found {
			name, namespace, ok = strings.Cut(rest, ".")
			return name, namespace, ok && name != "" && namespace != "" && !strings.Contains(namespace, ".")
		}
	}
	return "", "", false
}
