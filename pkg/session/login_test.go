package session

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

func local() []fakeConnector {
	return []fakeConnector{{Connector: Connector{ID: "local", Name: "Email"}}}
}

func several() []fakeConnector {
	return append([]fakeConnector{{Connector: Connector{ID: "corp/ldap", Name: "LDAP"}, prompt: "Username"}}, local()...)
}

// loginRequests counts what a login sent, the check and the id_token left out.
func loginRequests(d *fakeDoor) int {
	return len(slices.DeleteFunc(slices.Clone(d.requests), func(r string) bool {
		return strings.HasSuffix(r, healthPath) || strings.HasSuffix(r, "/oauth2/auth")
	}))
}

func TestLoginOfEveryEra(t *testing.T) {
	proxy, service := Known{Era: EraOAuth2Proxy}, Known{Era: EraAuthService}
	both := Known{Era: EraOAuth2Proxy, Connector: "local"}
	serviceLocal := Known{Era: EraAuthService, Connector: "local"}
	tests := []struct {
		name       string
		era, dex   string
		connectors []fakeConnector
		known      Known
		connector  string
		want       int // requests
		wantKnown  Known
	}{
		{"1.9.1, nothing known", "1.9.1", "2.41", local(), Known{}, "", 6, both},
		{"1.9.1, era known", "1.9.1", "2.41", local(), proxy, "", 5, both},
		{"1.9.1, connector known", "1.9.1", "2.41", local(), Known{Connector: "local"}, "", 5, both},
		{"1.9.1, both known", "1.9.1", "2.41", local(), both, "", 4, both},
		{"1.9.1, connector asked", "1.9.1", "2.41", local(), proxy, "local", 4, both},
		{"1.9.1, several", "1.9.1", "2.41", several(), proxy, "", 5, both},
		{"1.9.1, several, LDAP asked", "1.9.1", "2.41", several(), proxy, "corp/ldap", 4, Known{EraOAuth2Proxy, "corp/ldap"}},
		{"1.9.1, several, LDAP known", "1.9.1", "2.41", several(), Known{EraOAuth2Proxy, "corp/ldap"}, "", 4, Known{EraOAuth2Proxy, "corp/ldap"}},
		{"1.9.1, Dex 2.35", "1.9.1", "2.35", local(), both, "", 5, both},
		{"1.9.0, nothing known", "1.9.0", "2.41", local(), Known{}, "", 5, both},
		{"1.9.0, both known", "1.9.0", "2.41", local(), both, "", 4, both},
		{"1.8, nothing known", "1.8", "2.41", local(), Known{}, "", 5, serviceLocal},
		{"1.8, both known", "1.8", "2.41", local(), serviceLocal, "", 4, serviceLocal},
		{"1.7, Dex 2.31", "1.8", "2.31", local(), serviceLocal, "", 5, serviceLocal},
		{"1.3, Dex 2.22", "1.3", "2.22", local(), service, "", 6, service},
		{"1.3, Dex 2.22, connector asked", "1.3", "2.22", local(), service, "local", 7, service},
		{"the era changed to oauth2-proxy", "1.9.1", "2.41", local(), serviceLocal, "", 5, both},
		{"the era changed to the AuthService", "1.8", "2.41", local(), both, "", 4, serviceLocal},
		{"the connector is gone", "1.9.1", "2.41", local(), Known{EraOAuth2Proxy, "gone"}, "", 6, both},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := newDoor(t, &fakeDoor{era: test.era, dex: &fakeDex{release: test.dex, connectors: test.connectors}})
			c := d.client(test.known)
			c.Connector = test.connector
			s, err := d.login(t, c)
			if err != nil {
				t.Fatal(err, d.requests)
			}
			if got := loginRequests(d); got != test.want {
				t.Errorf("%d requests, want %d: %q", got, test.want, d.requests)
			}
			if s.Known != test.wantKnown {
				t.Errorf("known: %+v, want %+v", s.Known, test.wantKnown)
			}
			if d.dex.posts != 1 {
				t.Errorf("the password was posted %d times", d.dex.posts)
			}
			name := map[bool]string{true: authServiceCookie, false: "oauth2_proxy_kubeflow"}[d.isOld()]
			want := name + "=" + d.values[0]
			if got := Header(s.Cookies); got != want {
				t.Errorf("cookie %q, want %q", got, want)
			}
			if s.Login != fakeUser || s.Origin != d.server.URL || s.RedirectURL != d.server.URL+"/" {
				t.Errorf("%+v", s)
			}
		})
	}
}

func TestSessionEnd(t *testing.T) {
	now := time.Now()
	tests := []struct {
		name string
		era  string
		want time.Duration
	}{
		{"oauth2-proxy: the id_token's, which is earlier", "1.9.1", fakeExp * time.Second},
		{"AuthService: the cookie's", "1.8", 24 * time.Hour},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := newDoor(t, &fakeDoor{era: test.era})
			s, err := d.login(t, d.client(Known{}))
			if err != nil || s.Expires == nil {
				t.Fatal(s, err)
			}
			if got := s.Expires.Sub(now); got < test.want-2*time.Second || got > test.want+10*time.Second {
				t.Errorf("ends in %v, want %v", got, test.want)
			}
		})
	}
}

