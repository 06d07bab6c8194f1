package gateway

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/portforward"
)

// firstPrivate is where the search for a private port begins.
const firstPrivate = 9443

// NewlyExposed says how a port is reached from outside the cluster once our
// server listens there; "" where it is not, or where a server listens already.
func (d *FrontDoor) NewlyExposed(port int32) string {
	for _, gateway := range d.Gateways() {
		if slices.ContainsFunc(Servers(gateway), func(server Server) bool { return server.Number == port }) {
			return ""
		}
	}
	return d.exposed(port)
}

// exposed says how the Service publishes a port outside the cluster, "" where it
// does not.
func (d *FrontDoor) exposed(port int32) string {
	service := d.Ingress.Object
	index := slices.IndexFunc(service.Spec.Ports, func(published corev1.ServicePort) bool { return published.Port == port })
	if index < 0 {
		return ""
	}
	var ways []string
	if service.Spec.Type == corev1.ServiceTypeLoadBalancer {
		ways = append(ways, "its load balancer"+addresses(service))
	}
	if node := service.Spec.Ports[index].NodePort; node != 0 {
		ways = append(ways, fmt.Sprintf("port %d of every node", node))
	}
	if len(service.Spec.ExternalIPs) > 0 {
		ways = append(ways, "its external IPs "+strings.Join(service.Spec.ExternalIPs, ", "))
	}
	if len(ways) == 0 {
		return ""
	}
	return fmt.Sprintf("Service %s publishes it by %s", d.ServiceName(), strings.Join(ways, ", by "))
}

// addresses are those that a load balancer was given, in brackets.
func addresses(service *corev1.Service) string {
	var given []string
	for _, ingress := range service.Status.LoadBalancer.Ingress {
		given = append(given, ingress.IP+ingress.Hostname) // one of the two
	}
	if len(given) == 0 {
		return ""
	}
	return " (" + strings.Join(given, ", ") + ")"
}

// privatePort is the first port that neither the Service publishes nor a server
// or container uses.
func (d *FrontDoor) privatePort() int32 {
	for port := int32(firstPrivate); ; port++ {
		if !d.publishes(port) && !d.isTaken(port) {
			return port
		}
	}
}

func (d *FrontDoor) publishes(port int32) bool { return d.isPublished(Server{Number: port}) }

func (d *FrontDoor) isTaken(port int32) bool {
	for _, gateway := range d.Gateways() {
		if slices.ContainsFunc(Servers(gateway), func(server Server) bool { return server.Number == port }) {
			return true
		}
	}
	return slices.ContainsFunc(d.Ingress.Pods, func(pod portforward.Pod) bool {
		for _, container := range pod.Ports {
			if int32(container) == port {
				return true
			}
		}
		return false
	})
}

// RequirePrivate refuses a port that the Service publishes where a private one
// was asked for.
func (s Spec) RequirePrivate(door *FrontDoor) error {
	if !s.Private || !door.publishes(s.Port) {
		return nil
	}
	return fault.New(fault.Usage, "leave --port out, or take another one: kubectl kftls setup --private --port 9443",
		"port %d is not private: Service %s publishes it", s.Port, door.ServiceName())
}
