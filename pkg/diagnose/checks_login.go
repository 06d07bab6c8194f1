package diagnose

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func loginObjectChecks() []Check {
	return []Check{
		{
			Code: "KFT703", Title: "the auth proxy is down", Layer: LayerLogin, Severity: Error, Causes: []Symptom{NoAuthorizer, LoginDown, UpstreamDown}, Needs: []string{"KFT704"}, Look: lookProxy703,
			Page: Page{
				Means: "The gateway asks the auth proxy about every request, and no pod of it answers. The gateway then refuses with an empty page.",
				Shows: []Shown{
					{"curl", "HTTP/1.1 403 Forbidden with an empty body", "measured with Istio 1.31-dev"},
					{"Envoy", "403 UAEX ext_authz_error", "measured with Envoy 1.40"},
				},
				Heals: "See why: kubectl -n oauth2-proxy describe pods; scaled to zero: kubectl -n oauth2-proxy scale deployment oauth2-proxy --replicas=1",
			},
		},
		{
			Code: "KFT705", Title: "Dex is down", Layer: LayerLogin, Severity: Error, Causes: []Symptom{DexDown, LoginBreaks}, Needs: nil, Reads: StageCluster, Look: lookDex,
			Page: Page{
				Means: "The sign-in page comes from the auth proxy and looks well; Dex, which asks for the password, does not answer. Sessions that exist go on.",
				Shows: []Shown{{"browser", "upstream connect error or disconnect/reset before headers. retried and the latest reset reason: remote connection failure", "measured with Envoy 1.40"}},
				Heals: "See why: kubectl -n auth describe pods -l app=dex; scaled to zero: kubectl -n auth scale deployment dex --replicas=1",
			},
		},
		{
			Code: "KFT710", Title: "Dex, the auth proxy and the gateway do not agree on the issuer", Layer: LayerLogin, Severity: Error, Causes: []Symptom{BadToken, LoginBreaks, SessionRefused}, Look: lookIssuers,
			Page: Page{
				Means: "Dex signs its tokens with a name of its own (issuer). The auth proxy and the gateway's RequestAuthentication must expect the same name, to the letter.",
				Shows: []Shown{{"curl", "Jwt issuer is not configured", "measured with Istio 1.31-dev"}},
				Heals: "Write the same issuer into Dex's ConfigMap, oauth2-proxy's settings and the RequestAuthentication, then restart Dex and oauth2-proxy.",
			},
		},
		{
			Code: "KFT712", Title: "the gateway does not check Dex's tokens", Layer: LayerLogin, Severity: Error, Causes: []Symptom{BadToken, Denied, LoginBreaks, SessionDenied}, Needs: []string{"KFT710"}, Look: lookRequestAuthentication,
			Page: Page{
				Means: "After the login every request carries Dex's token, which a RequestAuthentication must allow and turn into the user's name. There is none for Dex's issuer.",
				Shows: []Shown{{"curl", "RBAC: access denied", "measured with Istio 1.31-dev"}},
				Heals: "Apply the part of Kubeflow's manifests again that makes RequestAuthentication istio-system/dex-jwt.",
			},
		},
		{
			Code: "KFT709", Title: "Dex and the auth proxy hold different client secrets", Layer: LayerLogin, Severity: Error, Causes: []Symptom{LoginBreaks}, Reads: StageCluster, Look: lookClientSecret,
			Page: Page{
				Means: "The auth proxy proves itself to Dex with a secret. Theirs differ, so that each login ends with an error after the right password.",
				Shows: []Shown{
					{"browser", "Oops! Something went wrong. For more information contact your server administrator.", "measured with oauth2-proxy 7.8.1"},
					{"Dex", `oauth2: "invalid_client" "Invalid client credentials."`, "measured with Dex 2.41.1"},
				},
				Heals: "Write the same secret into both Secrets, and restart both.",
			},
		},
		{
			Code: "KFT713", Title: "the provider does not verify e-mail addresses, and oauth2-proxy wants it", Layer: LayerLogin, Severity: Error, Causes: []Symptom{LoginBreaks}, Look: lookUnverified,
			Page: Page{
				Means: "oauth2-proxy refuses a login whose token says that the e-mail address was not verified, unless insecure_oidc_allow_unverified_email is set.",
				Shows: []Shown{{"oauth2-proxy", "email in id_token (…) isn't verified", "measured with oauth2-proxy 7.8.1"}},
				Heals: "Let the provider verify addresses, or set insecure_oidc_allow_unverified_email = true in oauth2-proxy's settings and restart it.",
			},
		},
		{
			Code: "KFT706", Title: "a part of the login was not restarted after its settings changed", Layer: LayerLogin, Severity: Warning, Causes: []Symptom{DexRefuses, BadToken, LoginBreaks}, Reads: StageCluster, Look: lookStale,
			Page: Page{
				Means: "Dex and oauth2-proxy read their settings when they start. Settings that changed later are in force only after a restart.",
				Heals: "kubectl -n auth rollout restart deployment dex; kubectl -n oauth2-proxy rollout restart deployment oauth2-proxy",
			},
		},
		{
			Code: "KFT714", Title: "a password or secret that every Kubeflow ships with is in use", Layer: LayerLogin, Severity: Info, Reads: StageCluster, Look: lookShipped,
			Page: Page{
				Means: "Kubeflow's manifests come with a user user@example.com, its password and the secret that sessions are signed with. Everybody can read them there, log in, or make a session of anybody.",
				Heals: "Change both: Secret auth/dex-passwords, and cookie-secret in oauth2-proxy's Secret.",
			},
		},
	}
}

