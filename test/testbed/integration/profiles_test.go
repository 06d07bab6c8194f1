//go:build integration && linux

package integration

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// The account of Kubeflow's manifests.
var account = url.Values{"login": {"user@example.com"}, "password": {"12341234"}}

const (
	health = "/pipeline/apis/v2beta1/healthz"
	robot  = "system:serviceaccount:kubeflow-user-example-com:default-editor"
)

func TestFrontDoorOfKubeflow190(t *testing.T) {
	long(t)
	t.Parallel()
	b := up(t, "--profile", "kubeflow-1.9.0")
	v := b.browser()
	for _, path := range []string{"/", health, "/apis/x"} {
		v.leadsTo(v.get(path), http.StatusFound, "/dex/auth?approval_prompt=force&")
		v.has("oauth2_proxy_kubeflow_csrf", true)
	}
	v = b.browser()
	grant := v.logIn(v.get("/pipeline/?a=b"))
	v.leadsTo(grant, http.StatusSeeOther, "/dex/approval?")
	approval := location(t, grant)
	if page := v.get(approval.RequestURI()); page.StatusCode != http.StatusOK || !strings.Contains(page.text, "Grant Access") {
		t.Fatalf("the approval page: %s\n%s", page.Status, page.text)
	}
	back := v.post(approval.RequestURI(), url.Values{"req": {approval.Query().Get("req")}, "approval": {"approve"}})
	v.leadsTo(back, http.StatusSeeOther, "/oauth2/callback?")
	v.leadsTo(v.get(location(t, back).RequestURI()), http.StatusFound, "/pipeline/?a=b")
	v.sees("user@example.com")
	if answer := v.get("/oauth2/auth"); answer.StatusCode != http.StatusAccepted || answer.Header.Get("Authorization") != "" {
		t.Errorf("/oauth2/auth: %s with %v", answer.Status, answer.Header)
	}
	v.leadsTo(v.get("/oauth2/sign_out"), http.StatusFound, "/")
	v.has("oauth2_proxy_kubeflow", false)

	token := strings.TrimSpace(b.kubectl("create", "token", "default-editor", "-n", "kubeflow-user-example-com"))
	b.browser("Authorization", "Bearer "+token).sees(robot)
	v.leadsTo(b.browser("Authorization", "Bearer x").get("/"), http.StatusFound, "/dex/auth?")
	b.must("reset")
	v = b.browser()
	v.leadsTo(v.get("/"), http.StatusFound, "/dex/auth?")
}

func TestFrontDoorOfKubeflow18(t *testing.T) {
	long(t)
	t.Parallel()
	b := up(t, "--profile", "kubeflow-1.8")
	v := b.browser()
	for _, path := range []string{"/", health} {
		answer := v.get(path)
		v.leadsTo(answer, http.StatusFound, "/dex/auth?client_id=kubeflow-oidc-authservice&redirect_uri=%2Fauthservice%2Foidc%2Fcallback&")
		if !strings.HasPrefix(answer.text, `<a href="/dex/auth?client_id=`) || !strings.HasSuffix(strings.TrimSpace(answer.text), `">Found</a>.`) {
			t.Errorf("%s: %s", path, answer.text)
		}
		if got := answer.Header.Get("X-Testbed-Stand-In"); got != "oidc-authservice" {
			t.Errorf("%s is not labelled a stand-in's: %q", path, got)
		}
	}
	back := v.logIn(v.get("/pipeline/?a=b"))
	v.leadsTo(back, http.StatusSeeOther, "/authservice/oidc/callback?")
	callback := location(t, back).RequestURI()
	v.leadsTo(v.get(callback), http.StatusFound, "/pipeline/?a=b")
	v.sees("user@example.com")
	if answer := v.get(callback); answer.StatusCode != http.StatusBadRequest || !strings.Contains(answer.text, "CSRF check failed") {
		t.Errorf("the callback again: %s %s", answer.Status, answer.text)
	}
	session := v.has("authservice_session", true)
	bearer := b.browser("Authorization", "Bearer "+session)
	bearer.sees("user@example.com")
	if answer := v.post("/authservice/logout", nil); answer.StatusCode != http.StatusUnauthorized {
		t.Errorf("logout with the cookie: %s", answer.Status)
	}
	if answer := bearer.post("/authservice/logout", nil); answer.StatusCode != http.StatusCreated || answer.text != `{"afterLogoutURL":"/"}` {
		t.Errorf("logout: %s %s", answer.Status, answer.text)
	}
	v.leadsTo(v.get("/"), http.StatusFound, "/dex/auth?")

	token := strings.TrimSpace(b.kubectl("create", "token", "default-editor", "-n", "kubeflow-user-example-com",
		"--audience", "istio-ingressgateway.istio-system.svc.cluster.local"))
	b.browser("Authorization", "Bearer "+token).sees(robot)
	b.authServiceFaults()
}

// authServiceFaults are what may happen to the AuthService and its filter, and back.
func (b *bed) authServiceFaults() {
	b.t.Helper()
	b.must("restart", "oidc-authservice")
	b.kubectl("scale", "-n", "istio-system", "statefulset/oidc-authservice", "--replicas", "0")
	b.kubectl("wait", "-n", "istio-system", "pod/oidc-authservice-0", "--for", "delete", "--timeout", "30s")
	b.must("wait")
	if answer := b.browser().get("/"); answer.StatusCode != http.StatusForbidden || answer.text != "" {
		b.t.Errorf("without the AuthService: %s %q", answer.Status, answer.text)
	}
	b.kubectl("patch", "envoyfilter", "-n", "istio-system", "authn-filter", "--type", "json", "-p",
		`[{"op":"replace","path":"/spec/configPatches/0/match/listener/filterChain/filter/name","value":"envoy.http_connection_manager"}]`)
	b.must("wait")
	if answer := b.browser().get("/"); answer.StatusCode != http.StatusOK {
		b.t.Errorf("with Kubeflow 1.8's own name of the filter: %s", answer.Status)
	}
	b.kubectl("delete", "-n", "istio-system", "statefulset/oidc-authservice", "pvc/authservice-pvc", "--timeout", "30s")
	b.must("reset")
	v := b.browser()
	v.leadsTo(v.get("/"), http.StatusFound, "/dex/auth?")
}
