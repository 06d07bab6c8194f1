package session

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// fakeDoor is a Kubeflow's gateway with its auth proxy and Dex. What the auth
// proxies answer was run with oauth2-proxy 7.8.1 and 7.15.2 and the AuthService
// e236439 (Kubeflow 1.7 and 1.8); that of 28c59ef (1.3 to 1.6) was read.
type fakeDoor struct {
	era string // "1.3", "1.8", "1.9.0", "1.9.1"
	dex *fakeDex
	// instead answers for a path.
	instead map[string]http.HandlerFunc
	// values are the session's cookies; two of them are set in parts.
	values []string
	issued string // the CSRF cookie's value
	open   bool

	server   *httptest.Server
	requests []string
}

const fakeExp = 3600 // seconds

func newDoor(t *testing.T, d *fakeDoor) *fakeDoor {
	t.Helper()
	if d.dex == nil {
		d.dex = &fakeDex{release: "2.41", connectors: []fakeConnector{{Connector: Connector{ID: "local", Name: "Email"}}}}
	}
	if d.values == nil {
		d.values = []string{"secret|session=="}
	}
	d.server = httptest.NewServer(d)
	t.Cleanup(d.server.Close)
	return d
}

// client speaks with the door, as an earlier login left it.
func (d *fakeDoor) client(known Known) *Client {
	origin, _ := url.Parse(d.server.URL)
	return &Client{Door: Door{Origin: origin, Transport: d.server.Client().Transport}, Known: known}
}

func (d *fakeDoor) login(t *testing.T, c *Client) (*Session, error) {
	t.Helper()
	d.requests = nil
	return c.Login(context.Background(), Credentials{fakeUser, fakePassword})
}

func (d *fakeDoor) isOld() bool { return d.era == "1.3" || d.era == "1.8" }

func (d *fakeDoor) callback() string {
	return map[string]string{"1.3": "/login/oidc", "1.8": "/authservice/oidc/callback"}[d.era]
}

func (d *fakeDoor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.requests = append(d.requests, r.Method+" "+r.URL.Path)
	if handler := d.instead[r.URL.Path]; handler != nil {
		handler(w, r)
		return
	}
	switch {
	case strings.HasPrefix(r.URL.Path, "/dex/"):
		d.dex.ServeHTTP(w, r)
	case d.isOld():
		d.serveAuthService(w, r)
	default:
		d.serveProxy(w, r)
	}
}

func (d *fakeDoor) serveProxy(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/oauth2/start":
		d.start(w, r, "/oauth2/callback", "oauth2_proxy_kubeflow_csrf")
	case r.URL.Path == "/oauth2/callback":
		d.finish(w, r, "oauth2_proxy_kubeflow")
	case r.URL.Path == "/oauth2/auth" && d.isLoggedIn(r):
		w.Header().Set("Authorization", "Bearer "+fakeToken(time.Now().Add(fakeExp*time.Second)))
		w.WriteHeader(http.StatusAccepted)
	case r.URL.Path == "/oauth2/sign_out":
		http.SetCookie(w, &http.Cookie{Name: "oauth2_proxy_kubeflow", Path: "/", Expires: time.Unix(1, 0)})
		http.Redirect(w, r, "/", http.StatusFound)
	case d.isLoggedIn(r):
		d.kubeflow(w, r)
	case d.era == "1.9.0":
		d.start(w, r, "/oauth2/callback", "oauth2_proxy_kubeflow_csrf")
	case strings.Contains(r.URL.Path, "/apis/"), strings.HasPrefix(r.URL.Path, "/oauth2/"):
		w.Header().Set("Content-Type", "application/json")
		if len(r.Cookies()) > 0 {
			w.Header().Set("Set-Cookie", "oauth2_proxy_kubeflow=; Path=/; Max-Age=0; HttpOnly")
		}
		w.WriteHeader(http.StatusUnauthorized)
		w.Write([]byte("{}"))
	default:
		writePage(w, http.StatusForbidden, recordedPage("oauth2-proxy-7.8.1-sign-in.html"))
	}
}

