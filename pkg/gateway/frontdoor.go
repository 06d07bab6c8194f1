package gateway

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/portforward"
	"github.com/kftls/kubectl-kftls/pkg/session"
)

// FrontDoor is what was found of a Kubeflow's entrance: read once, handed on.
type FrontDoor struct {
	// Gateway is the object that setup changes; Resource is where it is served.
	Gateway  *unstructured.Unstructured
	Resource schema.GroupVersionResource
	// Others are the further Gateways of the same pods.
	Others []*unstructured.Unstructured
	// Ingress is the Service in front of the gateway pods, with the pods.
	Ingress *portforward.Service
	// Era is the auth proxy's, read off the Services of the auth proxies; what
	// it answers on the wire decides where the two differ.
	Era session.Era
	// Notes say what could not be read and what was assumed instead.
	Notes []string
}

// Assemble makes a front door of what was read otherwise than by Discover: a
// Gateway, all Gateways of the cluster (the others of the same pods are taken),
// and the ingress Service with its pods.
func Assemble(gateway *unstructured.Unstructured, all []unstructured.Unstructured, ingress *portforward.Service) *FrontDoor {
	return &FrontDoor{Gateway: gateway, Others: sharingPods(gateway, all), Ingress: ingress}
}

// Selector is the Gateway's spec.selector.
func Selector(gateway *unstructured.Unstructured) map[string]string { return selector(gateway) }

// Name is namespace/name of the Gateway.
func (d *FrontDoor) Name() string { return objectName(d.Gateway) }

// PodNamespace is where the gateway pods run, and so where Envoy's Secrets
// must lie.
func (d *FrontDoor) PodNamespace() string { return d.Ingress.Object.Namespace }

// ServiceName is namespace/name of the ingress Service.
func (d *FrontDoor) ServiceName() string {
	return d.Ingress.Object.Namespace + "/" + d.Ingress.Object.Name
}

// ReadyPods are the gateway pods that take traffic.
func (d *FrontDoor) ReadyPods() []portforward.Pod {
	var ready []portforward.Pod
	for _, pod := range d.Ingress.Pods {
		if pod.Ready && !pod.Terminating {
			ready = append(ready, pod)
		}
	}
	return ready
}

// firstUnprivileged is the first port that a process without privileges may
// bind; the gateway's Envoy is one.
const firstUnprivileged = 1024

// PodPort is the port on which a pod serves a Gateway server's port: what the
// Service maps it to, or, where the Service does not publish it, the same
// number. It fails with NoServicePort where that number would be privileged.
func (d *FrontDoor) PodPort(pod portforward.Pod, port int32) (uint16, error) {
	if mapped, ok := pod.Ports[port]; ok {
		return mapped, nil
	}
	for _, published := range d.Ingress.Object.Spec.Ports {
		if published.Port == port && published.TargetPort.IntValue() > 0 {
			return uint16(published.TargetPort.IntValue()), nil //nolint:gosec // the API server admits 1 to 65535
		}
	}
	if port >= firstUnprivileged && port <= 65535 {
		return uint16(port), nil
	}
	return 0, fault.New(fault.NoServicePort,
		fmt.Sprintf("take a port that needs no Service: kubectl kftls setup --port 9443; or publish it: kubectl -n %s edit service %s",
			d.Ingress.Object.Namespace, d.Ingress.Object.Name),
		"Service %s does not publish port %d, and an unprivileged gateway pod cannot listen on it", d.ServiceName(), port)
}

// PlainServer returns the plain HTTP server that answers for a host, which the
// login guards today, and false when there is none. One that the Service
// publishes is Kubeflow's; others may be anybody's.
func (d *FrontDoor) PlainServer(host string) (Server, bool) {
	var found []Server
	for _, gateway := range d.Gateways() {
		for _, server := range Servers(gateway) {
			if server.IsHTTP() && server.MatchesHost(host) {
				found = append(found, server)
			}
		}
	}
	if len(found) == 0 {
		return Server{}, false
	}
	if published := slices.IndexFunc(found, d.isPublished); published >= 0 {
		return found[published], true
	}
	return found[0], true
}

func (d *FrontDoor) isPublished(server Server) bool {
	return slices.ContainsFunc(d.Ingress.Object.Spec.Ports, func(port corev1.ServicePort) bool {
		return port.Port == server.Number
	})
}

// Gateways are the Gateway and the others of the same pods.
func (d *FrontDoor) Gateways() []*unstructured.Unstructured {
	return append([]*unstructured.Unstructured{d.Gateway}, d.Others...)
}

// OurServer returns the server that serves our Secret: the one that setup
// added, or one whose certificate it swapped.
func (d *FrontDoor) OurServer(secretName string) (Server, bool) {
	for _, gateway := range d.Gateways() {
		for _, server := range Servers(gateway) {
			if server.usesSecret(secretName) {
				return server, true
			}
		}
	}
	return Server{}, false
}

// WasChangedBySetup tells by its record that setup has changed the Gateway
// itself; an installer that took the server away since has left the record.
func (d *FrontDoor) WasChangedBySetup() bool { return !readRecord(d.Gateway).isEmpty() }

// SecretName is the name of our Secret: the one asked for, else the one that is
// in use, else SecretName.
func (d *FrontDoor) SecretName(asked string) string {
	if asked != "" {
		return asked
	}
	for _, gateway := range d.Gateways() {
		if record := readRecord(gateway); record != nil && record.SecretName != "" {
			return record.SecretName
		}
	}
	for _, server := range Servers(d.Gateway) { // the record may be lost
		if server.Name == ServerName && server.CredentialName != "" {
			return server.CredentialName
		}
	}
	return SecretName
}

// Overlapping is a server that takes the port and the hosts that ours wants.
type Overlapping struct {
	// Gateway is the object that it stands in, perhaps not the FrontDoor's.
	Gateway *unstructured.Unstructured
	Server  Server
}

// String names the server and its Gateway.
func (o Overlapping) String() string {
	return fmt.Sprintf("Gateway %s, server %s", objectName(o.Gateway), o.Server)
}

// Overlapping returns the servers of all Gateways of these pods that share
// port and hosts with a server of ours. istiod would skip the later one in
// silence. Servers of our Secret are not among them, nor is the one that we
// added for another Secret.
func (d *FrontDoor) Overlapping(port int32, hosts []string, secretName string) []Overlapping {
	var found []Overlapping
	record := readRecord(d.Gateway)
	for _, gateway := range d.Gateways() {
		for _, server := range Servers(gateway) {
			isAdded := gateway == d.Gateway && record != nil && record.Added != "" && server.Name == record.Added
			if server.Number != port || server.usesSecret(secretName) || isAdded {
				continue
			}
			if !server.IsTLS() || overlaps(server.Hosts, hosts) {
				found = append(found, Overlapping{Gateway: gateway, Server: server})
			}
		}
	}
	return found
}

func objectName(object *unstructured.Unstructured) string {
	return object.GetNamespace() + "/" + object.GetName()
}
