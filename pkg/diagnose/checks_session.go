package diagnose

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/kftls/kubectl-kftls/pkg/clients"
	"github.com/kftls/kubectl-kftls/pkg/session"
)

func sessionChecks() []Check {
	return []Check{
		{
			Code: "KFT804", Title: "the cookie is of another auth proxy", Layer: LayerSession, Severity: Error, Causes: []Symptom{SessionRefused}, Look: lookEra,
			Page: Page{
				Means: "Kubeflow 1.3 to 1.8 names its session cookie authservice_session, later ones oauth2_proxy_kubeflow. The given one is of the other kind: from before an upgrade, or of another Kubeflow.",
				Heals: "Log in anew: kubectl kftls cookie --fresh",
			},
		},
		{
			Code: "KFT802", Title: "a part of the session is missing, or of another one", Layer: LayerSession, Severity: Error, Causes: []Symptom{SessionRefused}, Look: lookParts,
			Page: Page{
				Means: "A large session is split into several cookies, _0, _1 and so on. All of one login must be sent, and no other beside them: a stale part or an old whole cookie spoils it.",
				Shows: []Shown{{"curl", "401 {}", "measured with oauth2-proxy 7.8.1"}},
				Heals: "Replace the whole set: kubectl kftls cookie --fresh",
			},
		},
		{
			Code: "KFT801", Title: "the session is not accepted", Layer: LayerSession, Severity: Error, Causes: []Symptom{SessionRefused}, Needs: []string{"KFT113", "KFT802", "KFT804"}, Look: lookRefused,
			Page: Page{
				Means: "The auth proxy does not take the cookie: it has ended (after 24 hours, as Kubeflow is shipped), it is of another Kubeflow, or the secret that it is signed with was changed.",
				Shows: []Shown{
					{"curl", "403 Sign In, with Set-Cookie: oauth2_proxy_kubeflow=; …", "measured with oauth2-proxy 7.8.1"},
					{"kfp", "ApiException: (401) Reason: Unauthorized", "measured with kfp 2.17"},
				},
				Heals: "Log in anew: kubectl kftls cookie --fresh",
			},
		},
		{
			Code: "KFT803", Title: "the session's token is not accepted any more", Layer: LayerSession, Severity: Error, Causes: []Symptom{BadToken}, Needs: []string{"KFT710", "KFT711", "KFT712"}, Look: lookOldToken,
			Page: Page{
				Means: "The auth proxy takes the cookie, and the gateway does not take the token in it: the token has expired before the cookie, or Dex signs with new keys since.",
				Shows: []Shown{
					{"curl", "Jwt is expired", "measured with Istio 1.31-dev"},
					{"curl", "Jwks doesn't have key to match kid or alg from Jwt", "measured with Istio 1.31-dev"},
				},
				Heals: "Log in anew: kubectl kftls cookie --fresh",
			},
		},
		{
			Code: "KFT805", Title: "the logged-in user is denied", Layer: LayerSession, Severity: Error, Causes: []Symptom{SessionDenied}, Needs: []string{"KFT603", "KFT721", "KFT722"}, Look: lookSessionDenied,
			Page: Page{
				Means: "The login is well, and a policy behind it denies this user: an AuthorizationPolicy of the gateway or of a namespace.",
				Shows: []Shown{{"curl", "RBAC: access denied", "measured with Istio 1.31-dev"}},
				Heals: "See the policies: kubectl get authorizationpolicies -A",
			},
		},
	}
}

// given is the session to be tested, nil where there is none that was sent.
func (f *Facts) given() (*SessionFacts, *Result) {
	var r Result
	switch {
	case f.Session == nil:
		r = skipped("no session was given")
	case f.Session.Via == nil:
		r = skipped("it was not sent: " + f.Session.NotSent)
	default:
		return f.Session, nil
	}
	return nil, &r
}

func (f *Facts) anew() Fix {
	return runs("a new session in place of the old one", f.program()+" cookie --fresh")
}

func lookEra(_ context.Context, f *Facts) Result {
	if f.blind() {
		return f.lookEraOfFile()
	}
	s, why := f.given()
	if s == nil {
		return *why
	}
	if !f.sees(SessionRefused) || s.Era == session.EraUnknown {
		return passed("it is of the right kind, or of a name of its own")
	}
	era := f.era()
	if era == session.EraUnknown || era == s.Era {
		return passed("it is of " + string(s.Era))
	}
	return found(fmt.Sprintf("the cookie is one of %s, and this Kubeflow's auth proxy is %s", s.Era, era), f.anew(), evidence(f.Computer.CookieFile, "cookie", strings.Join(s.Names, ", ")))
}

