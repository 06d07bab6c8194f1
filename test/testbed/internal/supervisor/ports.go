//go:build linux

package supervisor

import (
	"github.com/kftls/kubectl-kftls/test/testbed/internal/controlplane"
	"github.com/kftls/kubectl-kftls/test/testbed/internal/node"
	"github.com/kftls/kubectl-kftls/test/testbed/internal/subnet"
)

// The last octets of addresses: the control plane's, and the first gateway
// pod's. The gateway pods' places are as many as the node has.
const (
	controlOctet      = 1
	firstGatewayOctet = 11
	gatewaySlots      = 9
)

// MaxReplicas leaves a place free for the new pod of a roll-out.
const MaxReplicas = gatewaySlots - 1

// neededPorts are the ports that must be free on a testbed's network. A program
// that holds one of them on all addresses blocks it on every network.
func neededPorts(replicas int) []subnet.Port {
	ports := []subnet.Port{
		{Host: controlOctet, Port: controlplane.EtcdPort, For: "etcd"},
		{Host: controlOctet, Port: controlplane.EtcdPeerPort, For: "etcd"},
		{Host: controlOctet, Port: controlplane.APIServerPort, For: "kube-apiserver"},
		{Host: controlOctet, Port: node.KubeletPort, For: "the kubelet"},
		{Host: controlOctet, Port: node.NameProxyPort, For: "the proxy that knows the cluster's names"},
	}
	for _, port := range []uint16{8080, 15010, 15012, 15014, 15017} {
		ports = append(ports, subnet.Port{Host: controlOctet, Port: port, For: "istiod"})
	}
	for slot := range replicas + 1 {
		for _, port := range []uint16{8080, 8443, 15000, 15021, 15090} {
			ports = append(ports, subnet.Port{Host: firstGatewayOctet + slot, Port: port, For: "the gateway"})
		}
	}
	return ports
}
