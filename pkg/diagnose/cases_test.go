package diagnose

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// example is a Kubeflow on which a check finds its cause, or does not.
type example struct {
	code string
	// cause is a part of what is found, "" where nothing is.
	cause string
	// status is how the check ends where nothing is found.
	status Status
	// severity is that of the finding; "" is the check's own.
	severity Severity
	with     []change
}

func finds(code, cause string, with ...change) example {
	return example{code: code, cause: cause, status: Found, with: with}
}

func clears(code string, status Status, with ...change) example {
	return example{code: code, status: status, with: with}
}

func (e example) as(s Severity) example {
	e.severity = s
	return e
}

// examples are those of all layers.
func examples() []example {
	return slices.Concat(computerExamples(), accessExamples(), objectExamples(), ingressExamples(), secretExamples(),
		tunnelExamples(), tlsExamples(), httpExamples(), loginExamples(), sessionExamples(), modelExamples(), balancerExamples(), revisionExamples())
}

func TestChecks(t *testing.T) {
	found, cleared := map[string]bool{}, map[string]bool{}
	for _, e := range examples() {
		name := e.code + " " + string(e.status)
		if e.cause != "" {
			name += ": " + e.cause
			found[e.code] = true
		} else {
			cleared[e.code] = true
		}
		t.Run(name, func(t *testing.T) {
			result := healthy(e.with...).lookBy(e.code)
			if result.Status != e.status {
				t.Fatalf("status %q (%s), want %q; finding %+v", result.Status, result.Detail, e.status, result.Finding)
			}
			if e.status != Found {
				if result.Detail == "" {
					t.Error("it does not say why")
				}
				return
			}
			e.checkFinding(t, result.Finding)
		})
	}
	for _, c := range Checks() {
		if !found[c.Code] {
			t.Errorf("%s %s: no example of a Kubeflow on which it is found", c.Code, c.Title)
		}
		if !cleared[c.Code] {
			t.Errorf("%s %s: no example of a Kubeflow on which it is not found", c.Code, c.Title)
		}
	}
}

// checkFinding asks of a finding what every one must have.
func (e example) checkFinding(t *testing.T, x *Finding) {
	t.Helper()
	if !strings.Contains(x.Cause, e.cause) {
		t.Errorf("cause %q, want a part %q", x.Cause, e.cause)
	}
	want := e.severity
	if want == "" {
		want = x.check.Severity
	}
	if x.Severity != want {
		t.Errorf("severity %q, want %q", x.Severity, want)
	}
	if len(x.Evidence) == 0 || x.Fix.Text == "" || x.Fix.Kind == "" || x.Confidence == "" || x.Title == "" {
		t.Errorf("evidence, fix, confidence or title is missing: %+v", x)
	}
	for _, text := range append([]string{x.Cause, x.Fix.Text}, x.Fix.Commands...) {
		if strings.Contains(text, "%!") || strings.Contains(text, "<nil>") || strings.Contains(text, "  ") {
			t.Errorf("a text that was put together wrongly: %q", text)
		}
	}
	for _, command := range x.Fix.Commands {
		checkFlags(t, command)
	}
	for _, ev := range x.Evidence {
		if ev.Source == "" || strings.Contains(ev.Source+ev.Field, "?]") {
			t.Errorf("evidence of nothing: %+v", ev)
		}
	}
}

// checkFlags asks the help pages whether a command of ours has its flags.
func checkFlags(t *testing.T, command string) {
	t.Helper()
	words := strings.Fields(command)
	if len(words) < 3 || words[1] != "kftls" {
		return
	}
	help, err := os.ReadFile("../cmd/testdata/help/" + words[2] + ".txt")
	if err != nil {
		t.Errorf("%s: %v", command, err)
		return
	}
	for _, word := range words[3:] {
		if name, _, _ := strings.Cut(word, "="); strings.HasPrefix(name, "--") && !strings.Contains(string(help), name+"=") {
			t.Errorf("%s: there is no flag %s", command, name)
		}
	}
}