func lookProxy703(_ context.Context, f *Facts) Result {
	if f.Objects == nil {
		return skipped("no cluster was asked for")
	}
	if f.Objects.customPolicy() == nil && !f.Objects.hasAuthnFilter() {
		return skipped("nothing is sent to an auth proxy")
	}
	return f.lookDown(f.Objects.Proxy).as(func(x *Finding) {
		if f.Objects.Proxy.isDown() && f.Objects.asksProxy() {
			breaks(NoAuthorizer, everywhere)(x)
		}
	})
}

func lookDex(_ context.Context, f *Facts) Result {
	if f.Objects == nil {
		return skipped("no cluster was asked for")
	}
	if !f.Objects.Dex.Exists() {
		return skipped("no Dex is installed")
	}
	return f.lookDown(f.Objects.Dex).as(func(x *Finding) {
		settings := f.Objects.Login.Proxy
		elsewhere := settings.OK() && settings.Value.Issuer != "" && !strings.Contains(settings.Value.Issuer, "dex")
		if f.Objects.Dex.isDown() && !elsewhere {
			breaks(DexDown, toLogIn)(x)
		}
	})
}

// isDown tells that a part has pods and none of them is ready, or is scaled to
// nothing. One of which no pod is found may have pods of other labels.
func (p Part) isDown() bool {
	return len(p.Pods.Value) > 0 && p.ready() == 0 || p.Workload != nil && p.Workload.Replicas == 0
}

// lookDown tells whether no pod of a part takes traffic, or one only now and then.
func (f *Facts) lookDown(p Part) Result {
	if !p.Pods.OK() {
		return unknown(p.Pods.Err)
	}
	if n := p.ready(); n > 0 {
		if cause, ev := p.unreached(); cause != "" && f.sees(NoAuthorizer, LoginDown, DexDown) {
			return found(cause, byAdmin("apply the part of Kubeflow's manifests again that makes the Service", "kubectl -n "+p.Namespace+" edit service "+p.Name), ev)
		}
		if pod := p.failing(); pod != nil && f.sees(NoAuthorizer, LoginDown, DexDown) {
			return found("a pod of "+p.Namespace+"/"+p.Name+" ends again and again, and is asked whenever it is up",
				byAdmin("see why it ends, and mend that", fmt.Sprintf("kubectl -n %s logs %s --previous", pod.Namespace, pod.Name)),
				evidence("Pod "+objectName(pod), "status", podState(pod))).as(probably)
		}
		return passed(itoa(n) + " ready pods")
	}
	fix := byAdmin("see why no pod is ready, and mend that", "kubectl -n "+p.Namespace+" describe pods")
	var ev []Evidence
	for i := range p.Pods.Value {
		ev = append(ev, evidence("Pod "+objectName(&p.Pods.Value[i]), "status", podState(&p.Pods.Value[i])))
	}
	if len(ev) == 0 {
		ev = append(ev, evidence("Pods of "+p.Namespace+"/"+p.Name, "", "none"))
		ev, fix = append(ev, p.Workload.evidence()...), p.Workload.starts(p.Namespace)
	}
	return found("no pod of "+p.Namespace+"/"+p.Name+" takes traffic", fix, ev...)
}

