// Package apiproxy is a proxy before an API server, for tests. It sees each
// request on its way there and each answer on its way back, and a test can
// delay, refuse or cut them: what a command does then is up to the command, in
// which nothing has to be prepared for that.
//
//	proxy, err := apiproxy.Start(config)
//	defer proxy.Close()
//	err = proxy.WriteKubeconfig(file)
//	proxy.Use(apiproxy.Hooks{Before: func(c *apiproxy.Call) error {
//		if c.Write == 2 {
//			return apiproxy.ErrCut
//		}
//		return nil
//	}})
//
// It signs in at the API server itself, so that its kubeconfig holds no
// credentials, and passes what upgrades a connection: port-forward works
// through it by WebSocket and by SPDY.
package apiproxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// Call is a request on its way through the proxy.
type Call struct {
	// Request is as the client sent it. Its context ends when the client goes.
	Request *http.Request
	// Write is its number among the writes that came since the hooks were set,
	// from 1 on; 0 for what is none (see IsWrite).
	Write int
}

// String names a call in a message.
func (c *Call) String() string { return c.Request.Method + " " + c.Request.URL.RequestURI() }

// Hooks are called for each request, several at a time. Those that are nil let
// it pass. Each may wait, for as long as the client does.
type Hooks struct {
	// Before is called before the request is sent on. An error keeps it from the
	// API server: ErrCut or a *Refusal; another one becomes a 502.
	Before func(*Call) error
	// After is called with the API server's answer, which it may change, before it
	// is handed back. By ErrCut the client never hears of it.
	After func(*Call, *http.Response) error
	// Done is called last, whatever became of the request.
	Done func(*Call)
	// Limit is how long a request may take; 0 means for ever. One that takes longer
	// ends as with a load balancer: with a 504, a tunnel without a word.
	Limit func(*Call) time.Duration
}

// ErrCut closes the client's connection without an answer.
var ErrCut = errors.New("the connection is cut")

// Refusal is an answer that the API server is not asked for.
type Refusal struct {
	Status int
	Header http.Header
	Body   string
}

// Error implements error.
func (r *Refusal) Error() string { return http.StatusText(r.Status) }

// Proxy stands before an API server, on loopback.
type Proxy struct {
	// URL is where it listens: plain HTTP.
	URL string

	server   *http.Server
	upstream *httputil.ReverseProxy
	current  atomic.Pointer[watch]
}

// watch are hooks, and the writes that they have seen.
type watch struct {
	Hooks
	writes atomic.Int64
}

// Start puts a proxy before the API server of a config, as its user.
func Start(config *rest.Config) (*Proxy, error) {
	config = rest.CopyConfig(config)
	config.NextProtos = []string{"http/1.1"} // HTTP/2 has no upgrades
	transport, err := rest.TransportFor(config)
	if err != nil {
		return nil, err
	}
	target, err := url.Parse(config.Host)
	if err != nil {
		return nil, err
	}
	var anywhere net.ListenConfig
	listener, err := anywhere.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{URL: "http://" + listener.Addr().String()}
	p.current.Store(&watch{})
	p.upstream = &httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport:      transport,
		FlushInterval:  -1,
		ModifyResponse: p.after,
		ErrorHandler:   answerError,
		ErrorLog:       silent, // a client that was killed takes no answer
	}
	p.server = &http.Server{Handler: http.HandlerFunc(p.pass), ReadHeaderTimeout: 10 * time.Second, ErrorLog: silent}
	go func() { _ = p.server.Serve(listener) }() // it ends with Close
	return p, nil
}

var silent = log.New(io.Discard, "", 0)

// Use takes other hooks for the requests that come from now on, and counts
// their writes from 1.
func (p *Proxy) Use(hooks Hooks) { p.current.Store(&watch{Hooks: hooks}) }

// Close ends the proxy and all connections through it.
func (p *Proxy) Close() error { return p.server.Close() }

// WriteKubeconfig writes a kubeconfig that leads through the proxy.
func (p *Proxy) WriteKubeconfig(file string) error {
	const name = "proxied"
	config := clientcmdapi.NewConfig()
	config.Clusters[name] = &clientcmdapi.Cluster{Server: p.URL}
	config.AuthInfos[name] = &clientcmdapi.AuthInfo{}
	config.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name}
	config.CurrentContext = name
	return clientcmd.WriteToFile(*config, file)
}

// passing is a call under the hooks that were in use when it came.
type passing struct {
	*Call
	hooks *watch
}

func (p passing) limit() time.Duration {
	if p.hooks.Limit == nil {
		return 0
	}
	return p.hooks.Limit(p.Call)
}

type passingKey struct{}

func (p *Proxy) pass(w http.ResponseWriter, r *http.Request) {
	now := passing{Call: &Call{Request: r}, hooks: p.current.Load()}
	isWrite, err := IsWrite(r)
	if err != nil {
		answerError(w, r, err)
		return
	}
	if isWrite {
		now.Write = int(now.hooks.writes.Add(1))
	}
	if now.hooks.Done != nil {
		defer now.hooks.Done(now.Call)
	}
	if now.hooks.Before != nil {
		if err := now.hooks.Before(now.Call); err != nil {
			answerError(w, r, err)
			return
		}
	}
	if r.Context().Err() != nil { // the client went while the request was held: nobody sent it
		answerError(w, r, ErrCut)
	}
	ctx := context.WithValue(r.Context(), passingKey{}, now)
	if limit := now.limit(); limit > 0 {
		limited, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		ctx = limited
	}
	p.upstream.ServeHTTP(w, r.WithContext(ctx))
}

func (p *Proxy) after(answer *http.Response) error {
	now, ok := answer.Request.Context().Value(passingKey{}).(passing)
	if !ok || now.hooks.After == nil {
		return nil
	}
	return now.hooks.After(now.Call, answer)
}

func answerError(w http.ResponseWriter, _ *http.Request, err error) {
	if errors.Is(err, ErrCut) {
		panic(http.ErrAbortHandler) //nolint:forbidigo // the way of net/http to close a connection without an answer
	}
	if errors.Is(err, context.DeadlineExceeded) {
		err = &Refusal{
			Status: http.StatusGatewayTimeout, Header: http.Header{"Content-Type": {"text/html"}},
			Body: "<html><head><title>504 Gateway Time-out</title></head><body><h1>504 Gateway Time-out</h1></body></html>\n",
		}
	}
	refusal, ok := errors.AsType[*Refusal](err)
	if !ok {
		http.Error(w, fmt.Sprintf("the proxy before the API server: %v", err), http.StatusBadGateway)
		return
	}
	for name, values := range refusal.Header {
		w.Header()[http.CanonicalHeaderKey(name)] = values
	}
	w.WriteHeader(refusal.Status)
	_, _ = io.WriteString(w, refusal.Body)
}
