// Package authservice stands in for oidc-authservice, which guarded Kubeflow up to 1.8 and is not to be had as a Go
// module. It makes real logins: the code is exchanged with the Dex that runs, id_tokens are verified with Dex's keys,
// tokens of ServiceAccounts by the API server.
//
// It answers as oidc-authservice e236439 (Kubeflow 1.7 and 1.8) was recorded to, with the defaults of its source where
// nothing was recorded; without AUTHSERVICE_URL_PREFIX as 28c59ef (Kubeflow 1.3 to 1.6), from its source alone.
// https://github.com/arrikto/oidc-authservice. Each answer carries the header X-Testbed-Stand-In.
package authservice

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// Component is the value of the header upstream.Header on every answer.
const Component = "oidc-authservice"

// The cookies of the AuthService (state.go, session.go).
const (
	sessionCookie = "authservice_session"
	stateCookie   = "oidc_state_csrf"
)

// Options say what the stand-in works with.
type Options struct {
	Settings Settings
	// Review asks the API server whose token it is; nil means that no token is known.
	Review Review
	// Log takes a line for each request, without anything secret; nil means none.
	Log io.Writer
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Review tells the user that a bearer token belongs to; ok is false if the token is not known.
type Review func(ctx context.Context, token string) (u User, ok bool, err error)

// User is who a request comes from.
type User struct {
	ID     string
	Groups []string
}

// Server answers the gateway's question whether a request may pass, as its ext_authz filter asks it: with the method,
// path and query of the request. 200 lets it pass; any other answer goes to the client.
type Server struct {
	Options
	provider atomic.Pointer[provider]
	sessions *store[User]
	states   *store[string] // the URL that was visited first
}

// New makes a stand-in that is not ready: Connect makes it so.
func New(o Options) *Server {
	if o.Log == nil {
		o.Log = io.Discard
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Server{Options: o, sessions: newStore[User](o.Now), states: newStore[string](o.Now)}
}

// Ready answers the readiness probe: 503 until the provider is known.
func (s *Server) Ready(w http.ResponseWriter, _ *http.Request) {
	if s.provider.Load() == nil {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	noted := &noting{ResponseWriter: w, status: http.StatusOK}
	s.route(noted, r)
	fmt.Fprintf(s.Log, "%s %s %d\n", r.Method, r.URL.EscapedPath(), noted.status)
}

func (s *Server) route(w http.ResponseWriter, r *http.Request) {
	ready := s.provider.Load() != nil
	switch path := r.URL.Path; {
	case path == s.Settings.callback() && r.Method == http.MethodGet && ready:
		s.callback(w, r)
	case path == s.Settings.logout() && ready && s.Settings.Legacy():
		s.legacyLogout(w, r)
	case path == s.Settings.logout() && r.Method == http.MethodPost && ready:
		s.logout(w, r)
	case s.skipped(path):
		answer(w, http.StatusOK, "OK")
	case !ready:
		answer(w, http.StatusServiceUnavailable, "OIDC Setup is not complete yet.")
	default:
		s.authenticate(w, r)
	}
}

// skipped tells whether a path needs no login. It is asked before readiness: Dex itself is behind the gateway.
func (s *Server) skipped(path string) bool {
	for _, prefix := range s.Settings.Skip {
		if strings.HasPrefix(path, prefix) {
			return true
		}
	}
	return false
}

// answer writes a line of text, as the AuthService does: without an end of line.
func answer(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	w.Write([]byte(text))
}

// noting remembers the status for the log.
type noting struct {
	http.ResponseWriter
	status int
}

func (n *noting) WriteHeader(status int) {
	n.status = status
	n.ResponseWriter.WriteHeader(status)
}
