// Package proxy is an HTTP endpoint on this computer's loopback that leads to a
// Kubeflow and adds a session to every request. Clients need neither cookie nor
// Kubeflow's certificate.
//
// Who reaches the endpoint acts as the session's user. So it answers its own
// names alone, no page of another site, and on Linux no other user.
package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/kftls/kubectl-kftls/pkg/session"
)

const (
	// headerTimeout bounds the wait for the head of a request, TLS handshake
	// included. Bodies and answers may take as long as they like.
	headerTimeout = 30 * time.Second
	// idleTimeout is how long a client's connection is kept without a request.
	idleTimeout = 5 * time.Minute
)

// Options describe an endpoint.
type Options struct {
	// Origin is Kubeflow's scheme, host and perhaps port, without a path.
	Origin *url.URL
	// Transport carries requests to Origin, whatever the road.
	Transport http.RoundTripper
	// Session returns the session to add; it is asked for each request. Where
	// it is nil or returns nil nothing is added: Kubeflow has no login.
	Session func() *session.Session
	// Port is the local one. Requests for another are refused.
	Port uint16
	// TLS is how the endpoint serves; nil means plain HTTP.
	TLS *tls.Config
	// LoginCommand makes a new session. It is named when one has ended.
	LoginCommand string
	// Refused is told what the endpoint did not pass on, and why; the error is
	// a *fault.Error. Nil means nobody. It may be called by several goroutines.
	Refused func(error)
	// Logf takes one line for each event that is no answer, such as a TLS
	// handshake that failed; nil means none.
	Logf func(format string, args ...any)
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Proxy is the endpoint.
type Proxy struct {
	Options
	forward    *httputil.ReverseProxy
	knowsPeers bool
}

// New makes an endpoint. Nothing is opened before Serve.
func New(o Options) *Proxy {
	if o.Session == nil {
		o.Session = func() *session.Session { return nil }
	}
	if o.Refused == nil {
		o.Refused = func(error) {}
	}
	if o.Logf == nil {
		o.Logf = func(string, ...any) {}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	p := &Proxy{Options: o, knowsPeers: KnowsPeers()}
	p.forward = &httputil.ReverseProxy{
		Rewrite:        p.rewrite,
		ModifyResponse: p.modifyResponse,
		ErrorHandler:   p.failed,
		Transport:      o.Transport,
		FlushInterval:  -1, // what Kubeflow streams arrives as it is sent
		ErrorLog:       slog.NewLogLogger(events(o.Logf), slog.LevelInfo),
	}
	return p
}

// URL is where clients on this computer find the endpoint.
func (p *Proxy) URL() string { return p.scheme() + "://" + p.authority("localhost") }

func (p *Proxy) scheme() string {
	if p.TLS != nil {
		return "https"
	}
	return "http"
}

// authority is host:port as clients write it.
func (p *Proxy) authority(host string) string {
	return net.JoinHostPort(host, strconv.Itoa(int(p.Port)))
}

// Serve answers on the sockets until ctx ends; then it closes them and all
// connections and returns. The error is why a socket failed before that.
func (p *Proxy) Serve(ctx context.Context, sockets ...net.Listener) error {
	server := &http.Server{
		Handler:           http.HandlerFunc(p.handle),
		TLSConfig:         p.TLS.Clone(),
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		ErrorLog:          slog.NewLogLogger(events(p.Logf), slog.LevelInfo),
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ConnContext:       p.withPeer,
	}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	failed := make([]error, len(sockets))
	var work sync.WaitGroup
	for i, socket := range sockets {
		work.Go(func() {
			if failed[i] = p.serve(server, socket); errors.Is(failed[i], http.ErrServerClosed) {
				failed[i] = nil
			}
		})
	}
	work.Wait()
	return errors.Join(failed...)
}

func (p *Proxy) serve(server *http.Server, socket net.Listener) error {
	if p.TLS != nil {
		return server.ServeTLS(socket, "", "")
	}
	return server.Serve(socket)
}

// handle passes a request on unless there is a reason not to.
func (p *Proxy) handle(w http.ResponseWriter, r *http.Request) {
	if refusal := p.guard(r); refusal != nil {
		p.refuse(w, r, refusal)
		return
	}
	current := p.Session()
	if current != nil && current.Expires != nil && !p.Now().Before(*current.Expires) {
		p.refuse(w, r, p.ended(current))
		return
	}
	p.forward.ServeHTTP(w, remember(r, current))
}

// failed answers for Kubeflow.
func (p *Proxy) failed(w http.ResponseWriter, r *http.Request, err error) {
	var refusal *refusal
	switch {
	case errors.As(err, &refusal):
		p.refuse(w, r, refusal)
	case r.Context().Err() == nil: // else the client has left
		p.refuse(w, r, p.unreachable(err))
	}
}

// events is a slog.Handler that passes the texts of net/http's log on.
type events func(format string, args ...any)

// Enabled implements slog.Handler.
func (e events) Enabled(context.Context, slog.Level) bool { return true }

// Handle implements slog.Handler.
func (e events) Handle(_ context.Context, r slog.Record) error {
	e("%s", r.Message)
	return nil
}

// WithAttrs implements slog.Handler; the log of net/http has none.
func (e events) WithAttrs([]slog.Attr) slog.Handler { return e }

// WithGroup implements slog.Handler; the log of net/http has none.
func (e events) WithGroup(string) slog.Handler { return e }