// dexIssuer is what Dex calls itself: on the wire, else in its settings.
func (f *Facts) dexIssuer() (issuer, source string) {
	for _, r := range f.Roads {
		if a := r.answer(dexPath); a != nil && a.Status == 200 {
			if issuer := jsonString(a.Body, "issuer"); issuer != "" {
				return withoutUser(issuer), r.where(dexPath)
			}
		}
	}
	if f.Objects != nil && f.Objects.Login.Dex.OK() && f.Objects.Login.Dex.Value.Issuer != "" {
		return f.Objects.Login.Dex.Value.Issuer, "Dex's ConfigMap"
	}
	return "", ""
}

func lookIssuers(_ context.Context, f *Facts) Result {
	issuer, source := f.dexIssuer()
	if issuer == "" || f.Objects == nil {
		return skipped("Dex's issuer is not known")
	}
	own := evidence(source, "issuer", issuer)
	if p := f.Objects.Login.Proxy; p.OK() && p.Value.Issuer != "" && p.Value.Issuer != issuer {
		return found(fmt.Sprintf("oauth2-proxy expects the issuer %s, and Dex is %s", p.Value.Issuer, issuer),
			byAdmin("write the same issuer into both and restart both"), own, evidence("oauth2-proxy's settings", "oidc_issuer_url", p.Value.Issuer)).as(itself(LoginBreaks))
	}
	if !f.Objects.RequestAuthentications.OK() {
		return unknown(f.Objects.RequestAuthentications.Err)
	}
	expected, name := f.Objects.jwtIssuers()
	if slices.Contains(expected, issuer) || len(expected) == 0 {
		return passed(issuer)
	}
	for _, other := range expected {
		if strings.Contains(other, "/dex") || strings.Contains(other, "dex.") {
			return found(fmt.Sprintf("the gateway expects tokens of %s, and Dex is %s", other, issuer),
				byAdmin("write Dex's issuer into the RequestAuthentication, or the other way round", "kubectl -n istio-system edit requestauthentication "+name), own,
				evidence("RequestAuthentications of istio-system", "spec.jwtRules[].issuer", strings.Join(expected, ", "))).as(itself(LoginBreaks))
		}
	}
	return passed("no other issuer of a Dex is expected")
}

// jwtIssuers are those that the gateway takes tokens of, and the first object
// that says so.
func (o *Objects) jwtIssuers() (issuers []string, name string) {
	for i := range o.RequestAuthentications.Value {
		r := &o.RequestAuthentications.Value[i]
		if !o.selectsGateway(r) {
			continue
		}
		rules, _, _ := unstructured.NestedSlice(r.Object, "spec", "jwtRules")
		for _, entry := range rules {
			rule, _ := entry.(map[string]any)
			if issuer, _ := rule["issuer"].(string); issuer != "" {
				issuers = append(issuers, withoutUser(issuer))
				if name == "" {
					name = r.GetName()
				}
			}
		}
	}
	return issuers, name
}

func lookRequestAuthentication(_ context.Context, f *Facts) Result {
	o := f.Objects
	if o == nil {
		return skipped("no cluster was asked for")
	}
	if !o.RequestAuthentications.OK() {
		return unknown(o.RequestAuthentications.Err)
	}
	issuer, source := f.dexIssuer()
	if !o.asksForTokens() || issuer == "" {
		return skipped("no policy asks for a token")
	}
	expected, name := o.jwtIssuers()
	if slices.Contains(expected, issuer) {
		for _, r := range f.Roads {
			if r.ignoresTokens() {
				return found("the gateway does not look at the tokens that the auth proxy sends it, although RequestAuthentication "+name+" is about their issuer",
					byAdmin("compare it with Kubeflow's (fromHeaders: Authorization with the prefix \"Bearer \")", "kubectl -n istio-system get requestauthentication "+name+" -o yaml"),
					evidence(r.where(frontPath)+" with a token of Dex's key", "status", r.Token.line()))
			}
		}
		return passed("tokens of " + issuer + " are checked")
	}
	return found("no RequestAuthentication takes tokens of "+issuer+", and a policy refuses requests without one",
		byAdmin("apply RequestAuthentication istio-system/dex-jwt of Kubeflow's manifests again"), evidence(source, "issuer", issuer),
		evidence("RequestAuthentications of istio-system", "spec.jwtRules[].issuer", orNone(expected))).as(itself(LoginBreaks))
}

