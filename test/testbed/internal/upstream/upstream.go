// Package upstream stands in for what lies behind Kubeflow's front door: the dashboard and the pipelines API.
//
// It shows who the gateway says you are, answers Kubeflow Pipelines' health checks and lists its runs, experiments,
// pipelines and recurring runs, all empty, in the form that the real programs use; EchoPath echoes a WebSocket.
// Everything else is the 404 of the Express servers that it stands in for. Each answer carries the header X-Testbed-Stand-In.
package upstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// Header is on every answer; its value is the name of the program that is stood in for.
const Header = "X-Testbed-Stand-In"

// The programs that this package stands in for, as their containers are named.
const (
	CentralDashboard = "centraldashboard"
	PipelinesUI      = "ml-pipeline-ui"
	PipelinesAPI     = "ml-pipeline"
)

// Options say which program is stood in for.
type Options struct {
	// Component is CentralDashboard, PipelinesUI or PipelinesAPI; another name gets the page and the health check alone.
	Component string
	// PipelinesVersion is what Kubeflow Pipelines' health checks name, such as "2.16.0".
	PipelinesVersion string
	// Log takes a line per request, as the pipelines' frontend writes it ("GET /pipeline/"); nil means none.
	Log io.Writer
}

// New makes the handler of one stand-in.
func New(o Options) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/", notFound)
	mux.HandleFunc("GET /{$}", o.page)
	mux.HandleFunc("GET /index.html", o.page)
	mux.HandleFunc("GET "+EchoPath, echo)
	switch o.Component {
	case PipelinesUI:
		// Kubeflow's VirtualService rewrites /pipeline to /pipeline; the frontend serves both with and without it.
		mux.HandleFunc("GET /pipeline", o.page)
		mux.HandleFunc("GET /pipeline/{$}", o.page)
		mux.HandleFunc("GET /pipeline/index.html", o.page)
		o.handleFrontendHealth(mux, "/apis")
		o.handleFrontendHealth(mux, "/pipeline/apis")
		handleEmptyLists(mux, "/apis")
		handleEmptyLists(mux, "/pipeline/apis")
	case PipelinesAPI:
		o.handleServerHealth(mux, "/apis")
		handleEmptyLists(mux, "/apis")
	default:
		mux.HandleFunc("GET /_/", o.page) // the dashboard's frames: /_/pipeline/ and the like
		mux.HandleFunc("GET /healthz", answer(expressJSON, map[string]string{"message": "the stand-in answers"}))
	}
	return o.label(mux)
}

// label logs each request and marks each answer.
func (o Options) label(next http.Handler) http.Handler {
	log := o.Log
	if log == nil {
		log = io.Discard
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(log, "%s %s\n", r.Method, r.URL.EscapedPath())
		w.Header().Set(Header, o.Component)
		next.ServeHTTP(w, r)
	})
}

// Serve answers on address ("127.0.71.23:8082") until ctx ends, and takes no other than a loopback address.
// Answers in flight get a second to finish; a nil error means that ctx ended.
func Serve(ctx context.Context, address string, handler http.Handler) error {
	bound, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return fmt.Errorf("read the address %q: %w", address, err)
	}
	if bound.IP == nil || !bound.IP.IsLoopback() {
		return fmt.Errorf("listen on %q: not a loopback address", address)
	}
	listener, err := net.ListenTCP("tcp", bound)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", address, err)
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve on %s: %w", address, err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if err := server.Shutdown(grace); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("shut down %s: %w", address, err)
	}
	return server.Close()
}