// TestHealthyKubeflows: where all is well, nothing is found but what is no
// finding without an aim.
func TestHealthyKubeflows(t *testing.T) {
	for name, with := range map[string][]change{
		"today, through the tunnel":        nil,
		"today, by an address":             {to("https://localhost:8443")},
		"today, plain":                     {to("http://localhost:8080")},
		"as it is shipped":                 {https(), plainOnly, func(f *Facts) { f.Aim.Expect = ExpectNothing; f.Objects.CA = absent[*corev1ConfigMap]("kftls-ca") }},
		"1.9.0":                            {func(f *Facts) { f.answers(eraFirst) }},
		"1.3 to 1.8":                       {authService},
		"with a session":                   {given([]string{"oauth2_proxy_kubeflow"}, answer(200, "application/json", pipelinesHealth))},
		"the PROXY protocol on both sides": {bothSpeakIt},
		"without a cluster":                {to("https://localhost:8443"), withoutCluster},
	} {
		t.Run(name, func(t *testing.T) {
			f := healthy(with...)
			got, outcomes := f.judged()
			for _, x := range got.findings {
				t.Errorf("%s %s (%v)", x.Code, x.Cause, x.Symptoms)
			}
			for _, x := range got.alsoNoticed {
				if x.Severity != Info {
					t.Errorf("also noticed as %s: %s %s", x.Severity, x.Code, x.Cause)
				}
			}
			for _, s := range f.Seen {
				if s.Failure {
					t.Errorf("seen as a failure: %+v", s)
				}
			}
			if len(outcomes) != len(Checks()) {
				t.Errorf("%d of %d checks were made", len(outcomes), len(Checks()))
			}
		})
	}
}

// plainOnly takes the TLS roads away.
func plainOnly(f *Facts) { f.Roads = slices.DeleteFunc(f.Roads, isTLS) }

// withoutCluster leaves the user's own road alone.
func withoutCluster(f *Facts) {
	f.Access, f.Objects = Access{}, nil
	f.Roads = slices.DeleteFunc(f.Roads, func(r *Road) bool { return !r.Own })
}

// TestNothingIsKnown: a check that cannot look says so, and none breaks down.
func TestNothingIsKnown(t *testing.T) {
	unreadable := func(f *Facts) {
		f.Objects = &Objects{
			Istio: unread[[]string](), Gateways: unread[[]unstructuredObject](), Ingress: unread[*ingressService](), Pods: unread[[]corev1Pod](),
			CA: unread[*corev1ConfigMap](), VirtualServices: unread[[]unstructuredObject](), Policies: unread[[]unstructuredObject](),
			RequestAuthentications: unread[[]unstructuredObject](), EnvoyFilters: unread[[]unstructuredObject](), Mesh: unread[*corev1ConfigMap](),
			Certificates: unread[[]unstructuredObject](), MayForward: unread[bool](), GatewayReadsSecrets: unread[bool](),
			Login: LoginFacts{
				Dex: unread[DexSettings](), Proxy: unread[ProxySettings](), SameID: unread[bool](), SameSecret: unread[bool](),
				ShippedPassword: unread[bool](), ShippedCookieSecret: unread[bool](),
			},
			Proxy: Part{Pods: unread[[]corev1Pod](), Service: unread[*corev1Service]()}, Dex: Part{Pods: unread[[]corev1Pod](), Service: unread[*corev1Service]()},
			Pipelines: Part{Pods: unread[[]corev1Pod](), Service: unread[*corev1Service]()},
		}
		f.Roads = slices.DeleteFunc(f.Roads, func(r *Road) bool { return !r.Own })
	}
	for name, with := range map[string][]change{
		"no rights":              {unreadable},
		"no rights, an address":  {to("https://localhost:8443"), unreadable},
		"nothing":                {func(f *Facts) { *f = Facts{Aim: f.Aim, Now: f.Now, Computer: f.Computer} }},
		"no objects, no answers": {withoutCluster},
		"roads without answers":  {each(isAny, func(r *Road) { r.Answers = nil })},
	} {
		t.Run(name, func(t *testing.T) {
			got, outcomes := healthy(with...).judged()
			for _, x := range got.findings {
				t.Errorf("%s %s", x.Code, x.Cause)
			}
			unknowns := 0
			for _, o := range outcomes {
				if o.result.Status == Unknown {
					unknowns++
				}
			}
			if strings.HasPrefix(name, "no rights") != (unknowns > 5) {
				t.Errorf("%d checks say that they could not look", unknowns)
			}
		})
	}
}
