package diagnose

import (
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kftls/kubectl-kftls/internal/testutil"
	"github.com/kftls/kubectl-kftls/pkg/fault"
)

// viewer may look at objects, and neither read Secrets nor open tunnels.
func viewer(f *Facts) {
	each(isAny, dialled(fault.New(fault.Forbidden, "", "pods/portforward is forbidden")))(f)
	f.Objects.MayForward, f.Objects.GatewayReadsSecrets = ok(false), unread[bool]()
	for name := range f.Objects.Secrets {
		f.Objects.Secrets[name] = unread[*SecretFacts]()
	}
	l := &f.Objects.Login
	l.SameID, l.SameSecret, l.ShippedPassword, l.ShippedCookieSecret = unread[bool](), unread[bool](), unread[bool](), unread[bool]()
}

func expect(e Expectation) change { return func(f *Facts) { f.Aim.Expect = e } }

func cookies(names ...string) change {
	return func(f *Facts) {
		f.Aim = Aim{Host: "localhost", HasSession: true}
		f.Computer.CookieFile, f.Computer.CookieNames = "cookies.txt", names
		f.Session = &SessionFacts{Names: names, NotSent: "no connection"}
	}
}

// withRoutes replaces the dashboard's VirtualService.
func withRoutes(list ...*unstructured.Unstructured) change {
	return func(f *Facts) {
		f.Objects.VirtualServices.Value = f.Objects.VirtualServices.Value[1:]
		for _, v := range list {
			f.Objects.VirtualServices.Value = append(f.Objects.VirtualServices.Value, *v)
		}
	}
}

// toDashboard is the route of Kubeflow's dashboard, with a destination, as
// Kubeflow's manifests have it.
func toDashboard(host string) *unstructured.Unstructured {
	return spec(testutil.VirtualService("kubeflow", "centraldashboard", "kubeflow/kubeflow-gateway", "/"), []any{map[string]any{
		"match": []any{map[string]any{"uri": map[string]any{"prefix": "/"}}},
		"route": []any{map[string]any{"destination": map[string]any{"host": host}}},
	}}, "http")
}

const dashboardHost = "centraldashboard.kubeflow.svc.cluster.local"

func policies(list ...*unstructured.Unstructured) change {
	return func(f *Facts) {
		f.Objects.Policies.Value = nil
		for _, p := range list {
			f.Objects.Policies.Value = append(f.Objects.Policies.Value, *p)
		}
	}
}

// passing is Kubeflow's policy, which sends requests with a header past the login.
func passing(ports ...any) *unstructured.Unstructured {
	p := policy("istio-ingressgateway-oauth2-proxy", "CUSTOM", map[string]any{"ports": ports})
	rules, _, _ := unstructured.NestedSlice(p.Object, "spec", "rules")
	rules[0].(map[string]any)["when"] = []any{map[string]any{"key": "request.headers[authorization]", "notValues": []any{"*"}}}
	return spec(p, rules, "rules")
}

func deny(ports ...any) *unstructured.Unstructured {
	return policy("istio-ingressgateway-require-jwt", "DENY", map[string]any{"ports": ports})
}

func scaledToNothing(p func(*Objects) *Part) change {
	return func(f *Facts) {
		part := p(f.Objects)
		part.Pods = ok([]corev1Pod{})
		part.Workload = &Workload{Kind: "deployment", Namespace: part.Namespace, Name: part.Name}
	}
}

func theProxy(o *Objects) *Part     { return &o.Proxy }
func theDex(o *Objects) *Part       { return &o.Dex }
func thePipelines(o *Objects) *Part { return &o.Pipelines }

// leadsWhere lets a port of the Service lead where another one does, or to a port of
// the pods that none leads to.
func leadsWhere(port, other int32) change {
	return func(f *Facts) {
		ports := f.Objects.Ingress.Value.Object.Spec.Ports
		target := intstr.FromInt32(other)
		for _, p := range ports {
			if p.Port == other {
				target = p.TargetPort
			}
		}
		for i := range ports {
			if ports[i].Port == port {
				ports[i].TargetPort = target
			}
		}
	}
}