func TestApproval(t *testing.T) {
	asked := Consent{}
	tests := []struct {
		name    string
		dex     string
		consent func(context.Context, Consent) (bool, error)
		want    fault.Reason
	}{
		{"nobody to ask", "2.41", nil, fault.LoginNeeded},
		{"no", "2.41", func(context.Context, Consent) (bool, error) { return false, nil }, fault.LoginNeeded},
		{"yes", "2.41", func(_ context.Context, ask Consent) (bool, error) { asked = ask; return true, nil }, ""},
		{"yes, before the hmac", "2.22", func(context.Context, Consent) (bool, error) { return true, nil }, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := newDoor(t, &fakeDoor{era: "1.9.0", dex: &fakeDex{release: test.dex, approval: true, connectors: local()}})
			c := d.client(Known{})
			c.Consent = test.consent
			_, err := d.login(t, c)
			if fault.ReasonOf(err) != test.want {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
	want := []string{"profile", "email", "groups", "openid"}
	if asked.Client != "Dex Login Application" || !slices.Equal(asked.Scopes, want) || !asked.Expected {
		t.Errorf("asked for %+v", asked)
	}
}

func TestConsentThatIsNotExpected(t *testing.T) {
	body := recordedPage("dex-2.41.1-approval.html")
	tests := []struct{ name, client, scope, page string }{
		{"another client", "other", "openid email", body},
		{"a further scope", kubeflowClient, "openid email profile groups offline_access", body},
		{"no scopes", kubeflowClient, "", body},
		{
			"a page that shows more", kubeflowClient, "openid email profile groups",
			strings.Replace(body, "<ul class=\"dex-list\">", "<ul><li>Have offline access</li>", 1),
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := newDoor(t, &fakeDoor{era: "1.9.0"})
			w := d.client(Known{}).newWalk(nil)
			w.authorize = w.path("/dex/auth")
			w.authorize.RawQuery = "client_id=" + test.client + "&scope=" + strings.ReplaceAll(test.scope, " ", "+")
			ask := w.consentOf(&answer{page: parsePage([]byte(test.page))})
			if ask.Expected {
				t.Errorf("%+v is expected", ask)
			}
		})
	}
}

func TestOpenKubeflow(t *testing.T) {
	for _, known := range []Known{{}, {Era: EraOAuth2Proxy, Connector: "local"}} {
		d := newDoor(t, &fakeDoor{era: "1.8", open: true})
		if _, err := d.login(t, d.client(known)); !errors.Is(err, ErrOpen) {
			t.Errorf("known %+v: %v", known, err)
		}
		look, err := d.client(known).Look(context.Background())
		if err != nil || !look.Open || look.Wall != Open {
			t.Errorf("known %+v: %+v, %v", known, look, err)
		}
	}
}

func TestSplitCookies(t *testing.T) {
	d := newDoor(t, &fakeDoor{era: "1.9.1", values: []string{"part0", "part1"}})
	s, err := d.login(t, d.client(Known{}))
	if err != nil {
		t.Fatal(err)
	}
	if got := Header(s.Cookies); got != "oauth2_proxy_kubeflow_0=part0; oauth2_proxy_kubeflow_1=part1" {
		t.Error(got)
	}
}

func TestFormOfSomebodyElse(t *testing.T) {
	d := newDoor(t, &fakeDoor{era: "1.9.1"})
	const path = "/dex/auth/local/login"
	posted := ""
	d.instead = map[string]http.HandlerFunc{
		path: func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.Method == http.MethodGet:
				writePage(w, 200, `<form method=post action="/dex/auth/local/other?state=`+r.URL.Query().Get("state")+
					`"><input type=hidden name=token value=t1><input name=mail type=email><input name=pw type=password></form>`)
			default:
				http.Error(w, "what is that?", http.StatusUnprocessableEntity)
			}
		},
		"/dex/auth/local/other": func(w http.ResponseWriter, r *http.Request) {
			posted = r.FormValue("token") + " " + r.FormValue("mail") + " " + r.FormValue("pw")
			d.dex.finish(w, r, r.URL.Query().Get("state"))
		},
	}
	if _, err := d.login(t, d.client(Known{Era: EraOAuth2Proxy, Connector: "local"})); err != nil {
		t.Fatal(err, d.requests)
	}
	if want := "t1 " + fakeUser + " " + fakePassword; posted != want {
		t.Errorf("posted %q, want %q", posted, want)
	}
}

func TestTwoLoginsAtOnceAreTriedAgain(t *testing.T) {
	d := newDoor(t, &fakeDoor{era: "1.9.1"})
	failures := 0
	d.instead = map[string]http.HandlerFunc{"/oauth2/callback": func(w http.ResponseWriter, r *http.Request) {
		if failures++; failures == 1 {
			writePage(w, 500, recordedPage("oauth2-proxy-7.8.1-error.html", "@STATUS@", "500", "@MESSAGE@", "Oops!"))
			return
		}
		d.finish(w, r, "oauth2_proxy_kubeflow")
	}}
	if _, err := d.login(t, d.client(Known{})); err != nil || failures != 2 {
		t.Errorf("%d tries: %v", failures, err)
	}
}