func orNone(list []string) string {
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, ", ")
}

func lookClientSecret(_ context.Context, f *Facts) Result {
	if f.Objects == nil {
		return skipped("no cluster was asked for")
	}
	same := f.Objects.Login.SameSecret
	switch {
	case !same.OK():
		return unknown(same.Err)
	case same.Value:
		return passed("they are the same")
	}
	cause, differ := "the client secret in oauth2-proxy's Secret is not the one in Dex's", "differ (compared in memory)"
	if f.Objects.Login.SpaceDiffers {
		cause += ": one has white space at an end, as a line feed, that the other has not"
		differ = "differ in white space at an end (compared in memory)"
	}
	later := f.Objects.Login.secretsChanged()
	if later != "" {
		return found(cause+"; "+later+" changed after the programs were started, which go on with what they read then",
			byAdmin("write the same value into both before anything is restarted"), evidence("Secrets of oauth2-proxy and Dex", "client secret", differ)).as(onlyWarning).as(itself(LoginBreaks))
	}
	return found(cause,
		byAdmin("write the same value into both (field client-secret in the Secret of namespace oauth2-proxy, OIDC_CLIENT_SECRET in auth/dex-oidc-client), then restart both",
			"kubectl -n auth rollout restart deployment dex", "kubectl -n oauth2-proxy rollout restart deployment oauth2-proxy"),
		evidence("Secrets of oauth2-proxy and Dex", "client secret", differ)).as(itself(LoginBreaks))
}

// lookUnverified goes by oauth2-proxy's own words: what a provider says of an
// address is in no object.
func lookUnverified(_ context.Context, f *Facts) Result {
	if !f.LoginLog.OK() {
		return skipped("oauth2-proxy's log was not read: " + f.LoginLog.Err.Error())
	}
	for _, m := range f.LoginLog.Value {
		if slices.Contains(m.Codes, "KFT713") {
			return found("oauth2-proxy refused a login of the last minutes: the provider had not verified the e-mail address",
				byAdmin("let the provider verify addresses, or set insecure_oidc_allow_unverified_email = true in oauth2-proxy's settings and restart it"),
				evidence("the log of oauth2-proxy", "", m.Quote)).as(itself(LoginBreaks)).as(probably)
		}
	}
	return passed("oauth2-proxy says nothing of it")
}

func lookStale(_ context.Context, f *Facts) Result {
	if f.Objects == nil {
		return skipped("no cluster was asked for")
	}
	for _, s := range f.Objects.Login.Stale {
		namespace := map[string]string{"dex": "auth", "oauth2-proxy": "oauth2-proxy"}[s.Part]
		if namespace == "" {
			continue
		}
		return found(fmt.Sprintf("%s changed after %s was started", s.Object, s.Part),
			runs("starts it anew, with the settings of now", fmt.Sprintf("kubectl -n %s rollout restart deployment %s", namespace, s.Part), fmt.Sprintf("kubectl -n %s rollout status deployment %s --timeout=60s", namespace, s.Part)),
			evidence(s.Object, "changed", s.Changed.UTC().Format("2006-01-02T15:04:05Z")), evidence("Pods of "+s.Part, "status.startTime", s.Pod.UTC().Format("2006-01-02T15:04:05Z"))).as(itself(LoginBreaks))
	}
	return passed("nothing changed since they started")
}

func lookShipped(_ context.Context, f *Facts) Result {
	if f.Objects == nil {
		return skipped("no cluster was asked for")
	}
	l := f.Objects.Login
	var what []string
	if l.ShippedPassword.OK() && l.ShippedPassword.Value {
		what = append(what, "the password of user@example.com")
	}
	if l.ShippedCookieSecret.OK() && l.ShippedCookieSecret.Value {
		what = append(what, "the secret that sessions are signed with")
	}
	if len(what) == 0 {
		if !l.ShippedPassword.OK() {
			return unknown(l.ShippedPassword.Err)
		}
		return passed("they were changed")
	}
	return found("everybody can read "+strings.Join(what, " and ")+" in Kubeflow's manifests", byAdmin("change them, then restart Dex and oauth2-proxy"),
		evidence("Secrets of oauth2-proxy and Dex", "", "as shipped (compared in memory)"))
}