// TestObjectsSpeakWhereNothingWasSeen: what objects prove comes first, as likely, and
// the missing right is told beside it.
func TestObjectsSpeakWhereNothingWasSeen(t *testing.T) {
	notSetUp := func(f *Facts) { f.Objects.CA = absent[*corev1ConfigMap]("kftls-ca") }
	leads := withRoutes(toDashboard(dashboardHost))
	for name, tc := range map[string]struct {
		code string
		with []change
	}{
		"HTTPS was never set up":                 {"KFT301", []change{https(), notSetUp}},
		"the server is gone":                     {"KFT302", []change{https()}},
		"the Secret is missing, and may be read": {"KFT303", []change{func(f *Facts) { f.Objects.Secrets[ourSecret] = absent[*SecretFacts]("kftls-gateway") }}},
		"the Secret's key is another one's":      {"KFT309", []change{secret(map[string][]byte{"tls.crt": ourLeaf.pem(), "tls.key": ourCA.keyPEM()})}},
		"a Secret of another namespace":          {"KFT305", []change{https(ours(tlsField("credentialName", "kubeflow/cert")))}},
		"an older Gateway with HTTPS":            {"KFT310", []change{gateways(ourGateway(ours()), otherGateway(48*time.Hour))}},
		"plain HTTP comes first on the port":     {"KFT311", []change{https(testutil.HTTP("http-443", 443, "*"), ours())}},
		"mutual TLS":                             {"KFT312", []change{https(ours(tlsField("mode", "MUTUAL")))}},
		"TLS is passed through":                  {"KFT312", []change{https(ours(tlsField("mode", "PASSTHROUGH")))}},
		"another host":                           {"KFT313", []change{https(ours(hosts("kubeflow.example.com")))}},
		"the selector":                           {"KFT314", []change{gateways(spec(ourGateway(ours()), map[string]any{"istio": "other"}, "selector"))}},
		"a port of the Service for both":         {"KFT316", []change{leadsWhere(443, 80)}},
		"another plain host":                     {"KFT325", []change{expect(ExpectHTTP), gateways(aged(testutil.Gateway("kubeflow", "kubeflow-gateway", testutil.HTTP("http", 80, "kubeflow.example.com")), time.Hour))}},
		"the dashboard has no route":             {"KFT321", []change{expect(ExpectNothing), func(f *Facts) { f.Objects.VirtualServices.Value = f.Objects.VirtualServices.Value[1:] }}},
		"the dashboard has another Gateway":      {"KFT321", []change{expect(ExpectNothing), withRoutes(spec(toDashboard(dashboardHost), []any{"kubeflow/other"}, "gateways"))}},
		"the auth proxy is down":                 {"KFT703", []change{expect(ExpectNothing), scaledToNothing(theProxy)}},
		"the auth proxy is not ready":            {"KFT703", []change{func(f *Facts) { unready(f.Objects.Proxy.Pods.Value) }}},
		"the auth proxy has no Service":          {"KFT704", []change{expect(ExpectNothing), func(f *Facts) { f.Objects.Proxy.Service = absent[*corev1Service]("oauth2-proxy") }}},
		"Dex is down":                            {"KFT705", []change{expect(ExpectCookie), scaledToNothing(theDex)}},
		"the issuers differ":                     {"KFT710", []change{expect(ExpectNothing), func(f *Facts) { f.Objects.Login.Proxy.Value.Issuer = "https://dex.example.com" }}},
		"the login guards another port":          {"KFT716", []change{leads, policies(passing("8080"), deny("8080"))}},
		"the login's policies are gone":          {"KFT717", []change{expect(ExpectNothing), leads, policies()}},
		"a header opens the door":                {"KFT717", []change{expect(ExpectNothing), leads, policies(passing())}},
		"the AuthService is asked by nobody":     {"KFT717", []change{expect(ExpectNothing), leads, authService, viewer, func(f *Facts) { f.Objects.EnvoyFilters.Value = nil }}},
		"the mesh does not know the provider":    {"KFT718", []change{expect(ExpectNothing), func(f *Facts) { f.Objects.Mesh = ok(mesh("other")) }}},
		"the pipelines are down":                 {"KFT901", []change{expect(ExpectPipelines), scaledToNothing(thePipelines)}},
		"the pages of the pipelines are down":    {"KFT901", []change{expect(ExpectPipelines), scaledToNothing(func(o *Objects) *Part { return &o.PipelinesUI })}},
		"a redirect URI that Dex does not know":  {"KFT707", []change{expect(ExpectCookie), func(f *Facts) { f.Objects.Login.Dex.Value.RedirectURIs = []string{"/authservice/oidc/callback"} }}},
		"a file without a session":               {"KFT113", []change{cookies("_ga")}},
		"a part of a session":                    {"KFT802", []change{cookies("oauth2_proxy_kubeflow_0")}},
		"a whole cookie beside parts":            {"KFT802", []change{cookies("oauth2_proxy_kubeflow", "oauth2_proxy_kubeflow_0", "oauth2_proxy_kubeflow_1")}},
		"a session of another auth proxy":        {"KFT804", []change{cookies("authservice_session")}},
	} {
		t.Run(name, func(t *testing.T) {
			got := diagnosed(slices.Concat([]change{viewer}, tc.with)...)
			if len(got.Findings) == 0 || got.Findings[0].Code != tc.code {
				t.Fatalf("found %v, want %s first", codesOf(got.Findings), tc.code)
			}
			if x := got.Findings[0]; x.Confidence != Likely && x.Code != "KFT113" || !x.Severity.AtLeast(Error) || len(x.Symptoms) == 0 {
				t.Errorf("%s, %s, %v", x.Confidence, x.Severity, x.Symptoms)
			}
			if !slices.Contains(codesOf(got.Findings), "KFT204") {
				t.Errorf("the missing right is not told beside it: %v", codesOf(got.Findings))
			}
		})
	}
}

