package diagnose

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/kftls/kubectl-kftls/pkg/endpoint"
)

func httpChecks() []Check {
	return []Check{
		{
			Code: "KFT607", Title: "the request's headers are too large", Layer: LayerHTTP, Severity: Error, Causes: []Symptom{TooLarge}, Look: seenLook(TooLarge, "the server refuses the size of the request's headers", byAdmin("shrink the session: drop the scope groups in oauth2-proxy, or keep sessions in Redis")),
			Page: Page{
				Means: "Cookies travel in headers, and servers limit these. A user with very many groups has a session that is too large.",
				Shows: []Shown{{"curl", "HTTP/1.1 431 Request Header Fields Too Large", "measured with Envoy 1.40"}},
				Heals: "Drop the scope groups in oauth2-proxy, or let it keep sessions in Redis.",
			},
		},
		{
			Code: "KFT606", Title: "the redirects go in a circle", Layer: LayerHTTP, Severity: Error, Causes: []Symptom{ToHTTPS, Loop}, Needs: []string{"KFT322"}, Look: lookLoop,
			Page: Page{
				Means: "The answer sends the client to https, where the same answer waits.",
				Shows: []Shown{{"browser", "ERR_TOO_MANY_REDIRECTS", "measured with Chromium 156, Firefox ESR 153"}},
				Heals: "Turn httpsRedirect off in the Gateway, or let the load balancer pass TLS through.",
			},
		},
		{
			Code: "KFT602", Title: "an Authorization header passes by the login, and holds no token that the gateway takes", Layer: LayerHTTP, Severity: Error, Causes: []Symptom{Denied}, Look: lookSentHeader,
			Page: Page{
				Means: "Kubeflow's policy sends requests with an Authorization header past the login: programs bring a token in it. With anything else in it (curl -u, .netrc, a token of somebody else) the gateway refuses, whether a session comes along or not.",
				Shows: []Shown{
					{"curl -u", "RBAC: access denied", "measured with Istio 1.31-dev"},
					{"curl", "Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections", "measured with Istio 1.31-dev"},
					{"curl", "Jwt issuer is not configured", "measured with Istio 1.31-dev"},
				},
				Heals: "Leave the header out and send the session's cookie: curl -K <(kubectl kftls cookie -o curl) URL; or send a token that this Kubeflow takes: kubectl kftls token",
			},
		},
		{
			Code: "KFT603", Title: "an AuthorizationPolicy denies", Layer: LayerHTTP, Severity: Error, Causes: []Symptom{Denied, SessionDenied, LoginDenied}, Needs: []string{"KFT704", "KFT718"}, Look: lookPolicies,
			Page: Page{
				Means: "A policy that is none of Kubeflow's own selects the gateway pods and denies the request, or allows others alone.",
				Shows: []Shown{{"curl", "RBAC: access denied", "measured with Istio 1.31-dev"}},
				Heals: "See what it says: kubectl -n istio-system get authorizationpolicy NAME -o yaml",
			},
		},
		{
			Code: "KFT601", Title: "RBAC: access denied, because the name or path has no route", Layer: LayerHTTP, Severity: Error, Causes: []Symptom{Denied}, Needs: []string{"KFT207", "KFT321", "KFT325", "KFT314"}, Look: lookDeniedRoute,
			Page: Page{
				Means: "The login's filter needs a route to act on. A request for a name that no VirtualService knows reaches the policies without a token, and they deny it.",
				Shows: []Shown{{"curl", "RBAC: access denied", "measured with Istio 1.31-dev, Kubeflow 1.9.1 and later"}},
				Heals: "Ask for a name that Kubeflow is known by, or make its VirtualServices answer for every name.",
			},
		},
		{
			Code: "KFT604", Title: "the gateway knows no route", Layer: LayerHTTP, Severity: Error, Causes: []Symptom{NoRoute}, Needs: []string{"KFT321", "KFT325", "KFT314", "KFT310"}, Look: seenLook(NoRoute, "no VirtualService leads anywhere from this name and path", byAdmin("see what is wrong: this shows the routes there are", "kubectl get virtualservices.networking.istio.io -A")),
			Page: Page{
				Means: "The request reached the gateway, which knows no program for its name and path.",
				Shows: []Shown{{"Envoy", "404 NR route_not_found", "measured with Envoy 1.40"}},
				Heals: "See the routes there are: kubectl get virtualservices.networking.istio.io -A",
			},
		},
		{
			Code: "KFT605", Title: "the program behind the route does not answer", Layer: LayerHTTP, Severity: Error, Causes: []Symptom{UpstreamDown, LoginDown, DexDown, DashboardDown}, Needs: []string{"KFT703", "KFT705"}, Look: lookUpstream,
			Page: Page{
				Means: "The gateway found the program for the request, and no pod of it takes connections.",
				Shows: []Shown{
					{"curl", "upstream connect error or disconnect/reset before headers. retried and the latest reset reason: remote connection failure", "measured with Envoy 1.40"},
					{"curl", "no healthy upstream", "measured with Envoy 1.40"},
				},
				Heals: "See the pods: kubectl get pods -A | grep -v Running",
			},
		},
		{
			Code: "KFT608", Title: "the answer is not Kubeflow's", Layer: LayerHTTP, Severity: Error, Causes: []Symptom{OtherAnswer, DashboardOther}, Needs: []string{"KFT106", "KFT310", "KFT321", "KFT328", "KFT609", "KFT612"}, Look: lookOtherAnswer,
			Page: Page{
				Means: "A server answers at the address, and neither its answer nor that of the pipelines is one that Kubeflow or its login gives.",
				Heals: "Check the address, and which cluster it leads to.",
			},
		},
	}
}

