package portforward

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"regexp"
	"strconv"
	"sync"

	tunnelling "k8s.io/apimachinery/pkg/util/portforward"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/websocket"
	"k8s.io/klog/v2"
	"k8s.io/streaming/pkg/httpstream"
)

// openWebSocket upgrades to a WebSocket whose messages carry SPDY frames
// (KEP-4006).
func (r *road) openWebSocket(ctx context.Context, endpoint *url.URL) (*wire, error) {
	transport, holder, err := websocket.RoundTripperFor(r.config)
	if err != nil {
		return nil, err
	}
	watched, done := watchSocket(ctx)
	request, err := http.NewRequestWithContext(watched, http.MethodGet, endpoint.String(), nil)
	if err != nil {
		return nil, err
	}
	conn, err := websocket.Negotiate(transport, holder, request, tunnelling.WebsocketsSPDYTunnelingPrefix+protocol)
	inTime := done()
	switch {
	case !inTime && err == nil:
		_ = conn.NetConn().Close()
		return nil, context.Cause(ctx)
	case !inTime:
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, err
	}
	// The tunnel logs the data it carries from verbosity 7 on; the discarding
	// logger keeps cookies out of logs.
	return &wire{Conn: portforward.NewTunnelingConnectionWithLogger(klog.Logger{}, conn), raw: bottom(conn.NetConn())}, nil
}

// watchSocket closes the socket of a request when ctx ends before done is
// called: the WebSocket library heeds a deadline, but not a cancellation.
// done says whether it came first.
func watchSocket(ctx context.Context) (watched context.Context, done func() bool) {
	var (
		mu     sync.Mutex
		socket net.Conn
	)
	closeSocket := func() {
		mu.Lock()
		defer mu.Unlock()
		if socket != nil {
			_ = bottom(socket).Close()
		}
	}
	watched = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
		mu.Lock()
		socket = info.Conn
		mu.Unlock()
		if ctx.Err() != nil {
			closeSocket()
		}
	}})
	return watched, context.AfterFunc(ctx, closeSocket)
}

// bottom is the socket below TLS, which can be closed at once: tls.Conn.Close
// sends an alert first and waits up to 5 s for it.
func bottom(conn net.Conn) net.Conn {
	for {
		wrapper, ok := conn.(interface{ NetConn() net.Conn })
		if !ok {
			return conn
		}
		conn = wrapper.NetConn()
	}
}

// handshakeStatus finds the code in the text that client-go makes of a refused
// upgrade whose body is not a whole Status (gorilla keeps 1 KiB of it).
var handshakeStatus = regexp.MustCompile(`bad handshake \((\d{3})`)

// answerOf returns the API server's Status inside a failed upgrade, which
// client-go wraps so that errors.As cannot see it, or err itself.
func answerOf(err error) error {
	refused, ok := errors.AsType[*httpstream.UpgradeFailureError](err)
	if !ok || refused.Cause == nil {
		return err
	}
	if code := handshakeStatus.FindStringSubmatch(refused.Cause.Error()); code != nil {
		if number, parseErr := strconv.Atoi(code[1]); parseErr == nil {
			return statusError(number, []byte(refused.Cause.Error()))
		}
	}
	return refused.Cause
}
