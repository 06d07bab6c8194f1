package portforward_test

import (
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/portforward"
)

// TestRefusalConcernsOneConnection is the trap of client-go's forwarder, which
// ends everything on any error text.
func TestRefusalConcernsOneConnection(t *testing.T) {
	forTransports(t, func(t *testing.T, transport portforward.Transport) {
		c := newChain(t)
		d := c.Dialer(transport)
		target := c.Backend("gateway", 8443, echo)
		a := dial(t, d, target)
		exchange(t, a, "before")

		refused := target
		refused.Port = 9999
		b := dial(t, d, refused)
		_, err := b.Read(make([]byte, 1))
		remote, ok := errors.AsType[*portforward.RemoteError](err)
		if !ok || !remote.Refused() || remote.Gone() {
			t.Fatalf("read from a refused port: %v", err)
		}
		if _, err := b.Write([]byte("x")); !errors.As(err, &remote) {
			t.Errorf("write to a refused port: %v", err)
		}
		exchange(t, a, "after")
		exchange(t, dial(t, d, target), "new")
	})
}

func TestResetConcernsOneConnection(t *testing.T) {
	forTransports(t, func(t *testing.T, transport portforward.Transport) {
		c := newChain(t)
		d := c.Dialer(transport)
		target := c.Backend("gateway", 8443, echo)
		resets := c.Backend("gateway", 8444, func(conn net.Conn) {
			_, _ = conn.Read(make([]byte, 1))
			_ = conn.(*net.TCPConn).SetLinger(0)
		})
		a := dial(t, d, target)
		b := dial(t, d, resets)
		if _, err := b.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		_, err := b.Read(make([]byte, 1))
		remote, ok := errors.AsType[*portforward.RemoteError](err)
		if !ok || remote.Refused() || !strings.Contains(remote.Text, "reset by peer") {
			t.Errorf("read from a reset connection: %v", err)
		}
		exchange(t, a, "after")
		exchange(t, dial(t, d, target), "new")
	})
}

// TestRejectedStream sends what the node rejects with a reset in place of a
// reply, which can block a worker of spdystream for ever.
func TestRejectedStream(t *testing.T) {
	forTransports(t, func(t *testing.T, transport portforward.Transport) {
		c := newChain(t)
		d := c.Dialer(transport)
		target := c.Backend("gateway", 8443, echo)
		a := dial(t, d, target)
		bad := target
		bad.Port = 0
		for range 8 {
			if conn, err := d.DialTarget(t.Context(), bad); err == nil {
				t.Fatalf("port 0 was accepted: %v", conn.RemoteAddr())
			}
		}
		exchange(t, a, "after")
		exchange(t, dial(t, d, target), "new")
	})
}

// TestGonePodIsLeft: a node answers for a deleted pod on the old connection,
// so that connection must not be kept for a new pod of the same name.
func TestGonePodIsLeft(t *testing.T) {
	c := newChain(t)
	d := c.Dialer(portforward.Auto)
	target := c.Backend("gateway", 8443, echo)
	exchange(t, dial(t, d, target), "before")
	c.RemovePod("gateway")
	// The node's word may come before the stream is open: then the dial asks the
	// API server.
	conn, err := d.DialTarget(t.Context(), target)
	if err == nil {
		_, err = conn.Read(make([]byte, 1))
		_ = conn.Close()
		if remote, ok := errors.AsType[*portforward.RemoteError](err); !ok || !remote.Gone() {
			t.Fatalf("read from a deleted pod: %v", err)
		}
	} else if fault.ReasonOf(err) != fault.NotFound {
		t.Fatalf("dial of a deleted pod on the old connection: %v", err)
	}
	if _, err := d.DialTarget(t.Context(), target); fault.ReasonOf(err) != fault.NotFound {
		t.Errorf("dial of a deleted pod: %v (%s)", err, fault.ReasonOf(err))
	}
}