// seenLook is a check that a symptom was seen which says all.
func seenLook(symptom Symptom, cause string, fix Fix) func(context.Context, *Facts) Result {
	return func(_ context.Context, f *Facts) Result {
		s := f.sighting(symptom)
		if s == nil {
			return passed("it was not seen")
		}
		return found(cause, fix, s.wire()).as(probably)
	}
}

// lookOtherAnswer leaves it open where the server at a distant address finds the
// request bad: a header of the PROXY protocol that nobody expects reads like that.
func lookOtherAnswer(ctx context.Context, f *Facts) Result {
	if own := f.own(); own != nil && !endpoint.IsLoopback(own.Origin.Hostname()) && f.tunnelWell(own.TLS) == nil {
		if front := own.answer(frontPath); front != nil && front.Status == http.StatusBadRequest {
			return skipped("without a look at the gateway it stays open who spoils the request: the server there says no more than that it is bad")
		}
	}
	if s := f.sighting(DashboardOther); s != nil {
		return found("the dashboard's address answers something else to who is logged in", byAdmin("see what its route does with the path", "kubectl -n kubeflow get virtualservice centraldashboard -o yaml"), s.wire()).as(probably)
	}
	return seenLook(OtherAnswer, "something answers that is neither Kubeflow nor its login", locally("check the address"))(ctx, f)
}

func lookLoop(_ context.Context, f *Facts) Result {
	s := f.sighting(Loop, ToHTTPS)
	if s == nil || !s.Failure {
		return passed("no redirect leads back to itself")
	}
	return found("the answer leads to https, where the same answer waits", byAdmin("turn httpsRedirect off in the Gateway, or let the load balancer pass TLS through"), s.wire()).as(probably)
}

// lookSentHeader speaks where the user's request is known to have carried the
// header; a diagnosis sends a value that is no token, and sees what becomes of it.
func lookSentHeader(_ context.Context, f *Facts) Result {
	if !f.Aim.SentHeader {
		return skipped("no request with an Authorization header was shown")
	}
	for _, r := range f.Roads {
		if r.Header == nil || r.Header.Err != nil {
			continue
		}
		if r.Header.Status == http.StatusForbidden || r.Header.Status == http.StatusUnauthorized {
			return found("the request carried an Authorization header, and this gateway refuses every such request that brings no token of its own",
				runs("sends the session's cookie in its place", fmt.Sprintf("curl -K <(%s cookie -o curl) %s", f.program(), f.address())),
				evidence(r.where(frontPath)+" with a header Authorization that is no token", "status", r.Header.line())).as(func(x *Finding) {
				x.Confidence, x.observed = Likely, Denied
				x.Fix.Kind = FixLocal
			})
		}
	}
	return passed("such requests are not refused here")
}

func lookDeniedRoute(_ context.Context, f *Facts) Result {
	s := f.sighting(Denied)
	if s == nil {
		return passed("nothing was denied")
	}
	if f.foundBefore("KFT602", "KFT603", "KFT704", "KFT718", "KFT310", "KFT312") {
		return skipped("another cause was found")
	}
	if o := f.Objects; o != nil && o.Door != nil && o.VirtualServices.OK() {
		if bound, by := o.routeFor(o.Door.Name(), f.Aim.Host, "/"); bound && !hasConditions(by) {
			return skipped("a VirtualService leads somewhere from this name, so that it is something else")
		}
	}
	return found(fmt.Sprintf("the gateway denies requests for %s that carry no session: it knows no route for that name", f.Aim.Host),
		byAdmin("see what is wrong: this shows for which names there are routes; ask for one of them by --host NAME", "kubectl get virtualservices.networking.istio.io -A"), s.wire()).as(probably)
}