// lookEraOfFile compares the file with the auth proxy that the cluster's objects name.
func (f *Facts) lookEraOfFile() Result {
	meant, names := session.EraUnknown, f.Computer.CookieNames
	if o := f.Objects; o.asksProxy() {
		meant = map[string]session.Era{"authservice": session.EraAuthService, "oauth2-proxy": session.EraOAuth2Proxy}[o.Proxy.Name]
	}
	if len(names) == 0 || meant == session.EraUnknown {
		return skipped("no session was given, or what takes it is not known")
	}
	era := session.EraOfCookie(names[0])
	if era == session.EraUnknown || era == meant {
		return passed("it is of " + string(meant) + ", or of a name of its own")
	}
	return found(fmt.Sprintf("the cookie is one of %s, and this Kubeflow's auth proxy is %s", era, meant), f.anew(),
		evidence(f.Computer.CookieFile, "cookie", strings.Join(names, ", "))).as(breaks(SessionRefused, everywhere))
}

// era is the auth proxy's, read off what it answered.
func (f *Facts) era() session.Era {
	for _, r := range f.Roads {
		if front := r.answer(frontPath); front != nil {
			switch front.Wall {
			case session.SignIn, session.Unauthorized:
				return session.EraOAuth2Proxy
			case session.ToDex:
				if to := front.location(); to != nil && strings.Contains(to.Query().Get("redirect_uri"), "/oauth2/") {
					return session.EraOAuth2Proxy
				}
				return session.EraAuthService
			}
		}
	}
	return session.EraUnknown
}

// splitCookie is the name of a session that is split where it is large.
const splitCookie = "oauth2_proxy_kubeflow"

func lookParts(_ context.Context, f *Facts) Result {
	if err := f.Computer.CookieError; errors.Is(err, clients.ErrPartMissing) {
		return found("a part between the first and the last is missing", f.anew(), evidence(f.Computer.CookieFile, "cookies", err.Error())).as(itself(SessionRefused))
	}
	if s, why := f.given(); s == nil && !f.blind() {
		return *why
	}
	if !f.blind() && !f.sees(SessionRefused) {
		return passed("it is accepted")
	}
	names := f.Computer.CookieNames
	whole, parts := false, []int{}
	for _, name := range names {
		number, split := strings.CutPrefix(name, splitCookie+"_")
		switch {
		case split && len(number) == 1:
			parts = append(parts, int(number[0]-'0'))
		case name == splitCookie:
			whole = true
		}
	}
	slices.Sort(parts)
	var problem string
	switch {
	case len(parts) == 0:
		return passed("it is in one piece")
	case whole:
		problem = "a whole cookie stands beside parts of another one"
	case parts[0] != 0 || parts[len(parts)-1] != len(parts)-1:
		problem = "a part between the first and the last is missing"
	case len(parts) == 1:
		problem = "one part alone is there, and a session that fits one cookie is not split"
	default:
		return passed("the parts are complete by their numbers")
	}
	return found(problem, f.anew(), evidence(f.Computer.CookieFile, "cookies", strings.Join(names, ", "))).as(breaks(SessionRefused, everywhere))
}

func lookRefused(_ context.Context, f *Facts) Result {
	s, why := f.given()
	if s == nil {
		return *why
	}
	seen := f.sighting(SessionRefused)
	if seen == nil {
		return passed("it is accepted, or something else is in its way")
	}
	return found("the auth proxy does not accept the session: it has ended, is of another Kubeflow, or the secret that it is signed with was changed", f.anew(),
		evidence(f.Computer.CookieFile, "cookies", strings.Join(s.Names, ", ")), seen.wire())
}

func lookOldToken(_ context.Context, f *Facts) Result {
	s, why := f.given()
	if s == nil {
		return *why
	}
	if s.Health == nil || s.Health.Err != nil || s.Health.Status != 401 || !s.Health.says("Jw") {
		return passed("the gateway takes its token, or something else is in its way")
	}
	return found("the gateway does not take the session's token any more: "+plain(string(s.Health.Body)), f.anew(), evidence(s.Via.where(healthPath), "status", s.Health.line())).as(func(x *Finding) { x.Severity = Error })
}

func lookSessionDenied(_ context.Context, f *Facts) Result {
	s, why := f.given()
	if s == nil {
		return *why
	}
	seen := f.sighting(SessionDenied)
	if seen == nil {
		return passed("the user is let in, or something else is in the way")
	}
	if front := s.Via.answer(frontPath); front.isWall(session.Denied) && len(front.Body) > 0 {
		return skipped("who has no session is denied in the same way")
	}
	return found("a policy denies the session's user", byAdmin("see the policies", "kubectl get authorizationpolicies -A"), seen.wire())
}