// TestOdditiesDoNotSpeak: what may be harmless on the wire does not come first where
// nobody looked.
func TestOdditiesDoNotSpeak(t *testing.T) {
	leads := withRoutes(toDashboard(dashboardHost))
	tlsRoute := spec(testutil.VirtualService("x", "passed", "kubeflow/kubeflow-gateway", "/x/"), []any{map[string]any{"match": []any{}}}, "tls")
	pattern := spec(testutil.VirtualService("kubeflow", "own", "kubeflow/kubeflow-gateway", "/"), []any{map[string]any{
		"match": []any{map[string]any{"uri": map[string]any{"regex": "/.*"}}},
	}}, "http")
	canary := func(f *Facts) { f.Objects.Pods.Value[2].Labels["istio.io/rev"] = "canary" }
	for name, with := range map[string][]change{
		"all is well":                        nil,
		"nobody wants HTTPS":                 {expect(ExpectHTTP), https(ours(hosts("kubeflow.example.com")))},
		"an older Gateway for other hosts":   {gateways(ourGateway(ours()), aged(testutil.Gateway("default", "other", testutil.HTTPS("https", 443, "other", "shop.example.com")), 48*time.Hour))},
		"HTTPS comes first on the port":      {https(ours(), testutil.HTTP("http-443", 443, "*"))},
		"TLS is passed through to a program": {https(ours(tlsField("mode", "PASSTHROUGH"))), withRoutes(toDashboard(dashboardHost), tlsRoute)},
		"a target port of its own":           {leadsWhere(443, 9443)},
		"a route by a pattern":               {expect(ExpectNothing), withRoutes(pattern)},
		"Dex's route takes every path": {expect(ExpectNothing), func(f *Facts) {
			f.Objects.VirtualServices.Value[1] = *testutil.VirtualService("auth", "dex", "kubeflow/kubeflow-gateway", "/")
		}},
		"istiod is down":                       {func(f *Facts) { unready(f.Objects.Pods.Value[2:]) }},
		"pods of the auth proxy of own labels": {expect(ExpectNothing), func(f *Facts) { f.Objects.Proxy.Pods = ok([]corev1Pod{}) }},
		"another program is the auth proxy":    {expect(ExpectNothing), scaledToNothing(theProxy), func(f *Facts) { f.Objects.Proxy.Name = "proxy" }},
		"no Dex, and people come from GitHub": {expect(ExpectCookie), scaledToNothing(theDex), func(f *Facts) {
			f.Objects.Login.Proxy.Value.Issuer, f.Objects.Login.Dex = "https://login.example.com", unread[DexSettings]()
		}},
		"Dex is down, and HTTPS is asked for":   {scaledToNothing(theDex)},
		"the settings of another istiod":        {expect(ExpectNothing), canary, func(f *Facts) { f.Objects.Mesh = ok(mesh("other")) }},
		"policies of a port, and HTTP is asked": {expect(ExpectHTTP), leads, policies(passing("8080"), deny("8080"))},
		"a policy for another port":             {leads, func(f *Facts) { f.Objects.Policies.Value = append(f.Objects.Policies.Value, *deny("15021")) }},
		"a proxy in front of the dashboard":     {expect(ExpectNothing), policies(), withRoutes(toDashboard("oauth2-proxy.oauth2-proxy.svc.cluster.local"))},
		"a guard of somebody's own": {expect(ExpectNothing), leads, policies(passing(), spec(policy("own", "ALLOW", nil), []any{map[string]any{
			"from": []any{map[string]any{"source": map[string]any{"requestPrincipals": []any{"*"}}}},
		}}, "rules"))},
		"an old filter, of which istiod may know": {expect(ExpectNothing), authService, viewer, func(f *Facts) {
			f.Objects.EnvoyFilters.Value = []unstructured.Unstructured{*envoyFilter(filterOfOld)}
		}},
		"a redirect URI with a host": {expect(ExpectCookie), func(f *Facts) {
			f.Objects.Login.Dex.Value.RedirectURIs = []string{"https://kubeflow.example.com/oauth2/callback"}
		}},
		"Dex was not restarted after a new redirect URI": {expect(ExpectCookie), func(f *Facts) {
			f.Objects.Login.Dex.Value.RedirectURIs = []string{"/other"}
			f.Objects.Login.Stale = []Stale{{Part: "dex", Object: "ConfigMap auth/dex", Changed: now, Pod: now.Add(-time.Hour)}}
		}},
		"a whole session":                 {cookies("oauth2_proxy_kubeflow")},
		"a session in parts":              {cookies("oauth2_proxy_kubeflow_0", "oauth2_proxy_kubeflow_1")},
		"a session under its own name":    {cookies("own"), func(f *Facts) { f.Objects.Login.Proxy.Value.CookieName = "own" }},
		"settings that may not be read":   {cookies("own"), func(f *Facts) { f.Objects.Login.Proxy = unread[ProxySettings]() }},
		"the pipelines are not asked for": {expect(ExpectHTTPS), scaledToNothing(thePipelines)},
	} {
		t.Run(name, func(t *testing.T) {
			got := diagnosed(slices.Concat([]change{viewer}, with)...)
			if len(got.Findings) == 0 || got.Findings[0].Code != "KFT204" {
				t.Fatalf("found %v, want KFT204 first", codesOf(got.Findings))
			}
			if got.Findings[0].Fix.Commands[0] != "kubectl kftls diagnose"+(&Facts{Aim: Aim{Expect: got.Expect}}).flags() {
				t.Errorf("an admin is told %v", got.Findings[0].Fix.Commands)
			}
		})
	}
}

