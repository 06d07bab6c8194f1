package proxy_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/proxy"
	"github.com/kftls/kubectl-kftls/pkg/session"
)

// The walls are recorded: oauth2-proxy 7.8.1, AuthService of Kubeflow 1.8; the
// texts of Envoy are from its source, 1.34 (jwt_verify_lib/status.cc).
func TestSessionEnds(t *testing.T) {
	const signIn = "<!DOCTYPE html><html><head><title>Sign In</title></head></html>"
	jwt := http.Header{"Www-Authenticate": {`Bearer realm="http://localhost/", error="invalid_token"`}}
	html := http.Header{"Content-Type": {"text/html; charset=utf-8"}}
	for name, tc := range map[string]struct {
		path   string
		asked  http.Header
		status int
		header http.Header
		body   string
		ended  bool
	}{
		"sign-in page":            {status: 403, header: html, body: signIn, ended: true},
		"401 {}":                  {status: 401, body: "{}\n", ended: true},
		"to Dex":                  {status: 302, header: http.Header{"Location": {"/dex/auth?client_id=x"}}, ended: true},
		"id_token expired":        {status: 401, body: "Jwt is expired", ended: true},
		"id_token refused":        {status: 401, header: jwt, body: "anything", ended: true},
		"another key":             {status: 401, body: "Jwks doesn't have key to match kid or alg from Jwt", ended: true},
		"the client's own bearer": {asked: http.Header{"Authorization": {"Bearer x"}}, status: 401, body: "Jwt is expired"},
		"an application's 401":    {status: 401, body: `{"error":"Unauthenticated"}`},
		"an application's 403":    {status: 403, body: `{"error":"no access to namespace x"}`},
		"an application's page":   {status: 403, header: html, body: "<title>Forbidden</title>"},
		"RBAC":                    {status: 403, header: http.Header{"Content-Type": {"text/plain"}}, body: "RBAC: access denied"},
		"an application's move":   {status: 302, header: http.Header{"Location": {"/pipeline/"}}},
		"the login's own paths":   {path: "/oauth2/sign_out", status: 302, header: http.Header{"Location": {"/dex/auth?client_id=x"}}},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, func(w http.ResponseWriter, _ *http.Request) {
				for key, values := range tc.header {
					w.Header()[key] = values
				}
				w.WriteHeader(tc.status)
				fmt.Fprint(w, tc.body)
			}, nil)
			answer := s.get(t, "/"+strings.TrimPrefix(tc.path, "/"), tc.asked)
			if !tc.ended {
				if answer.StatusCode != tc.status || answer.body != tc.body {
					t.Errorf("status %d, %q; want Kubeflow's own answer", answer.StatusCode, answer.body)
				}
				return
			}
			want := "kftls: the session of alice@example.com at " + s.Origin.String() + " has ended\nhint: log in again: kubectl kftls login\n"
			if answer.StatusCode != http.StatusUnauthorized || answer.body != want {
				t.Errorf("status %d, %q; want 401 and %q", answer.StatusCode, answer.body, want)
			}
			if kind := answer.Header.Get("Content-Type"); kind != "text/plain; charset=utf-8" {
				t.Errorf("Content-Type %q", kind)
			}
			if len(s.refused) != 1 || fault.ReasonOf(s.refused[0]) != fault.LoginNeeded {
				t.Errorf("reported %v", s.refused)
			}
		})
	}
}

func TestExpiredSessionIsNotSent(t *testing.T) {
	end := time.Now()
	expired := alice()
	expired.Expires = &end
	asked := false
	s := open(t, func(http.ResponseWriter, *http.Request) { asked = true },
		func(o *proxy.Options) { o.Session = func() *session.Session { return expired } })
	answer := s.get(t, "/apis", http.Header{"Accept": {"application/json"}})
	want := `{"error":"the session of alice@example.com at ` + s.Origin.String() + ` has ended",` +
		`"hint":"log in again: kubectl kftls login","reason":"LoginNeeded"}` + "\n"
	if answer.StatusCode != http.StatusUnauthorized || answer.body != want || answer.Header.Get("Content-Type") != "application/json" {
		t.Errorf("status %d, %s", answer.StatusCode, answer.body)
	}
	if asked {
		t.Error("Kubeflow was asked with a session that has ended")
	}
}

func TestFormOfRefusals(t *testing.T) {
	s := open(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, "{}")
	}, nil)
	for accept, isJSON := range map[string]bool{
		"": false, "*/*": false, "text/html": false, "application/json, */*": false, "application/json, text/plain": false,
		"application/json": true, "application/json;q=0.9, application/problem+json": true,
	} {
		header := http.Header{}
		if accept != "" {
			header.Set("Accept", accept)
		}
		answer := s.get(t, "/", header)
		if got := answer.Header.Get("Content-Type") == "application/json"; got != isJSON {
			t.Errorf("Accept %q: %s", accept, answer.body)
		}
	}
}

func TestKubeflowIsDown(t *testing.T) {
	s := open(t, nil, func(o *proxy.Options) {
		o.Transport = roundTripper(func(*http.Request) (*http.Response, error) {
			return nil, fault.Wrap(fault.Unreachable, "kubectl get --raw /readyz", errors.New("lost the connection to the pod's node"))
		})
	})
	answer := s.get(t, "/", nil)
	want := "kftls: Kubeflow at " + s.Origin.String() + " cannot be reached: lost the connection to the pod's node\nhint: kubectl get --raw /readyz\n"
	if answer.StatusCode != http.StatusBadGateway || answer.body != want {
		t.Errorf("status %d, %q", answer.StatusCode, answer.body)
	}
	if strings.Contains(answer.body+s.said(), secret) {
		t.Error("the session's cookie was shown")
	}
}
