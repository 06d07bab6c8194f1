package authservice_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/kftls/kubectl-kftls/test/testbed/internal/authservice"
)

// modern and legacy are the settings of Kubeflow 1.8 and 1.6, as their ConfigMap and Secret have them.
var (
	modern = map[string]string{
		"OIDC_AUTH_URL": "/dex/auth", "OIDC_SCOPES": "profile email groups", "AUTHSERVICE_URL_PREFIX": "/authservice/",
		"SKIP_AUTH_URLS": "/dex", "AFTER_LOGOUT_URL": "/", "USERID_HEADER": "kubeflow-userid", "USERID_CLAIM": "email",
		"PORT": `"8080"`, "CLIENT_ID": "kubeflow", "CLIENT_SECRET": "s3cret",
	}
	legacy = map[string]string{
		"OIDC_AUTH_URL": "/dex/auth", "OIDC_SCOPES": "profile email groups", "REDIRECT_URL": "/login/oidc",
		"SKIP_AUTH_URI": "/dex", "USERID_HEADER": "kubeflow-userid", "USERID_CLAIM": "email", "CLIENT_ID": "kubeflow", "CLIENT_SECRET": "s3cret",
	}
)

// bed is a stand-in that is ready, beside a provider of the test's own.
type bed struct {
	*testing.T
	server  *authservice.Server
	issuer  string
	log     *strings.Builder
	now     time.Time
	signer  jose.Signer
	redeems int
}

// start makes a stand-in with the settings of a release.
func start(t *testing.T, env map[string]string) *bed {
	t.Helper()
	b := &bed{T: t, log: &strings.Builder{}, now: time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)}
	key := newKey(t)
	var err error
	if b.signer, err = jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: "k"}}, nil); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	provider := httptest.NewServer(mux)
	t.Cleanup(provider.Close)
	b.issuer = provider.URL
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		json.NewEncoder(w).Encode(map[string]any{
			"issuer": b.issuer, "authorization_endpoint": b.issuer + "/auth", "token_endpoint": b.issuer + "/token",
			"jwks_uri": b.issuer + "/keys", "id_token_signing_alg_values_supported": []string{"ES256"},
		})
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k", Algorithm: "ES256", Use: "sig"}}})
	})
	mux.HandleFunc("/token", b.redeem)
	settings, err := authservice.Read(func(name string) string {
		if name == "OIDC_PROVIDER" {
			return b.issuer
		}
		return env[name]
	})
	if err != nil {
		t.Fatal(err)
	}
	b.server = authservice.New(authservice.Options{Settings: settings, Review: review, Log: b.log, Now: func() time.Time { return b.now }})
	b.server.Connect(t.Context())
	return b
}

// redeem answers the code "good" with an id_token.
func (b *bed) redeem(w http.ResponseWriter, r *http.Request) {
	b.redeems++
	if r.FormValue("code") != "good" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]any{"access_token": "a", "token_type": "bearer", "id_token": b.idToken(time.Hour)})
}

func (b *bed) idToken(life time.Duration) string {
	claims, err := json.Marshal(map[string]any{
		"iss": b.issuer, "aud": "kubeflow", "sub": "1", "exp": b.now.Add(life).Unix(), "iat": b.now.Unix(),
		"email": "user@example.com", "groups": []string{"a", "b"},
	})
	if err != nil {
		b.Fatal(err)
	}
	signed, err := b.signer.Sign(claims)
	if err != nil {
		b.Fatal(err)
	}
	raw, err := signed.CompactSerialize()
	if err != nil {
		b.Fatal(err)
	}
	return raw
}

// review knows one token of a ServiceAccount.
func review(_ context.Context, token string) (authservice.User, bool, error) {
	if token != "of a ServiceAccount" {
		return authservice.User{}, false, nil
	}
	return authservice.User{ID: "system:serviceaccount:ns:default-editor"}, true, nil
}

// ask sends what the gateway's filter would: method, path and the headers that it passes on.
func (b *bed) ask(method, target string, header ...string) *http.Response {
	b.Helper()
	request := httptest.NewRequest(method, target, nil)
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	recorder := httptest.NewRecorder()
	b.server.ServeHTTP(recorder, request)
	return recorder.Result()
}

// begin starts a login at a path, and returns the state.
func (b *bed) begin(target string) string {
	b.Helper()
	location, err := b.ask(http.MethodGet, target).Location()
	if err != nil {
		b.Fatal(err)
	}
	return location.Query().Get("state")
}

// logIn walks a whole login, and returns the session.
func (b *bed) logIn() string {
	b.Helper()
	state := b.begin("/")
	answer := b.ask(http.MethodGet, "/authservice/oidc/callback?code=good&state="+url.QueryEscape(state), "Cookie", "oidc_state_csrf="+state)
	session := cookieOf(answer, "authservice_session")
	if session == nil {
		b.Fatalf("no session: %s", answer.Status)
	}
	return session.Value
}

func cookieOf(answer *http.Response, name string) *http.Cookie {
	for _, c := range answer.Cookies() {
		if c.Name == name {
			return c
		}
	}
	return nil
}

func bodyOf(t *testing.T, answer *http.Response) string {
	t.Helper()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// newKey makes the provider's signing key.
func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}
