package authservice_test

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/kftls/kubectl-kftls/test/testbed/internal/authservice"
)

// TestWallIsAsRecorded compares with what e236439 was recorded to answer.
func TestWallIsAsRecorded(t *testing.T) {
	b := start(t, modern)
	for _, target := range []string{"/", "/pipeline/apis/v2beta1/healthz", "/authservic"} {
		answer := b.ask(http.MethodGet, target)
		state := cookieOf(answer, "oidc_state_csrf")
		if answer.StatusCode != http.StatusFound || state == nil {
			t.Fatalf("%s: %s, %v", target, answer.Status, answer.Header)
		}
		query := "client_id=kubeflow&redirect_uri=%2Fauthservice%2Foidc%2Fcallback&response_type=code&scope=openid+profile+email+groups&state=" + url.QueryEscape(state.Value)
		if got, want := answer.Header.Get("Location"), "/dex/auth?"+query; got != want {
			t.Errorf("Location %s\nwant     %s", got, want)
		}
		if got, want := bodyOf(t, answer), `<a href="/dex/auth?`+strings.ReplaceAll(query, "&", "&amp;")+`">Found</a>.`; strings.TrimSpace(got) != want {
			t.Errorf("body %q, want %q", got, want)
		}
		attributes := strings.TrimPrefix(state.Raw, "oidc_state_csrf="+state.Value)
		if !strings.HasPrefix(attributes, "; Path=/; Expires=") || !strings.Contains(attributes, " 2057 ") || !strings.HasSuffix(attributes, " GMT; Max-Age=1200000000000") {
			t.Errorf("attributes %q", attributes)
		}
	}
}

func TestLogin(t *testing.T) {
	b := start(t, modern)
	state := b.begin("/pipeline/?a=b")
	callback := "/authservice/oidc/callback?code=good&state=" + url.QueryEscape(state)
	answer := b.ask(http.MethodGet, callback, "Cookie", "oidc_state_csrf="+state)
	if answer.StatusCode != http.StatusFound || answer.Header.Get("Location") != "/pipeline/?a=b" {
		t.Fatalf("%s to %s", answer.Status, answer.Header.Get("Location"))
	}
	if got := cookieOf(answer, "oidc_state_csrf").Raw; got != "oidc_state_csrf=; Path=/; Expires=Thu, 01 Jan 1970 00:00:01 GMT; Max-Age=0" {
		t.Errorf("the state is cleared with %q", got)
	}
	session := cookieOf(answer, "authservice_session")
	if got := strings.TrimPrefix(session.Raw, "authservice_session="+session.Value); got != "; Path=/; Expires=Wed, 25 Nov 2026 12:00:00 GMT; Max-Age=86400; SameSite=Lax" {
		t.Errorf("attributes of the session %q", got)
	}
	if b.redeems != 1 {
		t.Errorf("the code was exchanged %d times", b.redeems)
	}
	for name, header := range map[string][]string{
		"cookie": {"Cookie", "authservice_session=" + session.Value},
		"bearer": {"Authorization", "Bearer " + session.Value},
		"basic":  {"Cookie", "authservice_session=" + session.Value, "Authorization", "Basic eDp5"},
	} {
		answer := b.ask(http.MethodGet, "/", header...)
		if answer.StatusCode != http.StatusOK || answer.Header.Get("kubeflow-userid") != "user@example.com" {
			t.Errorf("%s: %s for %q", name, answer.Status, answer.Header.Get("kubeflow-userid"))
		}
	}
	if answer := b.ask(http.MethodGet, callback, "Cookie", "oidc_state_csrf="+state); answer.StatusCode != http.StatusBadRequest {
		t.Errorf("the same state again: %s", answer.Status)
	}
	b.now = b.now.Add(24 * time.Hour)
	if answer := b.ask(http.MethodGet, "/", "Cookie", "authservice_session="+session.Value); answer.StatusCode != http.StatusFound {
		t.Errorf("after its time: %s", answer.Status)
	}
}

