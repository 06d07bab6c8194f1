package diagnose

import (
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kftls/kubectl-kftls/internal/testutil"
	"github.com/kftls/kubectl-kftls/pkg/diagnose/pasted"
)

// What Istio and Envoy say themselves.
var (
	rbacDenied  = answer(403, "text/plain", "RBAC: access denied", byEnvoy...)
	emptyDenied = answer(403, "", "", byEnvoy...)
	noRoute     = answer(404, "", "", byEnvoy...)
	upstream    = answer(503, "text/plain", "upstream connect error or disconnect/reset before headers. retried and the latest reset reason: remote connection failure", byEnvoy...)
	noHealthy   = answer(503, "text/plain", "no healthy upstream", byEnvoy...)
	badKeys     = answer(401, "text/plain", "Jwt verification fails", byEnvoy...)
	tooLarge    = answer(431, "text/plain", "", byEnvoy...)
	welcome     = answer(200, "text/html", "<title>Welcome to nginx!</title>", "Server", "nginx")
	dashboard   = answer(200, "text/html", "<title>Kubeflow Central Dashboard</title>")
	toHTTPS     = answer(301, "", "", "Location", "https://localhost/", "Server", "istio-envoy")
)

// allSay replaces the answers of the front page and of the pipelines.
func allSay(a *Answer) change {
	return func(f *Facts) { says(frontPath, a)(f); says(healthPath, a)(f) }
}

// envoyFilterNamed is somebody's filter on the pods with a label istio.
func envoyFilterNamed(name, istio string) *unstructured.Unstructured {
	return testutil.Object("networking.istio.io/v1alpha3", "EnvoyFilter", "istio-system", name, map[string]any{"spec": map[string]any{
		"workloadSelector": map[string]any{"labels": map[string]any{"istio": istio}},
		"configPatches":    []any{map[string]any{"applyTo": "HTTP_FILTER"}},
	}})
}

