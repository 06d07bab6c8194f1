package diagnose

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"

	"github.com/kftls/kubectl-kftls/pkg/endpoint"
)

func loginWireChecks() []Check {
	return []Check{
		{
			Code: "KFT701", Title: "the front door stands open: no login guards it", Layer: LayerLogin, Severity: Critical, Causes: []Symptom{StandsOpen}, Look: lookOpen,
			Page: Page{
				Means: "Kubeflow answered a request that carried no session, although a login is installed: whoever reaches the gateway is let in.",
				Heals: "Find out what became of the login's policies: kubectl -n istio-system get authorizationpolicies,envoyfilters",
			},
		},
		{
			Code: "KFT708", Title: "Dex does not know the auth proxy's client id", Layer: LayerLogin, Severity: Error, Causes: []Symptom{DexRefuses, LoginBreaks}, Look: dexLook(http.StatusNotFound, "Dex does not know the client that the auth proxy says it is", "Invalid client_id."),
			Page: Page{
				Means: "The auth proxy says to Dex who it is (client id). Dex has no client of that name.",
				Shows: []Shown{{"browser", "Invalid client_id.", "measured with Dex 2.41.1"}},
				Heals: "Write the same client id into Dex's Secret (auth/dex-oidc-client) and oauth2-proxy's, and restart both.",
			},
		},
		{
			Code: "KFT707", Title: "Dex does not know the auth proxy's redirect URI", Layer: LayerLogin, Severity: Error, Causes: []Symptom{DexRefuses, LoginBreaks}, Look: dexLook(http.StatusBadRequest, "Dex does not lead back to the auth proxy: its redirect URI is not registered", "Unregistered redirect_uri"),
			Page: Page{
				Means: "After the login Dex leads back to an address that must stand in its settings (redirectURIs). The auth proxy asks for another one, as after an upgrade of one of both.",
				Shows: []Shown{{"browser", `Unregistered redirect_uri ("/oauth2/callback").`, "measured with Dex 2.41.1"}, {"browser", "Unregistered redirect_uri.", "measured with Dex 2.45.1"}},
				Heals: "Add the auth proxy's address to staticClients[].redirectURIs in ConfigMap auth/dex, and restart Dex.",
			},
		},
		{
			Code: "KFT711", Title: "the gateway does not accept Dex's tokens", Layer: LayerLogin, Severity: Error, Causes: []Symptom{BadToken}, Needs: []string{"KFT710", "KFT712"}, Look: lookToken,
			Page: Page{
				Means: "istiod fetches Dex's public keys and gives them to the gateway, which checks tokens with them. It could not fetch them, or has old ones: Dex made new keys, and sessions from before are lost.",
				Shows: []Shown{
					{"curl", "Jwt verification fails", "measured with Istio 1.31-dev"},
					{"curl", "Jwks doesn't have key to match kid or alg from Jwt", "measured with Istio 1.31-dev"},
				},
				Heals: "Log in anew: kubectl kftls cookie --fresh; if that does not help within a minute, see what istiod says: kubectl -n istio-system logs -l app=istiod --tail=-1 --since=15m",
			},
		},
		{
			Code: "KFT702", Title: "not logged in", Layer: LayerLogin, Severity: Error, Causes: []Symptom{NotLoggedIn}, Needs: []string{"KFT701"}, Look: lookNotLoggedIn,
			Page: Page{
				Means: "Kubeflow's login stands in front of everything and answers requests without a session: with a page Sign In, a 401, or a redirect to Dex. That is as it should be; what is missing is the session.",
				Shows: []Shown{
					{"curl", `<a href="/dex/auth?client_id=…">Found</a>.`, "measured with the AuthService e236439"},
					{"browser", "403, Sign In, Sign in with Dex", "measured with oauth2-proxy 7.8.1"},
					{"curl", "{} with status 401", "measured with oauth2-proxy 7.8.1"},
					{"kfp", "ApiException: (401) Reason: Unauthorized", "measured with kfp 2.17"},
				},
				Heals: "Log in: kubectl kftls cookie; or run the command with a session: kubectl kftls run -- COMMAND",
			},
		},
	}
}