func lookUpstream(_ context.Context, f *Facts) Result {
	s := f.sighting(UpstreamDown, LoginDown, DexDown, DashboardDown)
	if s == nil {
		return passed("no program was seen to be down")
	}
	part, fix := "the program behind the route", byAdmin("see what is wrong: this shows pods that do not run", "kubectl get pods -A --field-selector=status.phase!=Running")
	switch s.Symptom {
	case DashboardDown:
		part, fix = "the dashboard", byAdmin("see what is wrong with it", "kubectl -n kubeflow get virtualservice,service,deployment centraldashboard", "kubectl -n kubeflow describe pods -l app=centraldashboard")
	case LoginDown:
		part = "the auth proxy"
	case DexDown:
		part = "Dex"
	}
	return found(part+" does not answer", fix, s.wire()).as(probably)
}

// unrecognised speaks where a failure was observed and no check explains it. It
// comes last.
func unrecognised() Check {
	return Check{
		Code: "KFT990", Title: "not recognised", Layer: LayerHTTP, Severity: Error, Causes: nil, Look: lookUnrecognised,
		Page: Page{
			Means: "Something is in the way, and none of the known causes explains it, or what decides may not be read.",
			Heals: "Let somebody with more rights run the same command; or send the evidence: kubectl kftls diagnose -o json",
		},
	}
}

func lookUnrecognised(_ context.Context, f *Facts) Result {
	s := f.unexplained()
	if s == nil {
		return skipped("what was seen is explained")
	}
	ev := []Evidence{s.wire()}
	var candidates []string
	for _, o := range f.before {
		if o.result.Status == Unknown && causes(&o.check, s.Symptom) {
			candidates = append(candidates, o.check.Code)
			ev = append(ev, evidence(o.check.Code+" "+o.check.Title, "could not be looked at", o.result.Detail))
		}
	}
	if len(candidates) > 0 {
		return found(fmt.Sprintf("%s; what decides may not be read: %s", s.Symptom, strings.Join(candidates, ", ")),
			byAdmin("an admin sees more with the same command", f.program()+" diagnose"+f.flags()), ev...).as(func(x *Finding) {
			x.Confidence, x.causes = Possible, []Symptom{s.Symptom}
		})
	}
	if candidates := f.notLookedAt(s.Symptom); len(candidates) > 0 {
		return found(fmt.Sprintf("%s; without a look at the gateway itself it may be one of several causes", s.Symptom),
			locally("with a kubeconfig of the cluster the same command sees more", f.program()+" diagnose"+f.flags()), append(ev, candidates...)...).as(func(x *Finding) {
			x.Confidence, x.causes = Possible, []Symptom{s.Symptom}
		})
	}
	return found(fmt.Sprintf("%s, and no known cause explains it", s.Symptom), locally("send the evidence to whoever runs the cluster, or with a bug report", f.program()+" diagnose"+f.flags()+" -o json"), ev...).as(func(x *Finding) {
		x.Confidence, x.causes = Possible, []Symptom{s.Symptom}
	})
}

// mostCandidates is how many causes are named that could not be looked at.
const mostCandidates = 5

// notLookedAt are the causes of a symptom that wanted a look at the cluster, where
// there was none.
func (f *Facts) notLookedAt(symptom Symptom) []Evidence {
	if f.hasTunnel() {
		return nil
	}
	var list []Evidence
	for _, o := range f.before {
		if o.result.Status == Skipped && causes(&o.check, symptom) && len(list) < mostCandidates {
			list = append(list, evidence("possible", o.check.Code, o.check.Title))
		}
	}
	return list
}

// unexplained is the first failure that no finding accounts for.
func (f *Facts) unexplained() *Sighting {
	for i := range f.Seen {
		s := &f.Seen[i]
		if !s.Failure {
			continue
		}
		explained := false
		for _, o := range f.before {
			if x := o.result.Finding; x != nil && x.Severity.AtLeast(Warning) && len(explainedBy(x, s.Symptom)) > 0 {
				explained = true
			}
		}
		if !explained {
			return s
		}
		return nil // the first one decides; those behind it may follow from the same cause
	}
	return nil
}

func explainedBy(x *Finding, symptom Symptom) []Symptom {
	return explained(*x, []Sighting{{Symptom: symptom}})
}

func causes(c *Check, symptom Symptom) bool {
	return len(explained(Finding{check: c}, []Sighting{{Symptom: symptom}})) > 0
}

// flags are those that ask the same again.
func (f *Facts) flags() string {
	if f.Aim.URL != nil {
		return " " + f.Aim.URL.String()
	}
	if f.Aim.Expect != "" {
		return " --expect " + string(f.Aim.Expect)
	}
	return ""
}