func (d *fakeDoor) serveAuthService(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == d.callback():
		d.finish(w, r, authServiceCookie)
	case d.era == "1.8" && r.URL.Path == "/authservice/logout":
		if r.Header.Get("Authorization") != "Bearer "+d.values[0] {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.WriteHeader(http.StatusCreated)
	case d.era == "1.3" && r.URL.Path == "/logout":
		http.Redirect(w, r, "/", http.StatusSeeOther)
	case d.isLoggedIn(r):
		d.kubeflow(w, r)
	default:
		d.start(w, r, d.callback(), map[string]string{"1.8": "oidc_state_csrf"}[d.era])
	}
}

// start sends the browser to Dex, with the CSRF cookie of the era.
func (d *fakeDoor) start(w http.ResponseWriter, r *http.Request, callback, csrf string) {
	d.issued = fmt.Sprintf("csrf%d", len(d.requests))
	query := url.Values{
		"client_id": {kubeflowClient}, "redirect_uri": {callback}, "response_type": {"code"},
		"scope": {"profile email groups openid"}, "state": {"secret-state:/"},
	}
	if d.era == "1.9.0" {
		query.Set("approval_prompt", "force")
	}
	if csrf != "" { // Secure, as with FORCE_HTTPS; the AuthService's ends in 38,000 years
		w.Header().Add("Set-Cookie", csrf+"="+d.issued+"; Path=/; Max-Age=1200000000000; HttpOnly; Secure")
	}
	http.Redirect(w, r, "/dex/auth?"+query.Encode(), http.StatusFound)
}

func (d *fakeDoor) finish(w http.ResponseWriter, r *http.Request, name string) {
	if d.era != "1.3" && !strings.Contains(r.Header.Get("Cookie"), "csrf="+d.issued) {
		if d.isOld() {
			http.Error(w, "CSRF check failed. This may happen if you opened the login form in more than 1 tabs. Please try to login again.", http.StatusBadRequest)
			return
		}
		writePage(w, http.StatusForbidden, recordedPage("oauth2-proxy-7.8.1-error.html", "@STATUS@", "403 Forbidden",
			"@MESSAGE@", "Login Failed: Unable to find a valid CSRF token. Please try again."))
		return
	}
	w.Header().Add("Set-Cookie", "oauth2_proxy_kubeflow_csrf=; Path=/; Max-Age=0; HttpOnly")
	w.Header().Add("Set-Cookie", "oidc_state_csrf=; Path=/; Max-Age=0")
	for i, value := range d.values {
		if len(d.values) > 1 {
			w.Header().Add("Set-Cookie", fmt.Sprintf("%s_%d=%s; Path=/; Max-Age=86400; HttpOnly", name, i, value))
			continue
		}
		w.Header().Add("Set-Cookie", name+"="+value+"; Path=/; Max-Age=86400; HttpOnly; Secure")
	}
	http.Redirect(w, r, "/", http.StatusFound)
}

// isLoggedIn wants every part of the session.
func (d *fakeDoor) isLoggedIn(r *http.Request) bool {
	if d.open {
		return true
	}
	for _, value := range d.values {
		if !strings.Contains(r.Header.Get("Cookie"), "="+value) {
			return false
		}
	}
	return true
}

// kubeflow stands behind the login.
func (d *fakeDoor) kubeflow(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case healthPath:
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.Write([]byte(`{"multi_user":true,"apiServerReady":true}`))
	case "/":
		writePage(w, http.StatusOK, dashboard)
	default:
		http.Error(w, "Cannot GET "+r.URL.Path, http.StatusNotFound)
	}
}

// dashboard is centraldashboard's public/index.html, read and shortened.
const dashboard = `<!doctype html><html><head><title>Kubeflow Central Dashboard</title></head><body><main-page></main-page></body></html>`

func fakeToken(exp time.Time) string {
	claims := fmt.Sprintf(`{"iss":"http://dex/dex","email":%q,"exp":%d,"groups":["a"]}`, fakeUser, exp.Unix())
	return "eyJhbGciOiJub25lIn0." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2ln"
}