func TestRefusedUpgrades(t *testing.T) {
	status := func(code int, reason metav1.StatusReason) []byte {
		return failure(code, reason, "said the server")
	}
	long := failure(403, metav1.StatusReasonForbidden, strings.Repeat("why ", 1000))
	for name, tc := range map[string]struct {
		code      int
		body      []byte
		transport portforward.Transport
		want      fault.Reason
		requests  int32
	}{
		"401":                    {401, status(401, metav1.StatusReasonUnauthorized), portforward.Auto, fault.Unauthorized, 1},
		"403":                    {403, status(403, metav1.StatusReasonForbidden), portforward.Auto, fault.Forbidden, 2},
		"404":                    {404, status(404, metav1.StatusReasonNotFound), portforward.Auto, fault.NotFound, 1},
		"401 without a Status":   {401, []byte("Unauthorized"), portforward.Auto, fault.Unauthorized, 1},
		"403 without a Status":   {403, nil, portforward.Auto, fault.Forbidden, 2},
		"403 longer than 1 KiB":  {403, long, portforward.WebSocket, fault.Forbidden, 1},
		"403, WebSocket alone":   {403, status(403, metav1.StatusReasonForbidden), portforward.WebSocket, fault.Forbidden, 1},
		"404, SPDY alone":        {404, status(404, metav1.StatusReasonNotFound), portforward.SPDY, fault.NotFound, 1},
		"401, SPDY alone":        {401, status(401, metav1.StatusReasonUnauthorized), portforward.SPDY, fault.Unauthorized, 1},
		"a node that is away":    {500, failure(500, metav1.StatusReasonInternalError, "error dialing backend: no route to host"), portforward.Auto, fault.Unreachable, 2},
		"a proxy's 200 in place": {200, []byte("<html>"), portforward.SPDY, fault.Internal, 1},
	} {
		t.Run(name, func(t *testing.T) {
			c := newChain(t)
			c.answer = func(*http.Request) (int, []byte) { return tc.code, tc.body }
			_, err := c.Dialer(tc.transport).DialTarget(t.Context(), portforward.Target{Namespace: "istio-system", Pod: "gateway", Port: 8443})
			if got := fault.ReasonOf(err); got != tc.want {
				t.Errorf("reason %s, want %s: %v", got, tc.want, err)
			}
			if got := c.gets.Load() + c.posts.Load(); got != tc.requests {
				t.Errorf("%d requests, want %d", got, tc.requests)
			}
			if hint := "kubectl auth can-i create pods/portforward -n istio-system"; tc.want == fault.Forbidden && fault.HintOf(err) != hint {
				t.Errorf("hint %q, want %q", fault.HintOf(err), hint)
			}
		})
	}
}

// TestFallback: a proxy that does not let WebSockets through, and a role that
// grants `create` but not `get`.
func TestFallback(t *testing.T) {
	for name, answer := range map[string]struct {
		code int
		body []byte
	}{
		"a proxy without WebSockets": {400, []byte("no upgrade")},
		"a role without get":         {403, failure(403, metav1.StatusReasonForbidden, "cannot get pods/portforward")},
	} {
		t.Run(name, func(t *testing.T) {
			c := newChain(t)
			c.answer = func(r *http.Request) (int, []byte) {
				if r.Method == http.MethodGet {
					return answer.code, answer.body
				}
				return 0, nil
			}
			d := c.Dialer(portforward.Auto)
			exchange(t, dial(t, d, c.Backend("one", 8443, echo)), "hello")
			exchange(t, dial(t, d, c.Backend("two", 8443, echo)), "hello")
			if gets, posts := c.gets.Load(), c.posts.Load(); gets != 1 || posts != 2 {
				t.Errorf("%d WebSocket and %d SPDY upgrades, want 1 and 2: SPDY was not remembered", gets, posts)
			}
		})
	}
}

func TestUnreachable(t *testing.T) {
	c := newChain(t)
	_ = c.relay.listener.Close()
	_, err := c.Dialer(portforward.Auto).DialTarget(t.Context(), c.Backend("gateway", 8443, echo))
	if got := fault.ReasonOf(err); got != fault.Unreachable {
		t.Errorf("reason %s: %v", got, err)
	}
}
