package session

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

func good() []Cookie { return []Cookie{{Name: "oauth2_proxy_kubeflow", Value: "secret|session=="}} }

func TestCheck(t *testing.T) {
	const front = "/"
	nothing := textAnswer(404, "Cannot GET "+healthPath)
	jsonAnswer := func(body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Write([]byte(body))
		}
	}
	bad := []Cookie{{Name: "oauth2_proxy_kubeflow", Value: "other"}}
	tests := []struct {
		name          string
		era           string
		cookies       []Cookie
		health, front http.HandlerFunc
		want          fault.Reason
		text          string
		requests      int
	}{
		{"good", "1.9.1", good(), nil, nil, "", "", 1},
		{"good, AuthService", "1.8", good(), nil, nil, "", "", 1},
		{"none", "1.9.1", nil, nil, nil, fault.LoginNeeded, "wants a login", 1},
		{"none, AuthService", "1.8", nil, nil, nil, fault.LoginNeeded, "wants a login", 1},
		{"bad", "1.9.1", bad, nil, nil, fault.LoginNeeded, "of another Kubeflow or incomplete", 1},
		{"bad, AuthService", "1.8", bad, nil, nil, fault.LoginNeeded, "does not accept", 1},
		{"no pipelines", "1.9.1", good(), nothing, nil, "", "", 2},
		{"pipelines down", "1.9.1", good(), textAnswer(503, "no healthy upstream"), nil, "", "", 2},
		{"pipelines down, and bad", "1.8", bad, textAnswer(503, "no healthy upstream"), nil, fault.LoginNeeded, "", 2},
		{"both down", "1.9.1", good(), textAnswer(503, "x"), textAnswer(503, "no healthy upstream"), fault.LoginFailed, "nothing is there", 2},
		{"another dashboard behind the login", "1.9.1", good(), nothing, nil, "", "", 2},
		{"open: another program", "1.8", nil, htmlAnswer(200, "<title>Welcome to nginx!</title>"), htmlAnswer(200, "<title>Welcome to nginx!</title>"), fault.NotKubeflow, "this is not Kubeflow", 2},
		{"with a cookie: another program", "1.8", good(), htmlAnswer(200, "x"), htmlAnswer(200, "x"), fault.NotKubeflow, "this is not Kubeflow", 3},
		{"open: JSON of another program", "1.8", nil, jsonAnswer(`{"status":"ok"}`), htmlAnswer(404, "x"), fault.NotKubeflow, "this is not Kubeflow", 2},
		{"open: JSON that is none", "1.8", nil, jsonAnswer(`<html>`), nothing, fault.NotKubeflow, "this is not Kubeflow", 2},
		{"open: the pipelines' API", "1.8", nil, jsonAnswer(`{"commit_sha":"a","multi_user":false}`), nil, "", "", 1},
		{"open: the dashboard", "1.8", nil, nothing, htmlAnswer(200, dashboard), "", "", 2},
		{"expired for Istio alone", "1.9.1", good(), textAnswer(401, "Jwt is expired"), nil, fault.LoginNeeded, "Jwt is expired", 1},
		{"new keys", "1.9.1", good(), textAnswer(401, "Jwks doesn't have key to match kid or alg from Jwt"), nil, fault.LoginNeeded, "kid or alg", 1},
		{"denied", "1.9.1", good(), textAnswer(403, "RBAC: access denied"), nil, fault.LoginFailed, "RBAC: access denied", 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := newDoor(t, &fakeDoor{era: test.era, instead: map[string]http.HandlerFunc{healthPath: test.health, front: test.front}})
			err := d.client(Known{}).Check(context.Background(), test.cookies)
			if fault.ReasonOf(err) != test.want || err != nil && !strings.Contains(err.Error(), test.text) {
				t.Errorf("got %q %v, want %s", fault.ReasonOf(err), err, test.want)
			}
			if len(d.requests) != test.requests {
				t.Errorf("%d requests, want %d: %q", len(d.requests), test.requests, d.requests)
			}
		})
	}
}

