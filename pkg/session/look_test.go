package session

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

func TestLook(t *testing.T) {
	google := []fakeConnector{{Connector: Connector{ID: "g"}, external: "https://accounts.google.com/o/oauth2/v2/auth?client_id=x"}}
	oidc := []fakeConnector{{Connector: Connector{ID: "sso"}, external: "https://sso.example.com:8443/realms/a/protocol/openid-connect/auth?client_id=x&response_type=code"}}
	both := []Connector{{ID: "corp/ldap", Name: "LDAP"}, {ID: "local", Name: "Email"}}
	tests := []struct {
		name       string
		era        string
		connectors []fakeConnector
		connector  string
		want       Look
	}{
		{"password DB", "1.9.1", local(), "", Look{Era: EraOAuth2Proxy, Wall: SignIn, Connector: "local", LoginPrompt: "Email Address"}},
		{"several", "1.9.1", several(), "", Look{Era: EraOAuth2Proxy, Wall: SignIn, Connector: "local", Connectors: both, LoginPrompt: "Email Address"}},
		{"LDAP", "1.9.1", several(), "corp/ldap", Look{Era: EraOAuth2Proxy, Wall: SignIn, Connector: "corp/ldap", LoginPrompt: "Username"}},
		{"1.9.0", "1.9.0", local(), "", Look{Era: EraOAuth2Proxy, Wall: ToDex, Connector: "local", LoginPrompt: "Email Address"}},
		{"AuthService", "1.8", local(), "", Look{Era: EraAuthService, Wall: ToDex, Connector: "local", LoginPrompt: "Email Address"}},
		{"Google", "1.9.1", google, "", Look{Era: EraOAuth2Proxy, Wall: SignIn, Connector: "g", Provider: "Google"}},
		{"OIDC", "1.9.1", oidc, "", Look{Era: EraOAuth2Proxy, Wall: SignIn, Connector: "sso", Provider: "sso.example.com:8443"}},
		{"SAML", "1.9.1", []fakeConnector{{Connector: Connector{ID: "s"}, saml: true}}, "", Look{Era: EraOAuth2Proxy, Wall: SignIn, Connector: "s", Provider: "SAML"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := newDoor(t, &fakeDoor{era: test.era, dex: &fakeDex{release: "2.41", connectors: test.connectors}})
			c := d.client(Known{})
			c.Connector = test.connector
			look, err := c.Look(context.Background())
			if err != nil || !reflect.DeepEqual(*look, test.want) {
				t.Errorf("got %+v, %v\nwant %+v", look, err, test.want)
			}
			if d.dex.posts != 0 {
				t.Error("a look posted something")
			}
			if test.want.Provider == "" {
				return
			}
			_, err = d.login(t, c)
			if fault.ReasonOf(err) != fault.LoginNeeded || !strings.Contains(err.Error(), test.want.Provider) ||
				!strings.Contains(fault.HintOf(err), "cookie --import") {
				t.Errorf("login: %v", err)
			}
		})
	}
}

// An auth proxy without Dex sends people to the provider itself.
func TestProviderWithoutDex(t *testing.T) {
	d := newDoor(t, &fakeDoor{era: "1.8", instead: map[string]http.HandlerFunc{
		"/": redirectTo("https://login.microsoftonline.com/t/oauth2/v2.0/authorize?client_id=x&redirect_uri=https%3A%2F%2Fkf%2Foauth2%2Fcallback&response_type=code&state=s"),
	}})
	look, err := d.client(Known{}).Look(context.Background())
	if err != nil || look.Provider != "Microsoft" || look.Wall != ToDex || look.Era != EraOAuth2Proxy {
		t.Errorf("%+v, %v", look, err)
	}
}

func TestFrontPageAloneIsOpen(t *testing.T) {
	for _, era := range []string{"1.8", "1.9.1"} {
		d := newDoor(t, &fakeDoor{era: era})
		d.instead = map[string]http.HandlerFunc{"/": htmlAnswer(200, "<title>Welcome</title>")}
		if _, err := d.login(t, d.client(Known{})); err != nil {
			t.Errorf("%s: %v; %q", era, err, d.requests)
		}
	}
}

// elsewhereDex is a door whose Dex has an origin of its own.
func elsewhereDex(t *testing.T, c *Client) (*fakeDoor, *httptest.Server) {
	t.Helper()
	d := newDoor(t, &fakeDoor{era: "1.8"})
	dex := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Cookie") != "" {
			t.Error("another origin got cookies")
		}
		w.Header().Set("Set-Cookie", "foreign=1; Path=/")
		r.URL.RawQuery = strings.ReplaceAll(r.URL.RawQuery, "redirect_uri=%2F", "redirect_uri="+url.QueryEscape(d.server.URL)+"%2F")
		d.dex.ServeHTTP(w, r)
	}))
	t.Cleanup(dex.Close)
	d.instead = map[string]http.HandlerFunc{"/": func(w http.ResponseWriter, r *http.Request) {
		if d.isLoggedIn(r) {
			d.kubeflow(w, r)
			return
		}
		answer := httptest.NewRecorder()
		d.start(answer, r, d.callback(), "oidc_state_csrf")
		w.Header().Set("Set-Cookie", answer.Header().Get("Set-Cookie"))
		http.Redirect(w, r, dex.URL+answer.Header().Get("Location"), http.StatusFound)
	}}
	*c = *d.client(Known{Connector: "local"})
	return d, dex
}

