package node

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/kftls/kubectl-kftls/test/testbed/internal/nameproxy"
)

// frontRetry is how soon a port of the control plane's address that could not be opened is
// tried again.
const frontRetry = 500 * time.Millisecond

// keepFronts does kube-proxy's work for istiod's Service: gateways and the API server reach
// istiod on the control plane's address, whichever pod it is. While no istiod answers,
// nothing listens there, so that a connection is refused as it is in a cluster.
func (n *Node) keepFronts(ctx context.Context) {
	var open *front
	defer func() { open.close() }()
	for {
		target := n.istiodAddress()
		if open != nil && open.target != target {
			open.close()
			open = nil
		}
		if open == nil && target.IsValid() {
			front, err := n.openFront(ctx, target)
			if err != nil {
				n.logf("%v", err)
				if !sleep(ctx, frontRetry) {
					return
				}
				continue
			}
			open = front
		}
		select {
		case <-n.fronts:
		case <-ctx.Done():
			return
		}
	}
}

// istiodAddress is the newest istiod that answers, the one that stays if there are others;
// invalid if there is none.
func (n *Node) istiodAddress() netip.Addr {
	for _, r := range slices.Backward(n.snapshot()) {
		if v := r.look(); r.program.name == Istiod && v.up && v.process.Running() && !r.ending() {
			return v.address
		}
	}
	return netip.Addr{}
}

// front is what listens for istiod's Service and passes connections on to one pod.
type front struct {
	target    netip.Addr
	listeners []net.Listener
}

func (n *Node) openFront(ctx context.Context, target netip.Addr) (*front, error) {
	f := &front{target: target}
	for _, port := range []int{istiodDebugPort, istiodPlainPort, istiodSecurePort, istiodMonitoringPort, istiodWebhookPort} {
		listener, err := listenTCP(ctx, n.controlPlane()+":"+itoa(port))
		if err != nil {
			f.close()
			return nil, err
		}
		f.listeners = append(f.listeners, listener)
		to := target.String() + ":" + itoa(port)
		n.running.Go(func() { n.accept(ctx, isolating{listener, n.isolation}, func() (string, bool) { return to, true }) })
	}
	return f, nil
}

func (f *front) close() {
	if f == nil {
		return
	}
	for _, listener := range f.listeners {
		_ = listener.Close()
	}
}

// accept passes connections on, each to where the way leads at the time, until the listener
// is closed. Those that are open then go on, until one of their ends closes them.
func (n *Node) accept(ctx context.Context, listener net.Listener, way func() (to string, ok bool)) {
	for {
		conn, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			n.logf("accept on %s: %v", listener.Addr(), err)
			if !sleep(ctx, frontRetry) {
				return
			}
			continue
		}
		to, ok := way()
		if !ok {
			conn.Close()
			continue
		}
		n.running.Go(func() { pass(ctx, conn, to) })
	}
}

// pass joins a connection to another address until both directions have ended.
func pass(ctx context.Context, near net.Conn, to string) {
	defer near.Close()
	far, err := new(net.Dialer).DialContext(ctx, "tcp4", to)
	if err != nil {
		return
	}
	defer far.Close()
	stop := context.AfterFunc(ctx, func() {
		near.Close()
		far.Close()
	})
	defer stop()
	var both sync.WaitGroup
	both.Go(func() { copyHalf(far, near) })
	both.Go(func() { copyHalf(near, far) })
	both.Wait()
}

// copyHalf passes on what comes, and then that nothing more comes.
func copyHalf(to, from net.Conn) {
	_, err := io.Copy(to, from)
	half, ok := to.(interface{ CloseWrite() error })
	if err != nil || !ok || half.CloseWrite() != nil {
		to.Close()
	}
}

// nameProxy serves the names inside the cluster.
func (n *Node) nameProxy() http.Handler { return nameproxy.New(n.Resolve) }