func httpExamples() []example {
	limited := answer(429, "text/plain", "local_rate_limited", byEnvoy...)
	return []example{
		finds("KFT601", "denies requests for localhost", allSay(rbacDenied), func(f *Facts) { f.Objects.VirtualServices = unread[[]unstructuredObject]() }),
		finds("KFT601", "denies requests for localhost", allSay(rbacDenied), func(f *Facts) {
			rule := f.Objects.VirtualServices.Value[0].Object["spec"].(map[string]any)["http"].([]any)[0].(map[string]any)
			rule["match"].([]any)[0].(map[string]any)["headers"] = map[string]any{"x-team": map[string]any{"exact": "ml"}}
		}),
		clears("KFT601", Skipped, allSay(rbacDenied)), // there is a route
		finds("KFT602", "every such request", func(f *Facts) { f.Aim.SentHeader, f.Roads[0].Header = true, rbacDenied }),
		clears("KFT602", Passed, func(f *Facts) { f.Aim.SentHeader = true }),
		clears("KFT602", Skipped),
		finds("KFT603", "none of Kubeflow's own", allSay(rbacDenied), func(f *Facts) {
			f.Objects.Policies.Value = append(f.Objects.Policies.Value, *policy("deny-all", "DENY", nil))
		}),
		finds("KFT603", "denies whoever is logged in, too", func(f *Facts) {
			p := policy("istio-ingressgateway-require-jwt", "DENY", map[string]any{"notPaths": []any{"/dex/*", "/oauth2/*"}})
			unstructured.RemoveNestedField(p.Object["spec"].(map[string]any)["rules"].([]any)[0].(map[string]any), "from")
			f.Objects.Policies.Value[1] = *p
		}),
		finds("KFT603", "allow nothing", says(startPath, rbacDenied), func(f *Facts) {
			f.Objects.Policies.Value[2] = *testutil.Object("security.istio.io/v1beta1", "AuthorizationPolicy", "istio-system", "global-deny-all", map[string]any{"spec": map[string]any{}})
		}),
		finds("KFT603", "denies the login's own pages", says(startPath, rbacDenied), func(f *Facts) {
			f.Objects.Policies.Value[1] = *policy("istio-ingressgateway-require-jwt", "DENY", nil)
		}),
		clears("KFT603", Passed, says(startPath, rbacDenied)),
		finds("KFT603", "has no rules", says(startPath, rbacDenied), func(f *Facts) {
			unstructured.RemoveNestedField(f.Objects.Policies.Value[2].Object, "spec", "rules")
		}),
		clears("KFT603", Passed, allSay(rbacDenied)),
		clears("KFT603", Passed),
		clears("KFT601", Passed),
		finds("KFT604", "no VirtualService leads anywhere", allSay(noRoute)),
		clears("KFT604", Passed),
		finds("KFT605", "the program behind the route", allSay(upstream)),
		finds("KFT605", "the auth proxy", says(proxyPath, noHealthy)),
		finds("KFT605", "Dex", says(dexPath, upstream)),
		finds("KFT605", "the dashboard", given([]string{"oauth2_proxy_kubeflow"}, answer(200, "application/json", pipelinesHealth)), func(f *Facts) { f.Session.Front = noHealthy }),
		clears("KFT605", Passed),
		finds("KFT612", "EnvoyFilter istio-system/limits", allSay(limited), func(f *Facts) {
			f.Objects.EnvoyFilters = ok([]unstructured.Unstructured{*envoyFilterNamed("limits", "ingressgateway")})
		}),
		clears("KFT612", Passed, allSay(limited)),
		clears("KFT612", Passed, allSay(limited), func(f *Facts) {
			f.Objects.EnvoyFilters = ok([]unstructured.Unstructured{*envoyFilterNamed("limits", "egressgateway")})
		}),
		clears("KFT612", Passed, allSay(limited), func(f *Facts) {
			f.Objects.EnvoyFilters = ok([]unstructured.Unstructured{*envoyFilterNamed("stats-filter-1.17", "ingressgateway")})
		}),
		clears("KFT612", Passed, func(f *Facts) {
			f.Objects.EnvoyFilters = ok([]unstructured.Unstructured{*envoyFilterNamed("limits", "ingressgateway")})
		}),
		clears("KFT612", Unknown, allSay(limited), func(f *Facts) { f.Objects.EnvoyFilters = unread[[]unstructuredObject]() }),
		finds("KFT606", "leads to https, where the same", allSay(toHTTPS)),
		clears("KFT606", Passed),
		clears("KFT606", Passed, plainOnly, allSay(toHTTPS)),
		finds("KFT607", "refuses the size", allSay(tooLarge)),
		clears("KFT607", Passed),
		finds("KFT608", "neither Kubeflow nor its login", allSay(welcome)),
		clears("KFT608", Passed),
		finds("KFT990", "no known cause explains it", seen(Loop)),
		finds("KFT990", "what decides may not be read: KFT303", seen(HandshakeCut), func(f *Facts) {
			f.before = []outcome{{check: checkOf("KFT303"), result: Result{Status: Unknown, Detail: "it is forbidden"}}}
		}),
		clears("KFT990", Skipped),
		clears("KFT990", Skipped, seen(HandshakeCut), func(f *Facts) {
			check := checkOf("KFT303")
			f.before = []outcome{{check: check, result: Result{Status: Found, Finding: &Finding{Severity: Error, check: &check}}}}
		}),
	}
}

func checkOf(code string) Check {
	for _, c := range Checks() {
		if c.Code == code {
			return c
		}
	}
	return Check{}
}