func lookOpen(_ context.Context, f *Facts) Result {
	s := f.sighting(StandsOpen)
	if s == nil {
		return passed("who is not logged in is stopped")
	}
	result := found("Kubeflow answers without a login on "+s.Via, byAdmin("find out what became of the login's policies", "kubectl -n istio-system get authorizationpolicies,requestauthentications,envoyfilters"), s.wire())
	if !s.Failure && slices.ContainsFunc(f.Roads, f.loginIsMeant) {
		return result.as(func(x *Finding) {
			x.Severity, x.Cause = Info, "the front page answers without a login on "+s.Via+"; the pipelines want one"
		})
	}
	if !s.Failure {
		return result.as(func(x *Finding) {
			x.Severity, x.Cause = Info, "this Kubeflow has no login: none of its parts is installed"
		})
	}
	return result
}

// dexLook is a check of Dex's refusal, by its status; the words add to it.
func dexLook(status int, cause, words string) func(context.Context, *Facts) Result {
	return func(_ context.Context, f *Facts) Result {
		asked := false
		for _, r := range f.Roads {
			a := r.answer(r.Dex)
			if r.Dex == "" || a == nil || !r.dexLives() {
				continue
			}
			asked = true
			if a.Status != status {
				continue
			}
			result := found(cause, f.healDex(status), evidence(r.where(a.Path), "status", a.line()))
			if !a.says(words) {
				return result.as(probably)
			}
			return result
		}
		if !asked && status == http.StatusBadRequest && f.blind() {
			return f.lookRedirects(cause)
		}
		if !asked {
			return skipped("Dex was not asked: no auth proxy leads to it")
		}
		return passed("Dex takes the auth proxy's request")
	}
}

func (f *Facts) healDex(status int) Fix {
	if status == http.StatusBadRequest {
		text := "add the auth proxy's redirect URI to staticClients[].redirectURIs, then restart Dex"
		if f.Objects != nil && f.Objects.Login.Proxy.OK() && f.Objects.Login.Proxy.Value.RedirectURL != "" {
			text = "add " + f.Objects.Login.Proxy.Value.RedirectURL + " to staticClients[].redirectURIs, then restart Dex"
		}
		return byAdmin(text, "kubectl -n auth edit configmap dex", "kubectl -n auth rollout restart deployment dex")
	}
	return byAdmin("write the same client id into Dex's Secret and oauth2-proxy's, then restart both", "kubectl -n auth rollout restart deployment dex", "kubectl -n oauth2-proxy rollout restart deployment oauth2-proxy")
}

func lookToken(_ context.Context, f *Facts) Result {
	if r := f.refusesKeys(); r != nil {
		return found("the gateway does not know the key that Dex signs with now: every login ends with 401",
			runs("istiod asks Dex for its keys at once; by itself it does so every minute (PILOT_JWT_PUB_KEY_REFRESH_INTERVAL)", "kubectl -n istio-system rollout restart deployment -l app=istiod", "kubectl -n istio-system rollout status deployment -l app=istiod --timeout=60s"),
			evidence(r.where(frontPath)+" with a token of Dex's key and no signature", "status", r.Token.line()))
	}
	s := f.sighting(BadToken)
	switch {
	case s == nil:
		return passed("no token was refused")
	case f.Session != nil && f.Session.Via != nil:
		return skipped("it is the session's own token that is refused")
	}
	return found("the gateway refuses the token: "+s.Text, byAdmin("see what is wrong: this shows what istiod says of Dex's keys", "kubectl -n istio-system logs -l app=istiod --tail=-1 --since=15m"), s.wire())
}

func lookNotLoggedIn(_ context.Context, f *Facts) Result {
	s := f.sighting(NotLoggedIn)
	if s == nil {
		return passed("no login is in the way")
	}
	if f.Aim.HasSession {
		return skipped("a session was given")
	}
	fix := runs("logs in and prints the session's cookie", f.program()+" cookie")
	if f.Aim.URL != nil && !endpoint.IsLoopback(f.Aim.URL.Hostname()) {
		fix = runs("logs in and prints the session's cookie", f.program()+" cookie --url "+f.Aim.URL.Scheme+"://"+f.Aim.URL.Host)
	}
	result := found("the login is in front, as it should be; requests need a session", fix, s.wire())
	if !f.Aim.wantsSession() {
		return result.as(onlyInfo)
	}
	return result
}

// jsonString is a string field of a JSON object, "" for none.
func jsonString(text []byte, field string) string {
	var object map[string]any
	if json.Unmarshal(text, &object) != nil {
		return ""
	}
	value, _ := object[field].(string)
	return value
}