// TestCandidates: where a Secret decides, the causes that it would tell apart are
// listed, and nothing of the wire has passed.
func TestCandidates(t *testing.T) {
	got := diagnosed(viewer)
	var listed []string
	for _, e := range got.Findings[0].Evidence {
		if e.Source == "possible" {
			listed = append(listed, e.Field+" "+e.Value)
		}
	}
	for _, want := range []string{"KFT303 the Secret that the HTTPS server names does not exist", "KFT309 "} {
		if !slices.ContainsFunc(listed, func(s string) bool { return strings.HasPrefix(s, want) }) {
			t.Errorf("%s is not among %v", want, listed)
		}
	}
	for _, c := range got.Checks {
		if c.Status == Passed && slices.Contains([]Layer{LayerTunnel, LayerTLS, LayerHTTP, LayerSession}, c.Layer) {
			t.Errorf("%s has passed (%s), and nobody looked", c.Code, c.Detail)
		}
	}
}

func TestAskedService(t *testing.T) {
	for text, want := range map[string]string{
		mesh("other", "own").Data["mesh"]: "oauth2-proxy.oauth2-proxy.svc.cluster.local",
		"extensionProviders: [{name: own, envoyExtAuthzGrpc: {service: own.auth.svc.cluster.local, port: 9000}}]": "own.auth.svc.cluster.local",
		mesh("other").Data["mesh"]:          "",
		"extensionProviders: {}":            "",
		"extensionProviders: [{name: own}]": "",
		"\tno YAML":                         "",
	} {
		if got := askedService(text, "own"); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// diagnosed is the diagnosis of a Kubeflow with changes.
func diagnosed(with ...change) *Diagnosis {
	f := healthy(with...)
	_, outcomes := f.judged()
	return newDiagnosis(f, outcomes, time.Second)
}

func codesOf(list []Finding) []string {
	codes := make([]string, 0, len(list))
	for _, x := range list {
		codes = append(codes, x.Code)
	}
	return codes
}