func loginExamples() []example {
	open := allSay(dashboard)
	noPolicies := func(f *Facts) { f.Objects.Policies.Value = nil }
	noLogin := func(f *Facts) {
		noPolicies(f)
		f.Objects.Proxy, f.Objects.Dex = Part{}, Part{}
		delete(f.Roads[0].Answers, dexPath)
		says(dexPath, noRoute)(f)
	}
	issuer := func(name string) change {
		return func(f *Facts) {
			f.Objects.RequestAuthentications.Value = []unstructured.Unstructured{*requestAuthentication(name)}
		}
	}
	down := func(p func(*Objects) *Part) change {
		return func(f *Facts) { p(f.Objects).Pods.Value = nil }
	}
	proxy, dex := func(o *Objects) *Part { return &o.Proxy }, func(o *Objects) *Part { return &o.Dex }
	failsAgain := func(p func(*Objects) *Part) change {
		return func(f *Facts) {
			pods := &p(f.Objects).Pods
			pods.Value = append(pods.Value, *pods.Value[0].DeepCopy())
			another := pods.Value[len(pods.Value)-1:]
			unready(another)
			status := &another[0].Status.ContainerStatuses[0]
			status.RestartCount, status.State.Waiting.Reason = 3, "CrashLoopBackOff"
		}
	}
	asksDex := func(a *Answer) change {
		return func(f *Facts) {
			says("/dex/auth/local", a)(f)
			each(isAny, func(r *Road) { r.Dex = "/dex/auth/local" })(f)
		}
	}
	filter := func(name string) change {
		return func(f *Facts) { authService(f); f.Objects.EnvoyFilters.Value[0] = *envoyFilter(name) }
	}
	meshWith := func(before, after string) change {
		return func(f *Facts) {
			f.Objects.Mesh.Value.Data["mesh"] = strings.Replace(f.Objects.Mesh.Value.Data["mesh"], before, after, 1)
		}
	}
	meshWithout := func(text string) change { return meshWith(text, "") }
	authorizerSilent := allSay(emptyDenied)
	forbidden := func(f *Facts) {
		f.Objects.Policies, f.Objects.EnvoyFilters = unread[[]unstructuredObject](), unread[[]unstructuredObject]()
		f.Objects.RequestAuthentications, f.Objects.Mesh = unread[[]unstructuredObject](), unread[*corev1ConfigMap]()
	}
	return []example{
		finds("KFT701", "Kubeflow answers without a login", open),
		finds("KFT701", "this Kubeflow has no login", open, noLogin).as(Info),
		finds("KFT701", "Kubeflow answers without a login on the tunnel to istio-system/gateway-a:8080", each(func(r *Road) bool { return !r.TLS }, func(r *Road) {
			r.Answers[frontPath], r.Answers[healthPath] = dashboard, answer(200, "application/json", pipelinesHealth)
		})),
		finds("KFT701", "the pipelines want one", says(frontPath, dashboard)).as(Info),
		clears("KFT701", Passed),
		finds("KFT702", "requests need a session").as(Info),
		finds("KFT702", "requests need a session", func(f *Facts) { f.Aim.Expect = ExpectPipelines }),
		finds("KFT702", "requests need a session", to(far), func(f *Facts) { f.Aim.Expect = ExpectCookie }),
		clears("KFT702", Skipped, given([]string{"oauth2_proxy_kubeflow"}, answer(200, "application/json", pipelinesHealth))),
		clears("KFT702", Passed, open),
		finds("KFT703", "no pod of oauth2-proxy/oauth2-proxy takes traffic", down(proxy)),
		finds("KFT703", "no pod of istio-system/authservice takes traffic", authService, down(proxy)),
		finds("KFT703", "no pod of oauth2-proxy/oauth2-proxy takes traffic", func(f *Facts) { unready(f.Objects.Proxy.Pods.Value) }),
		finds("KFT703", "selects none of the pods", authorizerSilent, func(f *Facts) { f.Objects.Proxy.Service.Value.Spec.Selector = nil }),
		finds("KFT703", "leads to port 8080, which no container", authorizerSilent, func(f *Facts) {
			f.Objects.Proxy.Pods.Value[0].Spec.Containers = []corev1.Container{{Ports: []corev1.ContainerPort{{ContainerPort: 4180}}}}
		}),
		clears("KFT703", Passed, authorizerSilent, func(f *Facts) {
			f.Objects.Proxy.Pods.Value[0].Spec.Containers = []corev1.Container{{Ports: []corev1.ContainerPort{{ContainerPort: 8080}}}}
		}),
		finds("KFT703", "ends again and again", authorizerSilent, failsAgain(proxy)),
		clears("KFT703", Passed, failsAgain(proxy)),
		clears("KFT703", Passed),
		clears("KFT703", Skipped, noPolicies),
		clears("KFT703", Unknown, func(f *Facts) { f.Objects.Proxy.Pods = unread[[]corev1Pod]() }),
		finds("KFT704", "no Service oauth2-proxy/oauth2-proxy", func(f *Facts) { f.Objects.Proxy.Service = absent[*corev1Service]("oauth2-proxy") }),
		clears("KFT704", Passed),
		clears("KFT704", Skipped, noPolicies),
		clears("KFT704", Unknown, func(f *Facts) { f.Objects.Proxy.Service = unread[*corev1Service]() }),
		finds("KFT705", "no pod of auth/dex takes traffic", down(dex)),
		clears("KFT705", Passed),
		clears("KFT705", Skipped, func(f *Facts) { f.Objects.Dex = Part{} }),
		finds("KFT706", "ConfigMap auth/dex changed after dex was started", func(f *Facts) {
			f.Objects.Login.Stale = []Stale{{Part: "dex", Object: "ConfigMap auth/dex", Changed: now, Pod: now.Add(-time.Hour)}}
		}).as(Warning),
		clears("KFT706", Passed),
		finds("KFT707", "its redirect URI is not registered", asksDex(answer(400, "text/html", `Unregistered redirect_uri ("/oauth2/callback").`))),
		clears("KFT707", Passed, asksDex(answer(302, "", "", "Location", "/oauth2/callback?error=invalid_scope"))),
		clears("KFT707", Skipped),
		finds("KFT708", "Dex does not know the client", asksDex(answer(404, "text/html", "Invalid client_id."))),
		clears("KFT708", Passed, asksDex(answer(302, "", "", "Location", "/oauth2/callback?error=invalid_scope"))),
		clears("KFT708", Skipped),
		finds("KFT709", "is not the one in Dex's", func(f *Facts) { f.Objects.Login.SameSecret = ok(false) }),
		finds("KFT709", "white space at an end", func(f *Facts) { f.Objects.Login.SameSecret, f.Objects.Login.SpaceDiffers = ok(false), true }),
		clears("KFT709", Passed),
		clears("KFT709", Unknown, func(f *Facts) { f.Objects.Login.SameSecret = unread[bool]() }),
		finds("KFT721", "is Service oauth2-proxy/oauth2-proxy with port 81", func(f *Facts) { f.Objects.Proxy.Service.Value.Spec.Ports[0].Port = 81 }),
		finds("KFT721", "asks oauth2-proxy.oauth2-proxy.svc.cluster.local:0", meshWithout("    port: 80\n")),
		finds("KFT721", "asks oauth2-proxi.oauth2-proxy.svc.cluster.local:80", meshWith("service: oauth2-proxy.", "service: oauth2-proxi.")),
		clears("KFT721", Passed, meshWith("service: oauth2-proxy.oauth2-proxy.", "service: proxy.elsewhere.")),
		finds("KFT721", "no cookie in includeRequestHeadersInCheck", meshWithout(", cookie")),
		finds("KFT721", "no authorization in headersToUpstreamOnAllow", meshWithout("authorization, path")),
		clears("KFT721", Passed),
		clears("KFT721", Passed, meshWithout("authorization, path"), func(f *Facts) { f.Objects.RequestAuthentications.Value = nil }),
		clears("KFT721", Skipped, func(f *Facts) { f.Objects.Mesh = ok(mesh("other")) }),
		clears("KFT721", Unknown, func(f *Facts) { f.Objects.Mesh = unread[*corev1ConfigMap]() }),
		finds("KFT722", "do not say provider", func(f *Facts) { f.Objects.Login.Proxy.Value.Provider = "" }).as(Warning),
		finds("KFT722", "do not say set_authorization_header", func(f *Facts) { f.Objects.Login.Proxy.Value.HandsOnToken = false }).as(Warning),
		clears("KFT722", Passed),
		clears("KFT722", Passed, func(f *Facts) {
			f.Objects.Login.Proxy.Value = ProxySettings{}
			f.Objects.Proxy.Pods.Value[0].Spec.Containers = []corev1.Container{{
				Args: []string{"--provider=oidc"}, Env: []corev1.EnvVar{{Name: "OAUTH2_PROXY_SET_AUTHORIZATION_HEADER", Value: "true"}},
			}}
		}),
		clears("KFT722", Skipped, func(f *Facts) { f.Objects.Proxy = Part{} }),
		clears("KFT722", Unknown, func(f *Facts) { f.Objects.Login.Proxy = unread[ProxySettings]() }),
		finds("KFT720", "without it they do not start", func(f *Facts) { f.Objects.Login.Missing = []Missing{{"dex", "Secret auth/dex-passwords"}} }),
		clears("KFT720", Passed),
		clears("KFT720", Unknown, func(f *Facts) { f.Objects.Login.SameSecret = unread[bool]() }),
		finds("KFT719", "no user of its own", func(f *Facts) { f.Objects.Login.Dex.Value.Users = 0 }),
		finds("KFT719", "switched off", func(f *Facts) { f.Objects.Login.Dex.Value.PasswordDB = false }),
		clears("KFT719", Passed),
		clears("KFT719", Passed, func(f *Facts) {
			f.Objects.Login.Dex.Value.Users, f.Objects.Login.Dex.Value.Connectors = 0, []string{"github"}
		}),
		clears("KFT719", Skipped, func(f *Facts) { f.Objects.Dex = Part{} }),
		clears("KFT719", Unknown, func(f *Facts) { f.Objects.Login.Dex = unread[DexSettings]() }),
		finds("KFT710", "oauth2-proxy expects the issuer https://dex.example.com", func(f *Facts) { f.Objects.Login.Proxy.Value.Issuer = "https://dex.example.com" }),
		finds("KFT710", "the gateway expects tokens of https://dex.example.com", issuer("https://dex.example.com")),
		clears("KFT710", Passed),
		clears("KFT710", Passed, issuer("https://kubernetes.default.svc")),
		clears("KFT710", Unknown, forbidden),
		finds("KFT711", "the gateway refuses the token", allSay(badKeys)),
		clears("KFT711", Passed),
		finds("KFT712", "no RequestAuthentication takes tokens of", func(f *Facts) { f.Objects.RequestAuthentications.Value = nil }),
		clears("KFT712", Passed),
		clears("KFT712", Skipped, noPolicies),
		clears("KFT712", Unknown, forbidden),
		finds("KFT714", "the password of user@example.com", func(f *Facts) { f.Objects.Login.ShippedPassword = ok(true) }),
		finds("KFT714", "the secret that sessions are signed with", func(f *Facts) { f.Objects.Login.ShippedCookieSecret = ok(true) }),
		clears("KFT714", Passed),
		clears("KFT714", Unknown, func(f *Facts) { f.Objects.Login.ShippedPassword = unread[bool]() }),
		finds("KFT715", "matches envoy.http_connection_manager", filter(filterOfOld)),
		clears("KFT715", Passed, filter(filterOfToday)),
		clears("KFT715", Passed),
		clears("KFT715", Unknown, forbidden),
		finds("KFT716", "guards port 8080 alone", func(f *Facts) {
			f.Objects.Policies.Value[0] = *policy("istio-ingressgateway-oauth2-proxy", "CUSTOM", map[string]any{"ports": []any{"8080"}})
		}),
		clears("KFT716", Passed),
		clears("KFT716", Unknown, forbidden),
		finds("KFT717", "sends requests to oauth2-proxy: the login guards nothing", noPolicies),
		finds("KFT717", "no EnvoyFilter asks the AuthService", authService, func(f *Facts) { f.Objects.EnvoyFilters.Value = nil }),
		clears("KFT717", Passed),
		clears("KFT717", Passed, authService),
		clears("KFT717", Skipped, func(f *Facts) { f.Objects.Proxy = Part{} }),
		clears("KFT717", Unknown, forbidden),
		finds("KFT717", "nobody can log in", allSay(rbacDenied), func(f *Facts) { f.Objects.Policies.Value = f.Objects.Policies.Value[1:] }).as(Error),
		finds("KFT718", `names the provider "oauth2-proxy"`, func(f *Facts) { f.Objects.Mesh = ok(mesh("other")) }),
		clears("KFT718", Passed),
		clears("KFT718", Skipped, noPolicies),
		finds("KFT718", "has no settings", allSay(rbacDenied), func(f *Facts) { f.Objects.Mesh = absent[*corev1ConfigMap]("configmaps") }),
		clears("KFT718", Skipped, func(f *Facts) { f.Objects.Mesh = absent[*corev1ConfigMap]("configmaps") }),
		clears("KFT718", Unknown, func(f *Facts) { f.Objects.Mesh = unread[*corev1ConfigMap]() }),
	}
}

