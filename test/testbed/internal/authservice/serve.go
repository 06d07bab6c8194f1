package authservice

import (
	"context"
	"net/http"
	"sync"

	"github.com/kftls/kubectl-kftls/test/testbed/internal/upstream"
)

// The AuthService's ports: defaults of SERVER_PORT and READINESS_PROBE_PORT, which Kubeflow does not set.
const (
	servicePort   = "8080"
	readinessPort = "8081"
)

// Serve answers on both ports of a loopback address ("127.0.71.22") until ctx ends or one of them cannot be served.
func (s *Server) Serve(ctx context.Context, address string) error {
	var parts sync.WaitGroup
	defer parts.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ends := make(chan error, 2)
	parts.Go(func() { s.Connect(ctx) })
	parts.Go(func() { ends <- upstream.Serve(ctx, address+":"+servicePort, labelled(s)) })
	parts.Go(func() { ends <- upstream.Serve(ctx, address+":"+readinessPort, http.HandlerFunc(s.Ready)) })
	return <-ends
}

// labelled marks each answer as a stand-in's.
func labelled(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(upstream.Header, Component)
		next.ServeHTTP(w, r)
	})
}
