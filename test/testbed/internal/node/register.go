package node

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/netip"
	"runtime"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A kubelet's lease: renewed every 10 s, good for 40 s.
const (
	leaseNamespace = "kube-node-lease"
	leasePeriod    = 10 * time.Second
	leaseSeconds   = 40
)

// discardLog is for servers whose clients' mistakes concern nobody.
var discardLog = log.New(io.Discard, "", 0)

// register makes the Node object, or takes over the one that is there.
func (n *Node) register(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	nodes := n.client.CoreV1().Nodes()
	object, err := nodes.Create(ctx, &corev1.Node{ObjectMeta: metav1.ObjectMeta{
		Name: Name,
		Labels: map[string]string{
			AddedLabel: "true", corev1.LabelHostname: Name, corev1.LabelOSStable: "linux", corev1.LabelArchStable: runtime.GOARCH,
		},
	}}, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		object, err = nodes.Get(ctx, Name, metav1.GetOptions{})
	}
	if err != nil {
		return fmt.Errorf("register the node: %w", err)
	}
	object.Status = n.nodeStatus()
	if _, err := nodes.UpdateStatus(ctx, object, metav1.UpdateOptions{}); err != nil {
		return fmt.Errorf("register the node: %w", err)
	}
	return nil
}

func (n *Node) nodeStatus() corev1.NodeStatus {
	now := metav1.Time{Time: n.now()}
	condition := func(kind corev1.NodeConditionType, status corev1.ConditionStatus, reason, message string) corev1.NodeCondition {
		return corev1.NodeCondition{Type: kind, Status: status, Reason: reason, Message: message, LastHeartbeatTime: now, LastTransitionTime: now}
	}
	return corev1.NodeStatus{
		Capacity: capacity(), Allocatable: capacity(),
		Addresses: []corev1.NodeAddress{
			{Type: corev1.NodeInternalIP, Address: n.controlPlane()},
			{Type: corev1.NodeHostName, Address: Name},
		},
		DaemonEndpoints: corev1.NodeDaemonEndpoints{KubeletEndpoint: corev1.DaemonEndpoint{Port: KubeletPort}},
		Conditions: []corev1.NodeCondition{
			condition(corev1.NodeMemoryPressure, corev1.ConditionFalse, "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
			condition(corev1.NodeDiskPressure, corev1.ConditionFalse, "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
			condition(corev1.NodePIDPressure, corev1.ConditionFalse, "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
			condition(corev1.NodeReady, corev1.ConditionTrue, "KubeletReady", "the testbed's node runs pods as processes"),
		},
		NodeInfo: corev1.NodeSystemInfo{
			Architecture: runtime.GOARCH, OperatingSystem: "linux", OSImage: "testbed",
			KubeletVersion: "v1.37.2", ContainerRuntimeVersion: "processes://testbed",
		},
	}
}

// capacity is what the node offers. Memory is a round number: nothing is scheduled by it.
func capacity() corev1.ResourceList {
	return corev1.ResourceList{
		corev1.ResourceCPU:              *resource.NewQuantity(int64(runtime.NumCPU()), resource.DecimalSI),
		corev1.ResourceMemory:           resource.MustParse("8Gi"),
		corev1.ResourceEphemeralStorage: resource.MustParse("16Gi"),
		corev1.ResourcePods:             *resource.NewQuantity(endOther-firstOtherOctet+endGateway-firstGatewayOctet, resource.DecimalSI),
	}
}

// heartbeat renews the node's lease.
func (n *Node) heartbeat(ctx context.Context) {
	for {
		if err := n.renewLease(ctx); err != nil && ctx.Err() == nil {
			n.logf("node lease: %v", err)
		}
		if !sleep(ctx, leasePeriod) {
			return
		}
	}
}

func (n *Node) renewLease(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	leases := n.client.CoordinationV1().Leases(leaseNamespace)
	lease, err := leases.Get(ctx, Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		lease = &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: Name, Namespace: leaseNamespace}}
	} else if err != nil {
		return err
	}
	lease.Spec.HolderIdentity = new(Name)
	lease.Spec.LeaseDurationSeconds = new(int32(leaseSeconds))
	lease.Spec.RenewTime = &metav1.MicroTime{Time: n.now()}
	if lease.ResourceVersion == "" {
		_, err = leases.Create(ctx, lease, metav1.CreateOptions{})
	} else {
		_, err = leases.Update(ctx, lease, metav1.UpdateOptions{})
	}
	return err
}

// listenTCP listens on an address of this machine.
func listenTCP(ctx context.Context, address string) (net.Listener, error) {
	return new(net.ListenConfig).Listen(ctx, "tcp4", address)
}

// subnetOf is the testbed's subnet in which an address lies.
func subnetOf(address netip.Addr) subnet {
	bytes := address.As4()
	bytes[3] = 0
	return subnet{netip.AddrFrom4(bytes)}
}
