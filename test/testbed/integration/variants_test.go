//go:build integration && linux

package integration

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// alice is somebody in the directory of the variants with LDAP.
var alice = url.Values{"login": {"alice"}, "password": {"wonderland-Ldap-7"}}

func TestVariants(t *testing.T) {
	long(t)
	t.Parallel()
	b := up(t)
	before := b.kubectl("get", "configmaps,secrets,deployments,services", "-n", "auth", "-o", "name")
	for variant, want := range map[string]string{
		"external":        "https://github.com/login/oauth/authorize",
		"external-google": "https://accounts.google.com/o/oauth2/v2/auth",
		"external-oidc":   "https://accounts.example.com/authorize",
	} {
		b.must("variant", variant)
		if got := b.browser().toForm(""); got.Header.Get("Location") == "" || !strings.HasPrefix(got.Header.Get("Location"), want) {
			t.Errorf("%s: %s to %q", variant, got.Status, got.Header.Get("Location"))
		}
	}
	b.must("variant", "open")
	if status, _, _ := get(t, b.status().Gateways[0]); status != http.StatusOK {
		t.Errorf("open: %d", status)
	}
	b.directory()
	b.must("variant", "connectors")
	if page := b.browser().toForm(""); strings.Count(page.text, "dex-btn-icon--") != 6 {
		t.Errorf("the page of connectors: %s\n%s", page.Status, page.text)
	}
	b.must("reset")
	b.frontDoor(2)
	b.opens("/dex/auth/local", account)
	if after := b.kubectl("get", "configmaps,secrets,deployments,services", "-n", "auth", "-o", "name"); after != before {
		t.Errorf("after a reset there are\n%swant\n%s", after, before)
	}
}

// directory logs in by LDAP, also after the directory was away.
func (b *bed) directory() {
	b.t.Helper()
	b.must("variant", "ldap", "short-tokens")
	b.opens("", alice)
	b.kubectl("scale", "deploy/ldap", "-n", "auth", "--replicas", "0")
	b.kubectl("wait", "--for=delete", "pod", "-l", "app=ldap", "-n", "auth")
	v := b.browser()
	if answer := v.submit(v.toForm(""), alice); answer.StatusCode != http.StatusInternalServerError || !strings.Contains(answer.text, "Login error") {
		b.t.Errorf("without a directory: %s\n%s", answer.Status, answer.text)
	}
	b.kubectl("scale", "deploy/ldap", "-n", "auth", "--replicas", "1")
	b.kubectl("rollout", "status", "deploy/ldap", "-n", "auth")
	b.soon(func() bool { return v.submit(v.toForm(""), alice).StatusCode == http.StatusSeeOther })
	if log := b.must("logs", "ldap"); !strings.Contains(log, "welcome") || strings.Contains(log, alice.Get("password")) {
		b.t.Errorf("the directory's log:\n%s", log)
	}
}

// toForm goes from the sign-in page to where somebody must do something. connector chooses
// on the page where Dex offers several.
func (v *browser) toForm(connector string) answer {
	v.t.Helper()
	answer := v.get("/oauth2/start?rd=%2F")
	for answer.StatusCode == http.StatusFound {
		to := location(v.t, answer)
		if connector != "" && to.Path == "/dex/auth" {
			to.Path = connector
		}
		if to.Host != v.base.Host {
			break
		}
		answer = v.get(to.RequestURI())
	}
	return answer
}

// submit fills in Dex's form.
func (v *browser) submit(form answer, who url.Values) answer {
	v.t.Helper()
	return v.post(form.Request.URL.RequestURI(), who)
}

// opens logs in, and checks that every gateway lets the session through.
func (b *bed) opens(connector string, who url.Values) {
	b.t.Helper()
	v := b.browser()
	back := v.submit(v.toForm(connector), who)
	if back.StatusCode != http.StatusSeeOther {
		b.t.Fatalf("the login as %s: %s\n%s", who.Get("login"), back.Status, back.text)
	}
	v.leadsTo(v.get(location(b.t, back).RequestURI()), http.StatusFound, "/")
	if answer := v.get(health); answer.StatusCode != http.StatusOK {
		b.t.Errorf("logged in as %s: %s\n%s", who.Get("login"), answer.Status, answer.text)
	}
}

// soon waits for something that takes the node a moment.
func (b *bed) soon(isSo func() bool) {
	b.t.Helper()
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	limit := time.After(answerLimit)
	for !isSo() {
		select {
		case <-ticker.C:
		case <-limit:
			b.t.Fatal("it does not come")
		}
	}
}