func TestRefusedCallbacks(t *testing.T) {
	b := start(t, modern)
	const csrf = "CSRF check failed. This may happen if you opened the login form in more than 1 tabs. Please try to login again."
	state, other := b.begin("/"), b.begin("/")
	late := b.begin("/")
	for _, test := range []struct {
		name, query, cookie string
		status              int
		text                string
	}{
		{"no cookie", "code=good&state=" + state, "", http.StatusBadRequest, csrf},
		{"another login's cookie", "code=good&state=" + state, other, http.StatusBadRequest, csrf},
		{"no state", "code=good", state, http.StatusBadRequest, csrf},
		{"a made up state", "code=good&state=x", "x", http.StatusBadRequest, csrf},
		{"no code", "state=" + state, state, http.StatusFound, ""},
		{"a code that Dex does not know", "code=bad&state=" + other, other, http.StatusInternalServerError, "Failed to exchange authorization code with token."},
	} {
		var header []string
		if test.cookie != "" {
			header = []string{"Cookie", "oidc_state_csrf=" + test.cookie}
		}
		answer := b.ask(http.MethodGet, "/authservice/oidc/callback?"+test.query, header...)
		if answer.StatusCode != test.status || cookieOf(answer, "authservice_session") != nil {
			t.Errorf("%s: %s", test.name, answer.Status)
		}
		if got := bodyOf(t, answer); test.text != "" && got != test.text {
			t.Errorf("%s: %q", test.name, got)
		}
	}
	b.now = b.now.Add(20 * time.Minute)
	if answer := b.ask(http.MethodGet, "/authservice/oidc/callback?code=good&state="+late, "Cookie", "oidc_state_csrf="+late); answer.StatusCode != http.StatusBadRequest {
		t.Errorf("too late: %s", answer.Status)
	}
}

func TestWhoPassesWithoutASession(t *testing.T) {
	b := start(t, modern)
	for _, test := range []struct {
		name   string
		header []string
		status int
		user   string
	}{
		{"a ServiceAccount's token", []string{"Authorization", "Bearer of a ServiceAccount"}, http.StatusOK, "system:serviceaccount:ns:default-editor"},
		{"an id_token", []string{"Authorization", "Bearer " + b.idToken(time.Hour)}, http.StatusOK, "user@example.com"},
		{"an old id_token", []string{"Authorization", "Bearer " + b.idToken(-time.Hour)}, http.StatusFound, ""},
		{"an unknown bearer, though the cookie is good", []string{"Authorization", "Bearer x", "Cookie", "authservice_session=" + b.logIn()}, http.StatusFound, ""},
		{"an unknown cookie", []string{"Cookie", "authservice_session=x"}, http.StatusFound, ""},
	} {
		answer := b.ask(http.MethodGet, "/pipeline/", test.header...)
		if answer.StatusCode != test.status || answer.Header.Get("kubeflow-userid") != test.user {
			t.Errorf("%s: %s for %q", test.name, answer.Status, answer.Header.Get("kubeflow-userid"))
		}
	}
	for _, target := range []string{"/dex/auth?x=y", "/dex", "/authservice/x"} {
		if answer := b.ask(http.MethodGet, target); answer.StatusCode != http.StatusOK || answer.Header.Get("kubeflow-userid") != "" {
			t.Errorf("%s: %s", target, answer.Status)
		}
	}
}

func TestLogout(t *testing.T) {
	b := start(t, modern)
	session := b.logIn()
	for name, header := range map[string][]string{
		"nothing": nil, "cookie alone": {"Cookie", "authservice_session=" + session}, "another": {"Authorization", "Bearer x"},
	} {
		if answer := b.ask(http.MethodPost, "/authservice/logout", header...); answer.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: %s", name, answer.Status)
		}
	}
	answer := b.ask(http.MethodPost, "/authservice/logout", "Authorization", "Bearer "+session)
	if got := bodyOf(t, answer); answer.StatusCode != http.StatusCreated || got != `{"afterLogoutURL":"/"}` {
		t.Errorf("%s: %s", answer.Status, got)
	}
	if answer := b.ask(http.MethodGet, "/", "Cookie", "authservice_session="+session); answer.StatusCode != http.StatusFound {
		t.Errorf("after the logout: %s", answer.Status)
	}
}

