package portforward

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"sync/atomic"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/streaming/pkg/httpstream"
)

// protocol is the only version of the port-forward protocol
// (k8s.io/client-go/tools/portforward.PortForwardProtocolV1Name).
const protocol = portforward.PortForwardProtocolV1Name

// wire is an upgraded connection: SPDY frames go over Conn, and raw is the
// socket below, which alone can be closed while Conn is stuck.
type wire struct {
	net.Conn
	raw net.Conn
}

// road opens wires to pods. client-go's round trippers must not be shared
// between dials (they keep the connection in a field), so each dial makes
// its own.
type road struct {
	config    *rest.Config
	transport Transport
	logf      func(string, ...any)

	// spdyWorks remembers that SPDY was taken where WebSocket failed.
	spdyWorks atomic.Bool
}

// open dials the pod's port-forward endpoint and upgrades the connection.
func (r *road) open(ctx context.Context, pod podName) (*wire, error) {
	endpoint, err := r.endpoint(pod)
	if err != nil {
		return nil, err
	}
	if r.transport == SPDY || r.transport == Auto && r.spdyWorks.Load() {
		return r.openSPDY(ctx, endpoint)
	}
	w, err := r.openWebSocket(ctx, endpoint)
	if err == nil {
		return w, nil
	}
	if r.transport == WebSocket || !fallsBack(err) || ctx.Err() != nil {
		return nil, answerOf(err)
	}
	w, spdyErr := r.openSPDY(ctx, endpoint)
	if spdyErr != nil {
		return nil, spdyErr
	}
	r.spdyWorks.Store(true)
	r.logf("WebSocket was refused, SPDY was taken: %v", err)
	return w, nil
}

// fallsBack says whether SPDY may work where WebSocket failed so. client-go
// counts every answer but 101 as a failed upgrade; 401 and 404 are answers
// that SPDY would get too. 403 is not: WebSocket is a GET and SPDY a POST, and
// a role may grant only `create`.
func fallsBack(err error) bool {
	if httpstream.IsHTTPSProxyError(err) {
		return true
	}
	refused, ok := errors.AsType[*httpstream.UpgradeFailureError](err)
	if !ok {
		return false
	}
	status := answerOf(refused)
	return !apierrors.IsUnauthorized(status) && !apierrors.IsNotFound(status)
}

func (r *road) endpoint(pod podName) (*url.URL, error) {
	base, _, err := rest.DefaultServerUrlFor(r.config)
	if err != nil {
		return nil, fmt.Errorf("read the API server's address: %w", err)
	}
	return base.JoinPath("api", "v1", "namespaces", pod.namespace, "pods", pod.name, "portforward"), nil
}
