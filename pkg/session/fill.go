package session

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

// fill posts a login form as it stands on its page; a look ends here.
func (w *walk) fill(a *answer) (*call, error) {
	f, _ := a.page.loginForm()
	w.form, w.formURL = f, a.call.url
	if w.posted {
		return nil, w.refused(a)
	}
	target, err := f.target(a.call.url)
	if err != nil || target.Host == "" {
		return nil, fault.New(fault.LoginFailed, "log in with a browser: kubectl kftls cookie --import",
			"the login form of %s has no address to send it to", shown(a.call.url))
	}
	target = w.home(target)
	if !w.takesPassword(target) || a.call.url.Scheme == "https" && target.Scheme != "https" {
		return nil, w.elsewhere(target)
	}
	if w.credentials == nil {
		w.done = true
		return nil, nil
	}
	w.posted = true
	return &call{stage: stagePost, method: http.MethodPost, url: target, form: f.fill(*w.credentials)}, nil
}

// kubeflowClient is the client that Kubeflow's manifests register with Dex, in
// all releases (OIDC_CLIENT_ID in common/dex).
const kubeflowClient = "kubeflow-oidc-authservice"

// expectedScopes are what Kubeflow's auth proxies ask for, and how Dex's page
// calls them (server/templates.go: scopeDescriptions; openid has no line).
var expectedScopes = map[string]string{
	"openid":  "",
	"profile": "View basic profile information",
	"email":   "View your email address",
	"groups":  "View your groups",
}

// approve answers Dex's approval page as Consent says.
func (w *walk) approve(ctx context.Context, a *answer) (*call, error) {
	ask := w.consentOf(a)
	approved := false
	if w.Consent != nil {
		var err error
		if approved, err = w.Consent(ctx, ask); err != nil {
			return nil, err
		}
	}
	if !approved {
		return nil, fault.New(fault.LoginNeeded, "kubectl kftls cookie --approve",
			"Dex asks whether %q may have %s, and it was not approved", ask.Client, strings.Join(ask.Scopes, ", "))
	}
	f, _ := a.page.approvalForm()
	target, err := f.target(a.call.url)
	if err != nil || originOf(target) != originOf(a.call.url) {
		return nil, w.failure(a)
	}
	values := f.values()
	values.Set("approval", "approve")
	return &call{stage: stageApproval, method: http.MethodPost, url: target, form: values}, nil
}

// consentOf reads what is asked for: the client's name from the page, the scopes
// from the request that the auth proxy made and, where they differ, the page.
func (w *walk) consentOf(a *answer) Consent {
	query := url.Values{}
	if w.authorize != nil {
		query = w.authorize.Query()
	}
	name, _, _ := strings.Cut(a.page.intro, " would like to")
	ask := Consent{
		Client: cmp.Or(name, "a client without a name"),
		Scopes: strings.Fields(printable(query.Get("scope"))),
	}
	ask.Expected = query.Get("client_id") == kubeflowClient && len(ask.Scopes) > 0
	for _, scope := range ask.Scopes {
		_, known := expectedScopes[scope]
		ask.Expected = ask.Expected && known
	}
	for _, item := range a.page.items {
		if !slices.ContainsFunc(ask.Scopes, func(scope string) bool { return expectedScopes[scope] == item }) {
			ask.Expected = false
			ask.Scopes = append(ask.Scopes, item)
		}
	}
	return ask
}
