package cmd

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/kftls/kubectl-kftls/pkg/session"
	"github.com/kftls/kubectl-kftls/pkg/ui"
)

func TestTokenOfTheUser(t *testing.T) {
	wall, p := newLoginWall(t), newPerson(t)
	p.knows(annLogin, annPassword)
	got := p.run(t, "token", "--url", wall.URL)
	got.expect(t, 0)
	if strings.Count(got.out, ".") != 2 || strings.HasSuffix(got.out, "\n") {
		t.Errorf("got %q", got.out)
	}
	var data bearer
	asJSON := p.run(t, "token", "--url", wall.URL, "-o", "json")
	if err := json.Unmarshal([]byte(asJSON.out), &data); err != nil {
		t.Fatal(err)
	}
	if data.User != annLogin || data.Issuer != "https://issuer.example.com" || data.Expiry == nil || wall.asked("POST") != 1 {
		t.Errorf("got %+v after %d logins", data, wall.asked("POST"))
	}
	wall.open = true
	p.run(t, "logout", "--url", wall.URL).expect(t, 0)
	if open := p.run(t, "token", "--url", wall.URL); open.code != 0 || open.out != "" || !strings.Contains(open.err, "no token is needed") {
		t.Errorf("an open Kubeflow: %+v", open)
	}
}

func TestTokenUsage(t *testing.T) {
	p := newPerson(t)
	for _, test := range []struct {
		args []string
		says string
	}{
		{[]string{"--duration", "1h"}, "add --service-account NAME"},
		{[]string{"--audience", "x"}, "add --service-account NAME"},
		{[]string{"--service-account", "robot", "--duration", "-1h"}, "is negative"},
		{[]string{"--service-account", "robot", "--password-stdin"}, "--password-stdin is about a user"},
		{[]string{"-o", "yaml"}, "unknown output format"},
		{[]string{"--service-account", "a/b/c", "--kubeconfig", kubeconfig(t, "http://127.0.0.1:9")}, "neither NAME nor NAMESPACE/NAME"},
	} {
		p.run(t, append([]string{"token"}, test.args...)...).expect(t, exitUsage, test.says)
	}
}

// tokenServer is an API server that makes tokens, and holds the policy that lets
// them through if it names an issuer.
func tokenServer(t *testing.T, token string, asked *string, policy map[string]any) string {
	t.Helper()
	return apiServer(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch {
		case r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/serviceaccounts/robot/token"):
			*asked = r.URL.Path + " " + decoded(t, r)
			w.WriteHeader(http.StatusCreated)
			fmt.Fprintf(w, `{"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest","spec":{"audiences":["cluster"]},
				"status":{"token":%q,"expirationTimestamp":"2026-11-24T13:00:00Z"}}`, token)
		case r.URL.Path == "/apis/security.istio.io":
			fmt.Fprint(w, `{"kind":"APIGroup","apiVersion":"v1","name":"security.istio.io","versions":[{"groupVersion":"security.istio.io/v1","version":"v1"}],
				"preferredVersion":{"groupVersion":"security.istio.io/v1","version":"v1"}}`)
		case policy != nil && r.URL.Path == "/apis/security.istio.io/v1/namespaces/istio-system/requestauthentications/m2m-token-issuer":
			_ = json.NewEncoder(w).Encode(policy)
		default:
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","code":404,"message":"not found"}`)
		}
	})
}

// decoded is the specification of a request that came as protobuf or JSON.
func decoded(t *testing.T, r *http.Request) string {
	t.Helper()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Error(err)
	}
	request := new(authenticationv1.TokenRequest)
	if _, _, err := scheme.Codecs.UniversalDeserializer().Decode(body, nil, request); err != nil {
		t.Error(err)
	}
	spec, err := json.Marshal(request.Spec)
	if err != nil {
		t.Error(err)
	}
	return string(spec)
}

func issuerPolicy(issuer string) map[string]any {
	return map[string]any{
		"apiVersion": "security.istio.io/v1", "kind": "RequestAuthentication", "metadata": map[string]any{"name": "m2m-token-issuer"},
		"spec": map[string]any{"jwtRules": []any{map[string]any{"issuer": issuer}}},
	}
}

func TestTokenOfAServiceAccount(t *testing.T) {
	token := jwt("robot", time.Now().Add(time.Hour))
	for _, test := range []struct {
		name   string
		taken  bool
		policy map[string]any
		code   int
		says   string
	}{
		{"accepted", true, issuerPolicy("https://issuer.example.com"), 0, ""},
		{"no policy", false, nil, exitError, "made by https://issuer.example.com: there is no RequestAuthentication istio-system/m2m-token-issuer"},
		{"another issuer", false, issuerPolicy("https://other"), exitError, `trusts ["https://other"] only`},
		{"refused all the same", false, issuerPolicy("https://issuer.example.com"), exitError, "the token is refused all the same"},
	} {
		t.Run(test.name, func(t *testing.T) {
			wall, p := newLoginWall(t), newPerson(t)
			if test.taken {
				wall.bearer = token
			}
			var asked string
			config := tokenServer(t, token, &asked, test.policy)
			got := p.run(t, "token", "--url", wall.URL, "--kubeconfig", config, "-n", "profile", "--service-account", "robot", "--duration", "10m")
			got.expect(t, test.code, test.says)
			if test.code == 0 && got.out != token {
				t.Errorf("got %q", got.out)
			}
			if test.code != 0 {
				want(t, "stderr", got.err, "Jwt issuer is not configured", "hint: apply RequestAuthentication istio-system/m2m-token-issuer", "m2m-dex-and-kind")
			}
			want(t, "request", asked, "/namespaces/profile/", `"audiences":null`, `"expirationSeconds":600`)
			if wall.asked("POST") > 0 {
				t.Error("a user logged in")
			}
		})
	}
}

func TestTokenOfAServiceAccountThatIsNotThere(t *testing.T) {
	wall, p := newLoginWall(t), newPerson(t)
	config := tokenServer(t, "x", new(string), nil)
	p.run(t, "token", "--url", wall.URL, "--kubeconfig", config, "--service-account", "profile/nobody").
		expect(t, exitError, "request a token of ServiceAccount profile/nobody")
}

// TestTokenForTheAuthService has the audience that the AuthService checks.
func TestTokenForTheAuthService(t *testing.T) {
	var asked string
	f := newFactory("kubectl-kftls", ui.Streams{}, Environment{})
	*f.ConfigFlags.KubeConfig = tokenServer(t, jwt("robot", time.Now()), &asked, nil)
	c, err := f.Cluster(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	o := &tokenOptions{factory: f, serviceAccount: "profile/robot"}
	account, err := o.account(c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.request(t.Context(), c, account, session.EraAuthService); err != nil {
		t.Fatal(err)
	}
	want(t, "request", asked, `"audiences":["`+authServiceAudience+`"]`)
}
