// Package endpoint opens the way to one origin of a Kubeflow: through the
// tunnel to its gateway pods, or directly to a URL. Who has an Endpoint speaks
// HTTP to Kubeflow and need not know the road.
package endpoint

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/kftls/kubectl-kftls/pkg/ca"
	"github.com/kftls/kubectl-kftls/pkg/gateway"
	"github.com/kftls/kubectl-kftls/pkg/state"
)

// DefaultHost is the name by which Kubeflow is asked for through the tunnel.
const DefaultHost = "localhost"

const (
	// dialTimeout bounds one connection, TLS included.
	dialTimeout = 10 * time.Second
	// idleTimeout keeps connections over the pauses between a login's requests,
	// a prompt for the password among them.
	idleTimeout = 90 * time.Second
)

// Endpoint is the way to one origin of a Kubeflow.
type Endpoint struct {
	// Key tells this endpoint from others on this computer: the URL, or the API
	// server, the Gateway, the host and the CA in force. Sessions are kept by it.
	Key string
	// Origin is scheme, host and perhaps port, without a path.
	Origin *url.URL
	// Cluster names API server and Gateway behind a tunnel; zero for a URL.
	Cluster state.Origin
	// Front is the front door behind a tunnel, nil for a URL or where Gateways
	// may not be read.
	Front *gateway.FrontDoor
	// Tunnel tells that the way leads through the API server.
	Tunnel bool
	// Authority is our CA where what is served is verified against it, else nil.
	Authority *ca.Authority
	// CAFile is the file that --ca-file named, "" where none was.
	CAFile string
	// Notes say what could not be read and what was assumed instead.
	Notes []string
	// Transport carries HTTP to Origin and keeps its connections.
	Transport *http.Transport
	// Dial opens a connection to the port behind Origin, before TLS.
	Dial func(context.Context) (net.Conn, error)

	close func()
}

// IsTLS tells whether the port behind Origin speaks TLS.
func (e *Endpoint) IsTLS() bool { return e.Origin.Scheme == "https" }

// TLSConfig is how the port behind Origin is verified, nil where it speaks plain
// HTTP. The caller may change it.
func (e *Endpoint) TLSConfig() *tls.Config {
	if !e.IsTLS() {
		return nil
	}
	config := e.Transport.TLSClientConfig.Clone()
	config.ServerName = e.Origin.Hostname()
	return config
}

// Close ends all connections.
func (e *Endpoint) Close() {
	e.Transport.CloseIdleConnections()
	if e.close != nil {
		e.close()
	}
}

// newTransport carries HTTP/1.1 over connections that dial opens: a session
// takes few requests, one after the other.
func newTransport(trust *tls.Config, dial func(context.Context) (net.Conn, error)) *http.Transport {
	return &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			ctx, cancel := context.WithTimeout(ctx, dialTimeout)
			defer cancel()
			return dial(ctx)
		},
		TLSClientConfig:     trust,
		TLSHandshakeTimeout: dialTimeout,
		IdleConnTimeout:     idleTimeout,
		MaxIdleConnsPerHost: 8,
		DisableCompression:  true,
	}
}
