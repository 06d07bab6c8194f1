package session

import (
	"net/http"
	"testing"
)

func TestClassify(t *testing.T) {
	html := http.Header{"Content-Type": {"text/html; charset=utf-8"}}
	plain := http.Header{"Content-Type": {"text/plain"}}
	to := func(location string) http.Header { return http.Header{"Location": {location}} }
	tests := []struct {
		name   string
		status int
		header http.Header
		body   string
		want   Wall
		stops  bool
	}{
		{"oauth2-proxy's page", 403, html, "<html><head><title>Sign In</title>", SignIn, true},
		{"a page of somebody else with 403", 403, html, "<title>Forbidden</title>", Denied, true},
		{"Istio denies", 403, plain, "RBAC: access denied", Denied, true},
		{"authorization service down", 403, nil, "", Denied, true},
		{"programs", 401, nil, "{}", Unauthorized, true},
		{"AuthService", 302, to("/dex/auth?client_id=kubeflow-oidc-authservice"), "", ToDex, true},
		{"a connector", 302, to("/dex/auth/local?client_id=x"), "", ToDex, true},
		{"login start", 302, to("/oauth2/start?rd=%2F"), "", ToDex, true},
		{"external provider", 302, to("https://idp.example.com/a?client_id=x&response_type=code"), "", ToDex, true},
		{"to https", 301, to("https://localhost:8080/"), "", ToHTTPS, false},
		{"an application's redirect", 302, to("/_/jupyter/"), "", Unknown, false},
		{"a path that only begins alike", 302, to("/dex/authors"), "", Unknown, false},
		{"redirect without target", 302, nil, "", Unknown, false},
		{"unreadable target", 302, to("http://[::1"), "", Unknown, false},
		{"dashboard", 200, html, "<title>Kubeflow Central Dashboard</title>", Open, false},
		{"no route", 404, nil, "", Unknown, false},
		{"no upstream", 503, plain, "no healthy upstream", Unknown, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := Classify(test.status, test.header, []byte(test.body))
			if got != test.want || got.Stops() != test.stops {
				t.Errorf("got %q (stops %v), want %q (stops %v)", got, got.Stops(), test.want, test.stops)
			}
		})
	}
}

func FuzzClassify(f *testing.F) {
	f.Add(302, "/dex/auth?client_id=a", "")
	f.Add(403, "", "<title>Sign In</title>")
	f.Fuzz(func(t *testing.T, status int, location, body string) {
		wall := Classify(status, http.Header{"Location": {location}}, []byte(body))
		if wall == Open && (status < 200 || status > 299) {
			t.Errorf("status %d counts as open", status)
		}
	})
}