func sessionExamples() []example {
	whole, old := []string{"oauth2_proxy_kubeflow"}, []string{"authservice_session"}
	well := answer(200, "application/json", pipelinesHealth)
	refused := answer(401, "application/json", "{}", "Set-Cookie", "oauth2_proxy_kubeflow=; Path=/; Max-Age=0; HttpOnly")
	unknownPath := answer(404, "text/html", "Cannot GET /pipeline/apis/v2beta1/healthz")
	oldHealth := func(a *Answer) change { return func(f *Facts) { f.Session.OldHealth = a } }
	unsent := func(f *Facts) { f.Session.Via, f.Session.NotSent = nil, "the certificate is not trusted" }
	withoutPipelines := func(f *Facts) { f.Objects.VirtualServices.Value = f.Objects.VirtualServices.Value[:3] }
	var list []example
	for code, skip := range map[string]Status{"KFT801": Skipped, "KFT802": Skipped, "KFT803": Skipped, "KFT804": Skipped, "KFT805": Skipped, "KFT902": Skipped, "KFT903": Skipped} {
		list = append(list, clears(code, skip), clears(code, skip, given(whole, well), unsent), clears(code, Passed, given(whole, well)))
	}
	return append(list,
		finds("KFT801", "does not accept the session", given(whole, refused)),
		finds("KFT802", "a whole cookie stands beside parts", given([]string{"oauth2_proxy_kubeflow", "oauth2_proxy_kubeflow_0"}, refused)),
		finds("KFT802", "a part between", given([]string{"oauth2_proxy_kubeflow_0", "oauth2_proxy_kubeflow_2"}, refused)),
		finds("KFT802", "one part alone", given([]string{"oauth2_proxy_kubeflow_0"}, refused)),
		clears("KFT802", Passed, given([]string{"oauth2_proxy_kubeflow_1", "oauth2_proxy_kubeflow_0"}, refused)),
		clears("KFT802", Passed, given(whole, refused)),
		finds("KFT803", "Jwt is expired", given(whole, answer(401, "text/plain", "Jwt is expired", byEnvoy...))),
		finds("KFT804", "the cookie is one of", given(old, refused)),
		finds("KFT804", "the cookie is one of", authService, given(whole, answer(302, "", "", "Location", "/dex/auth?client_id=x"))),
		clears("KFT804", Passed, given(whole, refused)),
		finds("KFT805", "denies the session's user", given(whole, rbacDenied)),
		clears("KFT805", Skipped, allSay(rbacDenied), given(whole, rbacDenied)), // so is everybody
		finds("KFT901", "does not answer behind the login", given(whole, noHealthy)),
		finds("KFT901", "does not answer behind the login", given(whole, upstream), scaledToNothing(thePipelines)),
		finds("KFT901", "no pod of kubeflow/ml-pipeline", func(f *Facts) {
			f.Aim.Expect = ExpectPipelines
			scaledToNothing(thePipelines)(f)
		}),
		clears("KFT901", Passed, given(whole, well)),
		finds("KFT904", "see no user", func(f *Facts) {
			rules, _, _ := unstructured.NestedSlice(f.Objects.RequestAuthentications.Value[0].Object, "spec", "jwtRules")
			delete(rules[0].(map[string]any), "outputClaimToHeaders")
			_ = unstructured.SetNestedSlice(f.Objects.RequestAuthentications.Value[0].Object, rules, "spec", "jwtRules")
		}),
		clears("KFT904", Passed),
		finds("KFT713", "had not verified", func(f *Facts) {
			f.LoginLog = ok(pasted.Read([]byte(`email in id_token (user@example.com) isn't verified`)).Meanings)
		}),
		clears("KFT713", Passed, func(f *Facts) { f.LoginLog = ok[[]pasted.Meaning](nil) }),
		finds("KFT906", "two people", given(whole, well), as("user@example.com"), owners("User@example.com")),
		clears("KFT906", Passed, given(whole, well), as("user@example.com"), owners("user@example.com", "other@example.com")),
		finds("KFT905", "no profile is owned", given(whole, well), as("user@example.com"), owners("other@example.com")),
		clears("KFT905", Passed, given(whole, well), as("user@example.com"), owners("user@example.com")),
		clears("KFT905", Skipped, given(whole, well), as("user@example.com"), func(f *Facts) { f.Objects.Profiles = absent[[]string]("profiles") }),
		finds("KFT902", "know no v2beta1", given(whole, unknownPath), oldHealth(answer(200, "application/json", pipelinesHealth))),
		clears("KFT902", Passed, given(whole, unknownPath), oldHealth(unknownPath)), // the dashboard takes what nobody else does
		clears("KFT902", Passed, given(whole, unknownPath), oldHealth(dashboard)),
		finds("KFT903", "something else than it should", given(whole, dashboard)),
		finds("KFT321", "no VirtualService routes /pipeline to the pipelines", given(whole, unknownPath), oldHealth(unknownPath), withoutPipelines),
		clears("KFT321", Passed, given(whole, unknownPath), oldHealth(unknownPath)),
		clears("KFT321", Passed, given(whole, well), withoutPipelines), // something leads there all the same
	)
}
