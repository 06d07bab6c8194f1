package session

import (
	"cmp"
	"net/http"
	"strconv"
	"strings"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

const (
	dexLog   = "kubectl logs -n auth deploy/dex"
	proxyLog = "kubectl logs -n oauth2-proxy deploy/oauth2-proxy"
	stepHint = "kubectl kftls cookie -v 1 shows the steps"
)

// refused tells of a login and password that the form was shown again for.
func (w *walk) refused(a *answer) error {
	words := cmp.Or(a.page.refusal, "the form is shown again")
	return fault.New(fault.LoginRefused, "check login and password; the login form in a browser takes the same ones",
		"%s refuses the login %q: %s", originOf(a.call.url), w.credentials.Login, strings.TrimSuffix(words, "."))
}

// failure explains an answer that ends a login.
func (w *walk) failure(a *answer) error {
	if err := w.gatewayFailure(a); err != nil {
		return err
	}
	switch a.call.stage {
	case stageCallback:
		return errCallback{w.callbackFailure(a)}
	case stageAuth, stageConnector, stageForm, stagePost, stageApproval:
		return w.dexFailure(a)
	}
	return w.unexpected(a)
}

// gatewayFailure explains what the gateway itself answers.
func (c *Client) gatewayFailure(a *answer) error {
	door := originOf(c.Door.Origin)
	switch a.kind {
	case kindRBAC:
		return fault.New(fault.LoginFailed, "ask by a host that the Gateway and its VirtualServices serve: --host NAME, or --url; or the Service oauth2-proxy is gone: kubectl get svc -n oauth2-proxy",
			"%s: Istio says `RBAC: access denied`: no route for the host %s, or a policy denies it", shown(a.call.url), a.call.url.Host)
	case kindNoAuthorizer:
		return fault.New(fault.LoginFailed, "kubectl get pods -n oauth2-proxy; or, before Kubeflow 1.9: kubectl get pods -n istio-system -l app=authservice",
			"%s: 403 without a word: the authorization service behind the gateway (oauth2-proxy or the AuthService) is down", shown(a.call.url))
	case kindTooLarge:
		return fault.New(fault.LoginFailed, "the cookie grows with the groups in the id_token: drop the scope groups, or keep oauth2-proxy's sessions in Redis",
			"%s takes no headers of that size (%d): the session cookie is too large", door, a.status)
	case kindJWT:
		return c.jwtFailure(a)
	case kindUpstream:
		if strings.Contains(a.call.url.Path, "/oauth2/") {
			return fault.New(fault.LoginFailed, "kubectl get pods -n oauth2-proxy",
				"%s answers %d: oauth2-proxy is down: %s", shown(a.call.url), a.status, a.words())
		}
	}
	return nil
}

// callbackFailure explains what the auth proxy answers to the code.
func (w *walk) callbackFailure(a *answer) error {
	door := originOf(w.Door.Origin)
	switch {
	case a.says("CSRF"):
		return fault.New(fault.LoginFailed, "try again; if it stays, the proxy's cookie_domains or cookie_path do not fit "+door,
			"the auth proxy of %s lost its CSRF cookie: %s", door, a.words())
	case a.says("identity provider returned an error"):
		return fault.New(fault.LoginFailed, dexLog, "Dex sent %s back with an error: %s", door, a.words())
	case a.status == http.StatusForbidden:
		return fault.New(fault.LoginFailed, proxyLog+"; email_domains and allowed_groups decide who may enter",
			"the auth proxy of %s does not let %q in: %s", door, w.credentials.Login, a.words())
	case a.status == http.StatusServiceUnavailable:
		return fault.New(fault.LoginFailed, "wait until Dex is ready: "+dexLog,
			"the auth proxy of %s is not ready: %s", door, a.words())
	case a.status >= 500:
		return fault.New(fault.LoginFailed, proxyLog+"; it names the cause: the client's secret, Dex out of its reach, an e-mail that is not verified, or two logins at once",
			"the auth proxy of %s could not exchange the code for a session: %d %s", door, a.status, a.words())
	}
	return w.unexpected(a)
}

// dexFailure explains Dex's error pages, by the words that its releases 2.22 to
// 2.45 have in common.
func (w *walk) dexFailure(a *answer) error {
	dex := originOf(a.call.url)
	switch {
	case a.kind == kindUpstream:
		return fault.New(fault.LoginFailed, "kubectl get pods -n auth; "+dexLog, "Dex behind %s is down: %d %s", dex, a.status, a.words())
	case a.says("redirect_uri"):
		return fault.New(fault.LoginFailed, "Dex's ConfigMap auth/dex must list the auth proxy's callback in redirectURIs (a half-done upgrade?); then restart Dex",
			"Dex does not know the auth proxy's address: %s", a.words())
	case a.says("client_id"):
		return fault.New(fault.LoginFailed, "Dex's staticClients and the auth proxy must name the same client: Secrets auth/dex-oidc-client and oauth2-proxy",
			"Dex does not know the auth proxy: %s", a.words())
	case a.call.stage == stagePost && a.status >= 500:
		return fault.New(fault.LoginFailed, dexLog+"; its connector's directory (LDAP) may be down or refuse Dex",
			"Dex could not ask for %q behind its connector %s: %d %s", w.credentials.Login, printable(w.connector), a.status, a.words())
	case a.kind == kindSecondFactor:
		return fault.New(fault.LoginNeeded, importHint, "the login of %s asks for a one-time code", dex)
	case a.says("session"), a.says("does not exist"):
		return fault.New(fault.LoginFailed, "try again; Dex may have restarted in between, or runs in two replicas with storage in memory",
			"Dex lost the login in between: %d %s", a.status, a.words())
	}
	return w.unexpected(a)
}

// unexpected tells of an answer that nothing is known about.
func (c *Client) unexpected(a *answer) error {
	what := strconv.Itoa(a.status)
	if words := a.words(); words != "" {
		what += " " + words
	}
	switch {
	case a.says("OIDC Setup is not complete"):
		return fault.New(fault.LoginFailed, "it waits for Dex: "+dexLog, "the AuthService of %s is not ready: %s", originOf(a.call.url), what)
	case a.call.stage == stageStart && a.status >= 500:
		return fault.New(fault.LoginFailed, "kubectl kftls status says what stands", "the front door %s is broken: %s", shown(a.call.url), what)
	case a.call.stage == stageStart:
		return fault.New(fault.NotKubeflow, stepHint, "%s: this is not Kubeflow, or its front door is broken: %s", shown(a.call.url), what)
	}
	return fault.New(fault.LoginFailed, stepHint, "%s: %s was answered by %s", a.call.stage, shown(a.call.url), what)
}
