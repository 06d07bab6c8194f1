package session

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

// page is an answer with HTML, text one without.
func htmlAnswer(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { writePage(w, status, body) }
}

func textAnswer(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(status)
		w.Write([]byte(body))
	}
}

func redirectTo(location string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, location, http.StatusFound) }
}

func proxyError(message string) string {
	return recordedPage("oauth2-proxy-7.8.1-error.html", "@STATUS@", "error", "@MESSAGE@", message)
}

func dexError(message string) string {
	return recordedPage("dex-2.41.1-error.html", "@MESSAGE@", message)
}

func TestFailures(t *testing.T) {
	const form, callback = "/dex/auth/local/login", "/oauth2/callback"
	tests := []struct {
		name      string
		era       string
		path      string // answers instead
		handler   http.HandlerFunc
		connector string
		reason    fault.Reason
		text      string
		hint      string
	}{
		{"unknown connector", "1.9.1", "", nil, "gone", fault.Usage, `has no connector "gone"; it offers corp/ldap (LDAP), local (Email)`, "--connector"},
		{"unregistered redirect_uri", "1.9.1", "/dex/auth/local", htmlAnswer(400, dexError("Unregistered redirect_uri.")), "", fault.LoginFailed, "Unregistered redirect_uri.", "redirectURIs"},
		{"unknown client", "1.9.1", "/dex/auth/local", htmlAnswer(404, dexError("Invalid client_id.")), "", fault.LoginFailed, "Invalid client_id.", "dex-oidc-client"},
		{"LDAP down", "1.9.1", form, htmlAnswer(500, dexError("Login error: failed to connect")), "", fault.LoginFailed, "failed to connect", "LDAP"},
		{"Dex restarted in between", "1.9.1", form, htmlAnswer(400, dexError("Requested resource does not exist.")), "", fault.LoginFailed, "lost the login", "storage in memory"},
		{"Dex down", "1.9.1", "/dex/auth/local", textAnswer(503, "upstream connect error or disconnect/reset before headers."), "", fault.LoginFailed, "Dex behind", "get pods -n auth"},
		{"Dex's form is gone behind the gateway", "1.9.1", form, textAnswer(503, "no healthy upstream"), "", fault.LoginFailed, "no healthy upstream", "get pods -n auth"},
		{"CSRF cookie lost", "1.9.1", callback, htmlAnswer(403, proxyError("Login Failed: Unable to find a valid CSRF token. Please try again.")), "", fault.LoginFailed, "lost its CSRF cookie", "cookie_domains"},
		{"CSRF cookie lost, AuthService", "1.8", "/authservice/oidc/callback", textAnswer(400, "CSRF check failed. This may happen"), "", fault.LoginFailed, "lost its CSRF cookie", "try again"},
		{"code exchange", "1.9.1", callback, htmlAnswer(500, proxyError("Oops! Something went wrong.")), "", fault.LoginFailed, "could not exchange the code", "logs -n oauth2-proxy"},
		{"code exchange, AuthService", "1.8", "/authservice/oidc/callback", textAnswer(500, "Failed to exchange authorization code with token."), "", fault.LoginFailed, "Failed to exchange", ""},
		{"AuthService not ready", "1.8", "/", textAnswer(503, "OIDC Setup is not complete yet."), "", fault.LoginFailed, "is not ready: 503 OIDC Setup is not complete yet.", "waits for Dex"},
		{"login_required", "1.9.1", callback, htmlAnswer(403, proxyError("Login Failed: The upstream identity provider returned an error: login_required")), "", fault.LoginFailed, "login_required", "deploy/dex"},
		{"not in the allowed groups", "1.9.1", callback, htmlAnswer(403, proxyError("Invalid session: unauthorized")), "", fault.LoginFailed, "does not let", "allowed_groups"},
		{"a callback without a session", "1.9.1", callback, redirectTo("/"), "", fault.LoginFailed, "without a session cookie", "-v 1"},
		{"the callback is of another address", "1.9.1", form, redirectTo("https://kubeflow.example.com/oauth2/callback?code=secret-code&state=secret-state"), "", fault.LoginFailed, "leads back to https://kubeflow.example.com", "--url https://kubeflow.example.com"},
		{"oauth2-proxy down", "1.9.1", "/", textAnswer(403, ""), "", fault.LoginFailed, "is down", "get pods -n oauth2-proxy"},
		{"oauth2-proxy down at its start", "1.9.1", "/oauth2/start", textAnswer(503, "no healthy upstream"), "", fault.LoginFailed, "oauth2-proxy is down", "get pods -n oauth2-proxy"},
		{"wrong host", "1.9.1", "/", textAnswer(403, "RBAC: access denied"), "", fault.LoginFailed, "RBAC: access denied", "--host"},
		{"headers too large", "1.9.1", callback, textAnswer(431, ""), "", fault.LoginFailed, "too large", "scope groups"},
		{"headers too large at the check", "1.9.1", healthPath, textAnswer(431, ""), "", fault.LoginFailed, "too large", "scope groups"},
		{"refused right after the login", "1.9.1", healthPath, redirectTo("/dex/auth?client_id=x"), "", fault.LoginFailed, "refused right afterwards", "clocks"},
		{"keys that istiod never got", "1.9.1", healthPath, textAnswer(401, "Jwt verification fails"), "", fault.LoginFailed, "Jwt verification fails", "istiod"},
		{"id_token from the future", "1.9.1", healthPath, textAnswer(401, "Jwt not yet valid"), "", fault.LoginFailed, "clock is ahead", "clocks"},
		{"id_token ended at once", "1.9.1", healthPath, textAnswer(401, "Jwt is expired"), "", fault.LoginFailed, "Jwt is expired", "clocks"},
		{"name of the cluster's inside", "1.8", "/", redirectTo("http://dex.auth.svc.cluster.local:5556/dex/auth?client_id=x&response_type=code"), "", fault.LoginFailed, "only the cluster's inside knows", "login_url"},
		{"in circles", "1.9.1", "/", redirectTo("/"), "", fault.LoginFailed, "leads to itself", "-v 1"},
		{"second factor", "1.9.1", form, htmlAnswer(200, `<form method=post><input name=totp></form>`), "", fault.LoginNeeded, "one-time code", "--import"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := newDoor(t, &fakeDoor{era: test.era, dex: &fakeDex{release: "2.41", connectors: several()}})
			if test.handler != nil {
				d.instead = map[string]http.HandlerFunc{test.path: test.handler}
			}
			c := d.client(Known{Connector: "local"})
			c.Connector = test.connector
			_, err := d.login(t, c)
			if fault.ReasonOf(err) != test.reason {
				t.Fatalf("got %q %v, want %s; %q", fault.ReasonOf(err), err, test.reason, d.requests)
			}
			if !strings.Contains(err.Error(), test.text) {
				t.Errorf("got %q, want %q in it", err, test.text)
			}
			if hint := fault.HintOf(err); !strings.Contains(hint, test.hint) {
				t.Errorf("hint %q, want %q in it", hint, test.hint)
			}
			if strings.Contains(err.Error()+fault.HintOf(err), "secret-") {
				t.Errorf("%q tells a secret", err)
			}
		})
	}
}

