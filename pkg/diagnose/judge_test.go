package diagnose

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kftls/kubectl-kftls/internal/testutil"
	"github.com/kftls/kubectl-kftls/pkg/fault"
)

// found1 is a finding of a made-up check.
func found1(code string, s Severity, causes ...Symptom) outcome {
	check := Check{Code: code, Severity: s, Causes: causes}
	return outcome{check, Result{Status: Found, Finding: &Finding{Code: code, Severity: s, Confidence: Certain, check: &check}}}
}

func with(o outcome, change func(*Finding)) outcome {
	change(o.result.Finding)
	return o
}

func inTheWay(symptoms ...Symptom) []Sighting {
	list := make([]Sighting, 0, len(symptoms))
	for _, s := range symptoms {
		list = append(list, Sighting{Symptom: s, Failure: true})
	}
	return list
}

// told is what a judgement says, in short.
type told struct {
	Findings []string // code and severity, and what follows
	Noticed  []string
}

func tell(j judged) told {
	var t told
	for _, f := range j.findings {
		t.Findings = append(t.Findings, f.Code+" "+string(f.Severity))
		for _, code := range f.Follows {
			t.Findings = append(t.Findings, "  "+code)
		}
	}
	for _, f := range j.alsoNoticed {
		t.Noticed = append(t.Noticed, f.Code+" "+string(f.Severity))
	}
	return t
}