// TestLegacy is 28c59ef, from its source.
func TestLegacy(t *testing.T) {
	b := start(t, legacy)
	answer := b.ask(http.MethodGet, "/pipeline/?a=b")
	location, err := answer.Location()
	if err != nil || len(answer.Cookies()) != 0 {
		t.Fatalf("%s with %v: %v", answer.Status, answer.Cookies(), err)
	}
	query := location.Query()
	if got := query.Get("redirect_uri") + " " + query.Get("scope"); got != "/login/oidc profile email groups openid" {
		t.Errorf("asks for %s", got)
	}
	answer = b.ask(http.MethodGet, "/login/oidc?code=good&state="+url.QueryEscape(query.Get("state")))
	session := cookieOf(answer, "authservice_session")
	if session == nil || answer.Header.Get("Location") != "/pipeline/?a=b" {
		t.Fatalf("%s to %s", answer.Status, answer.Header.Get("Location"))
	}
	if got := strings.TrimPrefix(session.Raw, "authservice_session="+session.Value); got != "; Path=/; Expires=Wed, 25 Nov 2026 12:00:00 GMT; Max-Age=86400" {
		t.Errorf("attributes of the session %q", got)
	}
	for _, test := range []struct {
		name, value string
		status      int
	}{
		{"Cookie", "authservice_session=" + session.Value, http.StatusOK},
		{"X-Auth-Token", session.Value, http.StatusOK},
		{"Authorization", "Bearer " + session.Value, http.StatusFound},
	} {
		if answer := b.ask(http.MethodGet, "/", test.name, test.value); answer.StatusCode != test.status {
			t.Errorf("session in %s: %s", test.name, answer.Status)
		}
	}
	for target, status := range map[string]int{"state=x": 400, "code=good": 400, "code=good&state=x": 500} {
		if answer := b.ask(http.MethodGet, "/login/oidc?"+target); answer.StatusCode != status {
			t.Errorf("%s: %s", target, answer.Status)
		}
	}
	answer = b.ask(http.MethodGet, "/logout", "Cookie", "authservice_session="+session.Value)
	if answer.StatusCode != http.StatusSeeOther || answer.Header.Get("Location") != "/" || cookieOf(answer, "authservice_session") == nil {
		t.Errorf("logout: %s, %v", answer.Status, answer.Header)
	}
	if answer := b.ask(http.MethodGet, "/", "Cookie", "authservice_session="+session.Value); answer.StatusCode != http.StatusFound {
		t.Errorf("after the logout: %s", answer.Status)
	}
}

func TestBeforeDexAnswers(t *testing.T) {
	settings, err := authservice.Read(func(name string) string {
		return map[string]string{"OIDC_PROVIDER": "http://127.0.0.1:1"}[name] + modern[name]
	})
	if err != nil {
		t.Fatal(err)
	}
	b := &bed{T: t, server: authservice.New(authservice.Options{Settings: settings})}
	for target, status := range map[string]int{"/": 503, "/authservice/logout": 200, "/dex/healthz": 200} {
		if answer := b.ask(http.MethodGet, target); answer.StatusCode != status {
			t.Errorf("%s: %s", target, answer.Status)
		}
	}
	probe := httptest.NewRecorder()
	b.server.Ready(probe, nil)
	if probe.Code != http.StatusServiceUnavailable {
		t.Errorf("the probe says %d", probe.Code)
	}
}

func TestNothingSecretIsLogged(t *testing.T) {
	b := start(t, modern)
	session := b.logIn()
	b.ask(http.MethodGet, "/x?token="+session, "Authorization", "Bearer "+b.idToken(time.Hour))
	log := b.log.String()
	if !strings.Contains(log, "GET /authservice/oidc/callback 302\n") {
		t.Errorf("the log tells nothing: %s", log)
	}
	for _, secret := range []string{session, "good", "s3cret", base64.StdEncoding.EncodeToString([]byte(session)), "eyJ"} {
		if strings.Contains(log, secret) {
			t.Errorf("the log has %q: %s", secret, log)
		}
	}
}

func TestSettingsThatCannotWork(t *testing.T) {
	for name, without := range map[string]string{"the client": "CLIENT_ID", "the secret": "CLIENT_SECRET", "both paths": "AUTHSERVICE_URL_PREFIX"} {
		_, err := authservice.Read(func(name string) string {
			switch name {
			case "OIDC_PROVIDER":
				return "http://dex"
			case without:
				return ""
			}
			return modern[name]
		})
		if err == nil || !strings.Contains(err.Error(), without) {
			t.Errorf("without %s: %v", name, err)
		}
	}
}