func TestWrongPassword(t *testing.T) {
	for _, release := range []string{"2.22", "2.31", "2.41"} {
		d := newDoor(t, &fakeDoor{era: "1.8", dex: &fakeDex{release: release, connectors: several()[:1]}})
		_, err := d.client(Known{}).Login(context.Background(), Credentials{fakeUser, "wrong-password"})
		if fault.ReasonOf(err) != fault.LoginRefused {
			t.Fatalf("Dex %s: %v", release, err)
		}
		if want := `refuses the login "user@example.com": Invalid Username and password`; !strings.Contains(err.Error(), want) {
			t.Errorf("Dex %s: %q", release, err)
		}
		if d.dex.posts != 1 {
			t.Errorf("Dex %s: the password was posted %d times", release, d.dex.posts)
		}
		if strings.Contains(err.Error(), "wrong-password") {
			t.Errorf("%q tells the password", err)
		}
	}
}

func TestFailureOfADirectoryIsNotTriedAgain(t *testing.T) {
	d := newDoor(t, &fakeDoor{era: "1.9.1"})
	d.dex.connectors[0].down = true
	_, err := d.login(t, d.client(Known{}))
	if fault.ReasonOf(err) != fault.LoginFailed || d.dex.posts != 1 {
		t.Errorf("%d posts: %v", d.dex.posts, err)
	}
}

func TestOnlyProvidersAndNoneChosen(t *testing.T) {
	offered := []fakeConnector{
		{Connector: Connector{ID: "github", Name: "GitHub"}, external: "https://github.com/login/oauth/authorize?client_id=x"},
		{Connector: Connector{ID: "corp", Name: "LDAP"}},
	}
	d := newDoor(t, &fakeDoor{era: "1.9.1", dex: &fakeDex{release: "2.41", connectors: offered}})
	_, err := d.login(t, d.client(Known{}))
	if fault.ReasonOf(err) != fault.Usage || !strings.Contains(err.Error(), "corp (LDAP), github (GitHub)") {
		t.Error(err)
	}
	c := d.client(Known{})
	c.Connector = "local"
	_, err = d.login(t, c)
	if fault.ReasonOf(err) != fault.Usage || !strings.Contains(err.Error(), "no password DB") {
		t.Error(err)
	}
}

func TestOneConnectorAndAnotherAsked(t *testing.T) {
	d := newDoor(t, &fakeDoor{era: "1.9.1"})
	c := d.client(Known{})
	c.Connector = "ldap"
	_, err := d.login(t, c)
	if fault.ReasonOf(err) != fault.Usage || !strings.Contains(err.Error(), `has no connector "ldap"; it offers local`) {
		t.Error(err)
	}
}

func TestNothingIsReadForEver(t *testing.T) {
	d := newDoor(t, &fakeDoor{era: "1.9.1"})
	d.instead = map[string]http.HandlerFunc{"/": func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		for r.Context().Err() == nil {
			if _, err := io.WriteString(w, strings.Repeat("x", 1<<16)); err != nil {
				return
			}
		}
	}}
	c := d.client(Known{})
	a, err := c.ask(context.Background(), "/", nil)
	if err != nil || len(a.body) != maxBody {
		t.Errorf("%v", err)
	}
}

func TestEndlessRedirects(t *testing.T) {
	d := newDoor(t, &fakeDoor{era: "1.9.1"})
	d.instead = map[string]http.HandlerFunc{"/": func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/?"+strings.Repeat("x", len(d.requests)), http.StatusFound)
	}}
	_, err := d.login(t, d.client(Known{}))
	if fault.ReasonOf(err) != fault.LoginFailed || len(d.requests) != maxSteps {
		t.Errorf("%d requests: %v", len(d.requests), err)
	}
}

func TestInterrupted(t *testing.T) {
	d := newDoor(t, &fakeDoor{era: "1.9.1"})
	ctx, cancel := context.WithCancel(context.Background())
	d.instead = map[string]http.HandlerFunc{"/oauth2/start": func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	}}
	_, err := d.client(Known{}).Login(ctx, Credentials{fakeUser, fakePassword})
	if err == nil || !strings.Contains(err.Error(), context.Canceled.Error()) {
		t.Error(err)
	}
}
