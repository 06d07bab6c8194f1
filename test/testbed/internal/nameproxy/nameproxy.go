// Package nameproxy is a forward proxy that knows the names inside the cluster.
//
// istiod and oauth2-proxy are configured with names like dex.auth.svc.cluster.local:5556, which no resolver of this
// machine knows. Given this proxy as HTTP_PROXY, they keep Kubeflow's configuration: the name stays in the URL and in
// the Host header, and only the connection goes to the loopback address of a pod.
package nameproxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

const (
	// dialTimeout is ample for a loopback address: it answers or refuses at once.
	dialTimeout = 5 * time.Second
	// answerTimeout ends a request whose pod accepted it and says nothing.
	answerTimeout = 30 * time.Second
)

// Resolve finds the loopback address ("127.0.71.21:5556") of a ready pod behind host and port.
// The host comes in lower case and without a final dot; ok is false if the name is unknown or no pod is ready.
type Resolve func(host string, port int) (addr string, ok bool)

type proxy struct {
	resolve Resolve
	forward http.Handler
}

// New makes a forward proxy for plain HTTP requests and for CONNECT tunnels.
//
// A name that resolve does not know is answered with 502 and a text that says so, and so is an address that is not
// loopback: the proxy never connects to another machine. Connections are not kept, since the pod behind a name changes.
// A tunnel ends with the context of its request, so an http.Server whose BaseContext is cancelled leaves none behind.
func New(resolve func(host string, port int) (addr string, ok bool)) http.Handler {
	p := &proxy{resolve: resolve}
	p.forward = &httputil.ReverseProxy{
		Rewrite: func(*httputil.ProxyRequest) {}, // the request goes on as it came, Host header included
		Transport: &http.Transport{
			Proxy:                 nil,
			DialContext:           p.dial,
			DisableKeepAlives:     true,
			DisableCompression:    true,
			ResponseHeaderTimeout: answerTimeout,
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) { badGateway(w, err) },
	}
	return p
}

// ServeHTTP implements http.Handler.
func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method == http.MethodConnect:
		p.tunnel(w, r)
	case r.URL.Scheme == "http" && r.URL.Host != "":
		p.forward.ServeHTTP(w, r)
	default:
		http.Error(w, "nameproxy: this is a forward proxy: it takes requests for http://NAME:PORT/ and CONNECT", http.StatusBadRequest)
	}
}

// dial connects to the pod behind a cluster name.
func (p *proxy) dial(ctx context.Context, network, target string) (net.Conn, error) {
	addr, err := p.lookup(target)
	if err != nil {
		return nil, err
	}
	dialer := net.Dialer{Timeout: dialTimeout}
	return dialer.DialContext(ctx, network, addr)
}

// lookup turns "NAME:PORT" into a loopback address, or says why it cannot.
func (p *proxy) lookup(target string) (string, error) {
	host, portText, err := net.SplitHostPort(target)
	if err != nil {
		return "", fmt.Errorf("read the address %q: %w", target, err)
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil || port == 0 {
		return "", fmt.Errorf("read the address %q: no such port", target)
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	addr, ok := p.resolve(host, int(port))
	if !ok {
		return "", fmt.Errorf("%s:%d is no Service of this testbed, or none of its pods is ready", host, port)
	}
	found, err := netip.ParseAddrPort(addr)
	if err != nil {
		return "", fmt.Errorf("%s:%d leads to %q, which is no address: %w", host, port, addr, err)
	}
	if !found.Addr().Unmap().IsLoopback() {
		return "", fmt.Errorf("%s:%d leads to %s, which is not loopback", host, port, found)
	}
	return found.String(), nil
}

// tunnel answers CONNECT: it joins the client's connection to the pod's.
func (p *proxy) tunnel(w http.ResponseWriter, r *http.Request) {
	pod, err := p.dial(r.Context(), "tcp", r.Host)
	if err != nil {
		badGateway(w, err)
		return
	}
	defer pod.Close()
	client, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		badGateway(w, fmt.Errorf("take over the connection: %w", err))
		return
	}
	defer client.Close()
	if _, err := io.WriteString(client, "HTTP/1.1 200 Connection Established\r\n\r\n"); err != nil {
		return
	}
	// What came together with the CONNECT is in the server's buffer. The rest is read past it, because the buffer takes
	// the end of the client's stream for the end of the request, and cancels its context.
	early := io.LimitReader(buffered.Reader, int64(buffered.Reader.Buffered()))
	join(r.Context(), io.MultiReader(early, client), client, pod)
}

// join copies both ways until both sides have ended or ctx is cancelled.
func join(ctx context.Context, fromClient io.Reader, client, pod net.Conn) {
	stop := context.AfterFunc(ctx, func() {
		client.Close()
		pod.Close()
	})
	defer stop()
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		copyThenCloseWrite(pod, fromClient)
	}()
	copyThenCloseWrite(client, pod)
	<-sent
}

// copyThenCloseWrite passes the end of a stream on, so that the other direction may still finish. A copy that fails
// closes to altogether: nobody reads it any more.
func copyThenCloseWrite(to net.Conn, from io.Reader) {
	_, err := io.Copy(to, from)
	half, ok := to.(interface{ CloseWrite() error })
	if err != nil || !ok || half.CloseWrite() != nil {
		to.Close()
	}
}

func badGateway(w http.ResponseWriter, err error) {
	status := http.StatusBadGateway
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		status = http.StatusGatewayTimeout
	}
	http.Error(w, "nameproxy: "+err.Error(), status)
}
