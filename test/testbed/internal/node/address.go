package node

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"sync"
)

// The last octets of the loopback addresses that pods get. Gateway pods have a range of
// their own so that people find them: the first gateway is always at .11.
const (
	controlPlaneOctet             = 1
	firstGatewayOctet, endGateway = 11, 20
	firstOtherOctet, endOther     = 21, 100
)

// podNetwork is the pod range of kind and kubeadm with flannel, first node.
const podNetwork = "10.244.0."

// subnet is a loopback /24 that belongs to one testbed alone.
type subnet struct{ base netip.Addr }

// parseSubnet reads "127.0.71.0/24", or its first three octets.
func parseSubnet(text string) (subnet, error) {
	base, err := netip.ParseAddr(strings.TrimSuffix(text, "/24"))
	if err != nil {
		base, err = netip.ParseAddr(text + ".0")
	}
	if err != nil || !base.Is4() || !base.IsLoopback() || lastOctet(base) != 0 {
		return subnet{}, fmt.Errorf("read the subnet %q: want an IPv4 loopback /24 such as 127.0.71.0/24", text)
	}
	return subnet{base}, nil
}

// at is the address with this last octet.
func (s subnet) at(octet int) netip.Addr {
	bytes := s.base.As4()
	bytes[3] = byte(octet)
	return netip.AddrFrom4(bytes)
}

// addresses hands out the pods' loopback addresses; one is free again when its pod has ended.
type addresses struct {
	subnet subnet
	mu     sync.Mutex
	taken  map[int]bool
}

func newAddresses(s subnet) *addresses {
	return &addresses{subnet: s, taken: map[int]bool{}}
}

// take returns the lowest free address.
func (a *addresses) take(gateway bool) (netip.Addr, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	first, end := firstOtherOctet, endOther
	if gateway {
		first, end = firstGatewayOctet, endGateway
	}
	for octet := first; octet < end; octet++ {
		if !a.taken[octet] {
			a.taken[octet] = true
			return a.subnet.at(octet), nil
		}
	}
	return netip.Addr{}, fmt.Errorf("all %d loopback addresses for this kind of pod are taken", end-first)
}

func (a *addresses) free(addr netip.Addr) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.taken, lastOctet(addr))
}

// lastOctet is an IPv4 address's last number.
func lastOctet(addr netip.Addr) int {
	bytes := addr.As4()
	return int(bytes[3])
}

// podIP is the made-up address that the cluster sees for a pod: EndpointSlices refuse
// loopback addresses. Its last octet is the loopback address's.
func podIP(addr netip.Addr) string {
	return podNetwork + strconv.Itoa(lastOctet(addr))
}

// loopback is the way back from a pod's made-up address to the one its process has.
func (s subnet) loopback(ip string) (netip.Addr, error) {
	octet, err := strconv.ParseUint(strings.TrimPrefix(ip, podNetwork), 10, 8)
	if err != nil || !strings.HasPrefix(ip, podNetwork) {
		return netip.Addr{}, errors.New("not an address of this testbed's pods: " + ip)
	}
	return s.at(int(octet)), nil
}