func TestPasswordGoesNowhereElse(t *testing.T) {
	var c Client
	d, dex := elsewhereDex(t, &c)
	_, err := d.login(t, &c)
	if fault.ReasonOf(err) != fault.LoginNeeded || !strings.Contains(err.Error(), dex.URL) || !strings.Contains(err.Error(), d.server.URL) {
		t.Errorf("%v", err)
	}
	if d.dex.posts+d.dex.next != 0 {
		t.Error("the other origin was visited")
	}
}

func TestPasswordGoesToAnAllowedOrigin(t *testing.T) {
	var c Client
	d, dex := elsewhereDex(t, &c)
	c.Door.PasswordOrigins, c.Door.Elsewhere = []string{dex.URL + "/"}, http.DefaultTransport
	s, err := d.login(t, &c)
	if err != nil {
		t.Fatal(err, d.requests)
	}
	if got := Header(s.Cookies); got != "authservice_session=secret|session==" {
		t.Error(got)
	}
}

func TestTakesPassword(t *testing.T) {
	allowed := []string{"https://dex.example.com", "http://plain.example.com"}
	tests := []struct {
		origin, to string
		want       bool
	}{
		{"https://kf.example.com", "https://kf.example.com/dex", true},
		{"https://kf.example.com", "https://KF.example.com:443/dex", true},
		{"https://kf.example.com", "https://kf.example.com:8443/dex", true},
		{"https://kf.example.com", "http://kf.example.com/dex", false},
		{"http://kf.example.com", "https://kf.example.com/dex", true},
		{"http://kf.example.com:8080", "http://kf.example.com/dex", false},
		{"https://kf.example.com", "https://dex.example.com/dex", true},
		{"https://kf.example.com", "https://dex.example.com:444/dex", false},
		{"https://kf.example.com", "https://dex.example.com.evil.org/dex", false},
		{"https://kf.example.com", "https://dex.example.com@evil.org/dex", false},
		{"https://kf.example.com", "http://dex.example.com/dex", false},
		{"https://kf.example.com", "http://plain.example.com/dex", false},
		{"http://kf.example.com", "http://plain.example.com/dex", true},
		{"https://kf.example.com", "ftp://kf.example.com/dex", false},
	}
	for _, test := range tests {
		origin, _ := url.Parse(test.origin)
		to, _ := url.Parse(test.to)
		c := Client{Door: Door{Origin: origin, PasswordOrigins: allowed}}
		if got := c.takesPassword(to); got != test.want {
			t.Errorf("from %s to %s: %v", test.origin, test.to, got)
		}
	}
}

func TestFormWithAForeignAction(t *testing.T) {
	d := newDoor(t, &fakeDoor{era: "1.9.1"})
	d.instead = map[string]http.HandlerFunc{"/dex/auth/local": htmlAnswer(200,
		`<form method=post action="https://evil.example.com/take"><input name=login><input name=password type=password></form>`)}
	_, err := d.login(t, d.client(Known{Connector: "local"}))
	if fault.ReasonOf(err) != fault.LoginNeeded || !strings.Contains(err.Error(), "https://evil.example.com") {
		t.Error(err)
	}
}

func TestHome(t *testing.T) {
	tests := []struct {
		origin string
		tunnel bool
		to     string
		want   string
	}{
		{"https://localhost", true, "http://localhost:8080/dex?a=b", "https://localhost/dex?a=b"},
		{"http://kf.example.com", true, "https://kf.example.com/dex", "http://kf.example.com/dex"},
		{"https://localhost", false, "http://localhost:8080/dex", "http://localhost:8080/dex"},
		{"https://localhost", false, "https://LOCALHOST:443/dex", "https://localhost/dex"},
		{"https://localhost", true, "https://github.com/dex", "https://github.com/dex"},
		{"https://localhost", true, "javascript://localhost/x", "javascript://localhost/x"},
	}
	for _, test := range tests {
		origin, _ := url.Parse(test.origin)
		to, _ := url.Parse(test.to)
		c := Client{Door: Door{Origin: origin, Tunnel: test.tunnel}}
		if got := c.home(to).String(); got != test.want {
			t.Errorf("%s (tunnel %v) from %s: %s, want %s", test.to, test.tunnel, test.origin, got, test.want)
		}
	}
}

func TestToHTTPS(t *testing.T) {
	for _, tunnel := range []bool{false, true} {
		d := newDoor(t, &fakeDoor{era: "1.9.1"})
		d.instead = map[string]http.HandlerFunc{"/": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://"+r.Host+"/", http.StatusMovedPermanently)
		}}
		c := d.client(Known{})
		c.Door.Tunnel = tunnel
		_, err := d.login(t, c)
		if fault.ReasonOf(err) != fault.LoginFailed || !strings.Contains(err.Error(), "https") {
			t.Errorf("tunnel %v: %v", tunnel, err)
		}
	}
}

func TestTraceHoldsNoSecret(t *testing.T) {
	d := newDoor(t, &fakeDoor{era: "1.9.0", dex: &fakeDex{release: "2.41", approval: true, connectors: several()}})
	c := d.client(Known{})
	c.Consent = func(context.Context, Consent) (bool, error) { return true, nil }
	var lines []string
	c.Trace = func(s Step) { lines = append(lines, s.String()) }
	if _, err := d.login(t, c); err != nil {
		t.Fatal(err)
	}
	all := strings.Join(lines, "\n")
	for _, secret := range []string{"secret", "csrf", "state", "code=", "?", fakePassword, "request1"} {
		if strings.Contains(all, secret) {
			t.Errorf("%q is in the trace:\n%s", secret, all)
		}
	}
	if len(lines) != len(d.requests) || !strings.Contains(all, "POST "+strings.TrimPrefix(d.server.URL, "http://")+"/dex/auth/local/login: 303 to ") {
		t.Error(all)
	}
}