// A dashboard that a distribution made anew is known by the login before it.
func TestCheckOfAnUnknownDashboard(t *testing.T) {
	d := newDoor(t, &fakeDoor{era: "1.9.1"})
	d.instead = map[string]http.HandlerFunc{
		healthPath: textAnswer(404, ""),
		"/": func(w http.ResponseWriter, r *http.Request) {
			if !d.isLoggedIn(r) {
				writePage(w, 403, recordedPage("oauth2-proxy-7.8.1-sign-in.html"))
				return
			}
			writePage(w, 200, "<title>ACME AI</title>")
		},
	}
	if err := d.client(Known{}).Check(context.Background(), good()); err != nil || len(d.requests) != 3 {
		t.Error(err, d.requests)
	}
}

func TestCheckBearer(t *testing.T) {
	tests := []struct {
		name    string
		health  http.HandlerFunc
		want    fault.Reason
		message string
	}{
		{"SA token on the default overlay", textAnswer(401, "Jwt issuer is not configured"), fault.LoginRefused, "401 Jwt issuer is not configured"},
		{"denied", textAnswer(403, "RBAC: access denied"), fault.LoginRefused, "403 RBAC: access denied"},
		{"AuthService", redirectTo("/dex/auth?client_id=x&state=secret-state"), fault.LoginRefused, "302 without a word"},
		{"taken", nil, "", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := newDoor(t, &fakeDoor{era: "1.9.1", open: true, instead: map[string]http.HandlerFunc{healthPath: test.health}})
			err := d.client(Known{}).CheckBearer(context.Background(), "token")
			if fault.ReasonOf(err) != test.want || err != nil && !strings.HasSuffix(err.Error(), test.message) {
				t.Error(err)
			}
		})
	}
}

func TestIDToken(t *testing.T) {
	ctx := context.Background()
	d := newDoor(t, &fakeDoor{era: "1.9.1"})
	token, err := d.client(Known{}).IDToken(ctx, good())
	if err != nil || token.User != fakeUser || token.Issuer != "http://dex/dex" || len(token.Groups) != 1 || token.Expires.IsZero() {
		t.Errorf("%+v, %v", token, err)
	}
	if _, err := d.client(Known{}).IDToken(ctx, nil); fault.ReasonOf(err) != fault.LoginNeeded {
		t.Error(err)
	}
	d = newDoor(t, &fakeDoor{era: "1.8"})
	if _, err := d.client(Known{}).IDToken(ctx, good()); fault.ReasonOf(err) != fault.NotFound {
		t.Error(err)
	}
}

func TestSignOut(t *testing.T) {
	tests := []struct {
		era  string
		s    Session
		want string
	}{
		{"1.9.1", Session{Era: EraOAuth2Proxy, Cookies: good()}, "GET /oauth2/sign_out"},
		{"1.8", Session{Era: EraAuthService, Cookies: []Cookie{{Name: authServiceCookie, Value: "secret|session=="}}}, "POST /authservice/logout"},
		{"1.3", Session{Era: EraAuthService, Cookies: []Cookie{{Name: authServiceCookie, Value: "secret|session=="}}}, "POST /authservice/logout GET /logout"},
	}
	for _, test := range tests {
		d := newDoor(t, &fakeDoor{era: test.era})
		before := Header(test.s.Cookies)
		err := d.client(Known{}).SignOut(context.Background(), &test.s)
		if got := strings.Join(d.requests, " "); err != nil || got != test.want {
			t.Errorf("%s: %q, %v", test.era, got, err)
		}
		if Header(test.s.Cookies) != before {
			t.Errorf("%s: the session was changed", test.era)
		}
	}
}

func TestAdopt(t *testing.T) {
	d := newDoor(t, &fakeDoor{era: "1.9.1"})
	s, err := d.client(Known{}).Adopt(context.Background(), good())
	if err != nil {
		t.Fatal(err)
	}
	if s.User != fakeUser || s.Era != EraOAuth2Proxy || !s.Imported || s.Expires == nil || s.Login != "" {
		t.Errorf("%+v", s)
	}
	if _, err := d.client(Known{}).Adopt(context.Background(), nil); fault.ReasonOf(err) != fault.LoginNeeded {
		t.Error(err)
	}
}
