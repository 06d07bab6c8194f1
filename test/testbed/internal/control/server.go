//go:build linux

package control

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// Verb is something that a testbed does on request.
type Verb func(ctx context.Context, parameters url.Values) error

// Server answers the testbed's commands.
type Server struct {
	// Status tells how the testbed is.
	Status func() Status
	// Verbs are done one at a time.
	Verbs map[string]Verb
	// Down begins the testbed's end. It is not kept waiting by a verb.
	Down func()

	busy sync.Mutex
}

// Serve answers until ctx ends.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(s.Status())
	})
	mux.HandleFunc("POST /down", func(http.ResponseWriter, *http.Request) { s.Down() })
	for name, verb := range s.Verbs {
		mux.HandleFunc("POST /"+name, func(w http.ResponseWriter, r *http.Request) { s.do(w, r, verb) })
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, BaseContext: func(net.Listener) context.Context { return ctx }}
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func (s *Server) do(w http.ResponseWriter, r *http.Request, verb Verb) {
	s.busy.Lock()
	defer s.busy.Unlock()
	if err := r.Context().Err(); err != nil {
		return // whoever asked has gone while another verb was under way
	}
	if err := verb(r.Context(), r.URL.Query()); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}
