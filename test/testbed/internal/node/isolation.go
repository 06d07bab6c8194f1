package node

import (
	"fmt"
	"net"
	"net/netip"
	"sync"

	"k8s.io/apimachinery/pkg/types"
)

// isolation keeps single pods away from istiod, as a network policy or a broken route of
// their node does. A pod is known by the address that its connections come from.
type isolation struct {
	mu   sync.Mutex
	cut  map[netip.Addr]bool
	open map[*admitted]bool
}

func newIsolation() *isolation {
	return &isolation{cut: map[netip.Addr]bool{}, open: map[*admitted]bool{}}
}

// set cuts a pod off or lets it back in. What it has open ends when it is cut off.
func (i *isolation) set(from netip.Addr, isCut bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if !isCut {
		delete(i.cut, from)
		return
	}
	i.cut[from] = true
	for conn := range i.open {
		if conn.from == from {
			_ = conn.TCPConn.Close()
		}
	}
}

// admit notes a connection; nil where its pod is cut off.
func (i *isolation) admit(conn net.Conn) net.Conn {
	tcp, ok := conn.(*net.TCPConn)
	remote, known := conn.RemoteAddr().(*net.TCPAddr)
	if !ok || !known {
		return conn // none of a pod's
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	a := &admitted{TCPConn: tcp, from: remote.AddrPort().Addr().Unmap(), isolation: i}
	if i.cut[a.from] {
		return nil
	}
	i.open[a] = true
	return a
}

// admitted is a connection that ends when its pod is cut off.
type admitted struct {
	*net.TCPConn
	from      netip.Addr
	isolation *isolation
}

func (a *admitted) Close() error {
	a.isolation.mu.Lock()
	delete(a.isolation.open, a)
	a.isolation.mu.Unlock()
	return a.TCPConn.Close()
}

// isolating is a listener that no pod reaches which is cut off.
type isolating struct {
	net.Listener
	pods *isolation
}

func (l isolating) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if allowed := l.pods.admit(conn); allowed != nil {
			return allowed, nil
		}
		_ = conn.Close()
	}
}

// SetCut cuts a pod off from istiod, or lets it back in.
func (n *Node) SetCut(namespace, pod string, isCut bool) error {
	n.mu.Lock()
	run := n.byName[types.NamespacedName{Namespace: namespace, Name: pod}]
	n.mu.Unlock()
	if run == nil || !run.look().address.IsValid() {
		return fmt.Errorf("cut pod %s/%s off: it does not run here", namespace, pod)
	}
	n.isolation.set(run.look().address, isCut)
	return nil
}
