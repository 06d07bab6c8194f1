package node

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// lingering is how long containerd lets the other direction of a forwarded connection go on
// after the first has ended.
// https://github.com/containerd/containerd/blob/v2.1.0/internal/cri/server/sandbox_portforward_linux.go
const lingering = time.Second

// podSandbox forwards streams into one pod, in containerd's way and with its texts.
type podSandbox struct {
	id      string
	address string
	closed  <-chan struct{} // nil for one that never closes
}

// PortForward implements the runtime's side of port-forward.
func (s *podSandbox) PortForward(ctx context.Context, _, _ string, port int32, stream io.ReadWriteCloser) error {
	select {
	case <-s.closed:
		return fmt.Errorf("network namespace for sandbox %q is closed", s.id)
	default:
	}
	if err := s.forward(ctx, port, stream); err != nil {
		return fmt.Errorf("failed to execute portforward in network namespace %q: %w", s.namespace(), err)
	}
	return nil
}

// namespace is the path that containerd would have for the pod's network.
func (s *podSandbox) namespace() string {
	id := s.id
	return fmt.Sprintf("/var/run/netns/cni-%s-%s-%s-%s-%s", id[:8], id[8:12], id[12:16], id[16:20], id[20:32])
}

func (s *podSandbox) forward(ctx context.Context, port int32, stream io.ReadWriteCloser) error {
	defer stream.Close()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp4", s.address+":"+itoa(port))
	if err != nil {
		// In the pod it is localhost, in both families; the pod has no IPv6.
		text := strings.ReplaceAll(err.Error(), s.address, "127.0.0.1")
		return fmt.Errorf("failed to connect to localhost:%d inside namespace %q, IPv4: %s IPv6 dial tcp6: address localhost: no suitable address found ", port, s.id, text)
	}
	defer conn.Close()

	ended := make(chan error, 2)
	go func() {
		_, err := io.Copy(stream, conn)
		ended <- err
	}()
	go func() {
		_, err := io.Copy(conn, stream)
		ended <- err
	}()
	first := <-ended
	timer := time.NewTimer(lingering)
	defer timer.Stop()
	select {
	case second := <-ended:
		if first == nil {
			first = second
		}
	case <-timer.C:
	}
	return first
}
