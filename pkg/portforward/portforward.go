// Package portforward reaches ports of pods through the API server: a Service
// is resolved to pods, a Dialer gives net.Conns to their ports, and a Listener
// puts local ports in front of them.
//
// The road to a pod (WebSocket or SPDY upgrade, authentication, proxies) is
// client-go's. The streams on it are kept apart from each other, which
// client-go's own forwarder does not do: there one failed stream closes the
// connection of all (https://github.com/kubernetes/kubernetes/issues/111825).
package portforward

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"k8s.io/client-go/rest"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

// Transport is how the connection to the API server is upgraded.
type Transport string

// The transports. Auto is WebSocket first, and SPDY where the upgrade fails,
// as kubectl does since 1.31.
const (
	Auto      Transport = "auto"
	WebSocket Transport = "websocket"
	SPDY      Transport = "spdy"
)

// ParseTransport reads the value of a flag; "" is Auto. The error is a
// *fault.Error of reason Usage.
func ParseTransport(value string) (Transport, error) {
	switch t := Transport(strings.ToLower(value)); t {
	case "":
		return Auto, nil
	case Auto, WebSocket, SPDY:
		return t, nil
	}
	return "", fault.New(fault.Usage, "", "unknown transport %q: use auto, websocket or spdy", value)
}

// Target is a port of a pod.
type Target struct {
	Namespace, Pod string
	// Port is the container's port.
	Port uint16
}

// String is namespace/pod:port.
func (t Target) String() string {
	return t.Namespace + "/" + net.JoinHostPort(t.Pod, strconv.Itoa(int(t.Port)))
}

// DefaultDialTimeout bounds DialTarget where its context has no deadline.
const DefaultDialTimeout = 10 * time.Second

// Dialer opens connections to ports of pods. All methods may be called by
// several goroutines at once.
type Dialer interface {
	// DialTarget opens a connection to the target. It waits until ctx ends, or
	// DefaultDialTimeout where ctx has no deadline. Errors are *fault.Error of
	// reason Forbidden, Unauthorized, NotFound (no such pod), Unreachable,
	// Timeout or Internal, or net.ErrClosed after Close.
	//
	// That the pod accepts connections on the port is known only later: a
	// refusal arrives as a *RemoteError from the first Read. Every
	// connection has deadlines of its own, and a method CloseWrite() error.
	DialTarget(ctx context.Context, t Target) (net.Conn, error)
	// Close ends all connections at once, stuck ones too. It returns within a
	// second.
	Close() error
}

// Options are the choices of a Dialer.
type Options struct {
	// Transport is Auto where empty.
	Transport Transport
	// Logf takes one line for each noteworthy event; nil means none.
	Logf func(format string, args ...any)
}

// NewDialer makes a Dialer for the cluster of config, whose authentication,
// TLS and proxy settings it uses. Nothing is sent before the first dial. One
// connection a pod is kept and shared by all connections to that pod; it is
// opened again when it died.
func NewDialer(config *rest.Config, o Options) Dialer {
	if o.Logf == nil {
		o.Logf = func(string, ...any) {}
	}
	if o.Transport == "" {
		o.Transport = Auto
	}
	return newPool(&road{config: config, transport: o.Transport, logf: o.Logf}, o.Logf)
}

// podName names a pod for maps and messages.
type podName struct{ namespace, name string }

func (p podName) String() string { return fmt.Sprintf("%s/%s", p.namespace, p.name) }