func TestJudge(t *testing.T) {
	for name, tc := range map[string]struct {
		outcomes []outcome
		seen     []Sighting
		want     told
	}{
		"nothing": {},
		"the first failure on the road decides, not the order of the checks": {
			[]outcome{found1("A", Error, DexDown), found1("B", Error, PortRefused)},
			inTheWay(PortRefused, DexDown),
			told{Findings: []string{"B error", "A error"}},
		},
		"of two that explain the same the earlier check counts, and the other follows": {
			[]outcome{found1("A", Error, HandshakeCut, NoAnswer), found1("B", Error, HandshakeCut)},
			inTheWay(HandshakeCut),
			told{Findings: []string{"A error", "  B"}},
		},
		"the surer one counts before the earlier one": {
			[]outcome{with(found1("A", Error, HandshakeCut), probably), found1("B", Error, HandshakeCut)},
			inTheWay(HandshakeCut),
			told{Findings: []string{"B error", "  A"}},
		},
		"one that explains more does not follow": {
			[]outcome{found1("A", Error, HandshakeCut), found1("B", Error, HandshakeCut, Denied)},
			inTheWay(HandshakeCut, Denied),
			told{Findings: []string{"A error", "B error"}},
		},
		"two faults at once": {
			[]outcome{found1("A", Error, Expired), found1("B", Error, DexDown), found1("C", Error, DexDown, LoginBreaks)},
			inTheWay(Expired, DexDown),
			told{Findings: []string{"A error", "B error", "  C"}},
		},
		"critical first, wherever it was seen": {
			[]outcome{found1("A", Error, PortRefused), found1("B", Critical, StandsOpen)},
			inTheWay(PortRefused, StandsOpen),
			told{Findings: []string{"B critical", "A error"}},
		},
		"what explains nothing observed is noticed, and milder": {
			[]outcome{found1("A", Error, DexDown), found1("B", Critical, StandsOpen), found1("C", Warning), found1("D", Info), found1("E", Error, Denied)},
			inTheWay(Denied),
			told{Findings: []string{"E error"}, Noticed: []string{"A warning", "B warning", "C warning", "D info"}},
		},
		"where nothing is in the way, it is information": {
			[]outcome{found1("A", Error, DexDown), found1("C", Warning)},
			[]Sighting{{Symptom: NotLoggedIn}},
			told{Noticed: []string{"A info", "C info"}},
		},
		"information is never a finding": {
			[]outcome{found1("A", Info, NotLoggedIn)}, inTheWay(NotLoggedIn), told{Noticed: []string{"A info"}},
		},
		"a contradiction is an observation of its own, behind what was seen": {
			[]outcome{with(found1("A", Error, DexDown), itself(LoginBreaks)), found1("B", Error, Denied)},
			inTheWay(Denied),
			told{Findings: []string{"B error", "A error"}},
		},
		"what breaks the login comes before the advice to log in": {
			[]outcome{found1("A", Error, NotLoggedIn), with(found1("B", Error, LoginBreaks), func(f *Finding) { itself(LoginBreaks)(f); probably(f) })},
			inTheWay(NotLoggedIn),
			told{Findings: []string{"B error", "  A"}},
		},
		"a guess about the login does not": {
			[]outcome{found1("A", Error, NotLoggedIn), with(found1("B", Warning, LoginBreaks), itself(LoginBreaks))},
			inTheWay(NotLoggedIn),
			told{Findings: []string{"A error", "B warning"}},
		},
		"an instance may show itself otherwise than its check": {
			[]outcome{with(found1("A", Error, Denied), func(f *Finding) { f.causes = []Symptom{LoginBreaks} })},
			inTheWay(Denied),
			told{Noticed: []string{"A warning"}},
		},
		"what is seen and not in the way comes behind what is": {
			[]outcome{found1("A", Warning, Untrusted), found1("B", Error, Denied)},
			[]Sighting{{Symptom: Untrusted}, {Symptom: Denied, Failure: true}},
			told{Findings: []string{"B error", "A warning"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, tell(judge(tc.outcomes, tc.seen))); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// TestFirstCause: the headline over made-up Kubeflows, by the whole set of checks.
func TestFirstCause(t *testing.T) {
	gone := func(f *Facts) { f.Objects.Secrets[ourSecret] = absent[*SecretFacts]("kftls-gateway") }
	refusedInPod := each(isTLS, broken(Handshake{Err: errInPod}))
	expired := serves(below(ourCA, until(now.Add(-time.Hour))).chain()...)
	dexGone := func(f *Facts) { f.Objects.Dex.Pods.Value = nil; says(dexPath, upstream)(f) }
	wantsPipelines := func(f *Facts) { f.Aim.Expect = ExpectPipelines }
	for name, tc := range map[string]struct {
		with []change
		want []string // of the findings, in their order
	}{
		"nobody set HTTPS up":            {[]change{https(), refusedInPod, func(f *Facts) { f.Objects.CA = absent[*corev1ConfigMap]("x") }}, []string{"KFT301"}},
		"the server vanished":            {[]change{https(), refusedInPod}, []string{"KFT302"}},
		"a missing Secret":               {[]change{gone, cut}, []string{"KFT303"}},
		"a missing Secret, still served": {[]change{gone}, nil},
		"a wrong key":                    {[]change{secret(map[string][]byte{"tls.crt": ourLeaf.pem(), "tls.key": below(ourCA).keyPEM()}), cut}, []string{"KFT309"}},
		"hosts":                          {[]change{https(ours(hosts("kubeflow.example.com"))), cut}, []string{"KFT313"}},
		"an older rival":                 {[]change{gateways(ourGateway(ours()), otherGateway(48*time.Hour)), serves(below(newCA("other")).chain()...)}, []string{"KFT310"}},
		"a client certificate is wanted": {[]change{https(ours(tlsField("mode", "MUTUAL"))), each(isTLS, broken(Handshake{Err: errors.New("remote error: tls: certificate required"), WantsClient: true}))}, []string{"KFT515"}},
		"expired":                        {[]change{expired}, []string{"KFT507"}},
		"expired, and Dex is down":       {[]change{expired, dexGone, wantsPipelines}, []string{"KFT507", "KFT702", "KFT705"}},
		"no port-forward":                {[]change{to(local), each(isOwn, dialled(errRefused))}, []string{"KFT101"}},
		"a dead port-forward":            {[]change{to(local), each(isOwn, broken(Handshake{Err: errReset, Cut: true}))}, []string{"KFT107"}},
		"forwarded to the plain port": {[]change{to(local), each(isOwn, func(r *Road) {
			broken(Handshake{Err: errors.New("tls"), Plain: "HTTP/"})(r)
			r.plainServer = "istio-envoy"
		})}, []string{"KFT108"}},
		"not logged in":                  {[]change{wantsPipelines}, []string{"KFT702"}},
		"oauth2-proxy down":              {[]change{allSay(emptyDenied), says(proxyPath, upstream), func(f *Facts) { f.Objects.Proxy.Pods.Value = nil }}, []string{"KFT703"}},
		"the proxy's Service is gone":    {[]change{allSay(rbacDenied), func(f *Facts) { f.Objects.Proxy.Service = absent[*corev1Service]("x") }}, []string{"KFT704"}},
		"no route":                       {[]change{allSay(rbacDenied), func(f *Facts) { f.Objects.VirtualServices.Value = f.Objects.VirtualServices.Value[1:] }}, []string{"KFT321"}},
		"another host":                   {[]change{allSay(rbacDenied), func(f *Facts) { f.Objects.VirtualServices = unread[[]unstructuredObject]() }}, []string{"KFT601"}},
		"denied although routed":         {[]change{allSay(rbacDenied)}, []string{"KFT990"}},
		"stands open":                    {[]change{allSay(dashboard), func(f *Facts) { f.Objects.Policies.Value = nil }}, []string{"KFT717"}},
		"stands open, and a dead tunnel": {[]change{cut, allSay(dashboard), func(f *Facts) { f.Objects.Policies.Value = nil; cut(f) }}, []string{"KFT717", "KFT516"}},
		"the old filter":                 {[]change{authService, allSay(dashboard), func(f *Facts) { f.Objects.EnvoyFilters.Value = []unstructured.Unstructured{*envoyFilter(filterOfOld)} }}, []string{"KFT715"}},
		"the session has ended":          {[]change{given([]string{"oauth2_proxy_kubeflow"}, answer(401, "application/json", "{}"))}, []string{"KFT801"}},
		"the pipelines are down":         {[]change{given([]string{"oauth2_proxy_kubeflow"}, noHealthy)}, []string{"KFT901"}},
		"no kubeconfig": {[]change{func(f *Facts) {
			f.Access = Access{Err: fault.New(fault.Usage, "", "no"), Wanted: true}
			f.Objects, f.Roads = nil, nil
		}}, []string{"KFT201"}},
		"no Istio": {[]change{func(f *Facts) {
			f.Objects.Istio = ok([]string{})
			f.Objects.Ingress = absent[*ingressService]("x")
			f.Roads = nil
		}, gateways()}, []string{"KFT206"}},
		"no pods": {[]change{func(f *Facts) {
			f.Objects.Ingress.Value.Pods = nil
			f.Objects.Pods.Value = f.Objects.Pods.Value[2:]
			f.Roads = nil
		}}, []string{"KFT315"}},
		"an unreadable Secret, and a cut": {[]change{cut, func(f *Facts) { f.Objects.Secrets[ourSecret] = unread[*SecretFacts]() }}, []string{"KFT516"}},
		"no HTTPS, and none was wanted":   {[]change{https(), plainOnly, func(f *Facts) { f.Aim.Expect = ExpectNothing; f.Objects.CA = absent[*corev1ConfigMap]("x") }}, nil},
		"another port":                    {[]change{https(testutil.HTTPS("https-kftls", 9443, "kftls-gateway", "*")), refusedInPod}, []string{"KFT401"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := healthy(tc.with...)
			got, _ := f.judged()
			var codes []string
			for _, x := range got.findings {
				codes = append(codes, x.Code)
			}
			if !slices.Equal(codes, tc.want) {
				t.Errorf("got %v, want %v\nseen %+v\n%+v", codes, tc.want, f.Seen, tell(got))
			}
		})
	}
}

func TestSeverities(t *testing.T) {
	all := Severities()
	for i, a := range all {
		for j, b := range all {
			if a.AtLeast(b) != (i >= j) {
				t.Errorf("%s at least %s: %t", a, b, a.AtLeast(b))
			}
		}
		if Severity("").AtLeast(a) {
			t.Errorf("none is at least %s", a)
		}
	}
	d := Diagnosis{Findings: []Finding{{Severity: Warning}, {Severity: Critical}, {Severity: Error}}}
	if d.Worst() != Critical || (&Diagnosis{}).Worst() != "" {
		t.Errorf("the worst is %q", d.Worst())
	}
}

func TestRoadPicture(t *testing.T) {
	for name, tc := range map[string]struct {
		with []change
		want string
	}{
		"well, through the tunnel": {nil, "you:ok tunnel:ok gateway:8443:ok TLS:ok auth:ok Dex:ok pipelines:unknown"},
		"well, with a session":     {[]change{given([]string{"oauth2_proxy_kubeflow"}, answer(200, "application/json", pipelinesHealth))}, "you:ok tunnel:ok gateway:8443:ok TLS:ok auth:ok Dex:ok pipelines:ok"},
		"well, by localhost":       {[]change{to(local)}, "you:ok port-forward:ok gateway:8443:ok TLS:ok auth:ok Dex:ok pipelines:unknown"},
		"well, by a name":          {[]change{to(far), serves(below(ourCA, named("kubeflow.example.com")).chain()...)}, "you:ok network:ok gateway:8443:ok TLS:ok auth:ok Dex:ok pipelines:unknown"},
		"broken at TLS":            {[]change{cut}, "you:ok tunnel:ok gateway:8443:ok TLS:broken auth:beyond Dex:beyond pipelines:beyond"},
		"broken at the start":      {[]change{to(local), each(isOwn, dialled(errRefused))}, "you:ok port-forward:broken gateway:8443:beyond TLS:beyond auth:beyond Dex:beyond pipelines:beyond"},
		"no cluster":               {[]change{to(local), withoutCluster}, "you:ok port-forward:ok gateway:ok TLS:ok auth:ok Dex:ok pipelines:unknown"},
		"plain, as it is shipped":  {[]change{https(), plainOnly, func(f *Facts) { f.Aim.Expect = ExpectNothing }}, "you:ok tunnel:ok gateway:8080:ok TLS:unknown auth:ok Dex:ok pipelines:unknown"},
		"nothing could be looked at": {[]change{func(f *Facts) {
			f.Objects, f.Roads = nil, nil
			f.Access = Access{Err: fault.New(fault.Usage, "", "no"), Wanted: true}
		}}, "you:broken tunnel:beyond gateway:beyond TLS:beyond auth:beyond Dex:beyond pipelines:beyond"},
		"Dex does not answer, no more": {[]change{says(dexPath, upstream)}, "you:ok tunnel:ok gateway:8443:ok TLS:ok auth:ok Dex:broken pipelines:beyond"},
	} {
		f := healthy(tc.with...)
		f.Seen = f.observe()
		got := ""
		for _, s := range f.road() {
			got += " " + s.Name + ":" + s.State
		}
		if got != " "+tc.want {
			t.Errorf("%s:\n got%s\nwant %s", name, got, tc.want)
		}
	}
}
