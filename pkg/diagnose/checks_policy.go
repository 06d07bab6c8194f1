package diagnose

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// kubeflowPolicies are the policies of Kubeflow's manifests for its gateway.
var kubeflowPolicies = []string{"istio-ingressgateway-oauth2-proxy", "istio-ingressgateway-require-jwt", "istio-ingressgateway", "global-deny-all"}

func lookPolicies(_ context.Context, f *Facts) Result {
	if f.Objects == nil {
		return skipped("no cluster was asked for")
	}
	if result := f.deniesAll(); result != nil {
		return *result
	}
	s := f.sighting(SessionDenied, Denied, LoginDenied)
	switch {
	case s == nil:
		return passed("nothing was denied")
	case !f.Objects.Policies.OK():
		return unknown(f.Objects.Policies.Err)
	}
	for _, action := range []string{"DENY", "ALLOW", ""} {
		for _, p := range f.Objects.policies(action) {
			if !slices.Contains(kubeflowPolicies, p.GetName()) {
				return f.foreignPolicy(p, action, s)
			}
			if result := f.changedPolicy(p, action, s); result != nil {
				return *result
			}
		}
	}
	if len(f.Objects.allowing()) > 0 && !f.allowsAnything() {
		return found("the policies of the gateway pods allow nothing: AuthorizationPolicy istio-system/istio-ingressgateway, which does, is not there",
			byAdmin("apply AuthorizationPolicy istio-system/istio-ingressgateway of Kubeflow's manifests again"),
			evidence("AuthorizationPolicies of istio-system", "action ALLOW with rules", "none that selects the gateway pods"), s.wire())
	}
	return passed("no policy on the gateway pods is known to deny it")
}

// deniesAll finds Kubeflow's policy that denies whoever has no token where it lost
// that condition: whoever is logged in is denied as well, which shows only then.
func (f *Facts) deniesAll() *Result {
	for _, p := range f.Objects.policies("DENY") {
		if p.GetName() != "istio-ingressgateway-require-jwt" {
			continue
		}
		for _, rule := range rulesOf(p) {
			from, _, _ := unstructured.NestedSlice(rule, "from")
			when, _, _ := unstructured.NestedSlice(rule, "when")
			if len(from)+len(when) > 0 {
				continue
			}
			name := "AuthorizationPolicy " + objectName(p)
			result := found(name+" denies whoever is logged in, too: it lost the condition that there is no token",
				f.edit(p, "write it as Kubeflow's manifests have it, with notRequestPrincipals"),
				evidence(name, "spec.rules[].from", "none")).as(itself(SessionDenied))
			return &result
		}
	}
	return nil
}

// allowing are the policies that allow, which is what those without an action do.
func (o *Objects) allowing() []*unstructured.Unstructured {
	return slices.Concat(o.policies("ALLOW"), o.policies(""))
}

// allowsAnything tells of a policy that allows something: where there are policies
// that allow and none has a rule, all is denied.
func (f *Facts) allowsAnything() bool {
	return slices.ContainsFunc(f.Objects.allowing(), func(p *unstructured.Unstructured) bool { return len(rulesOf(p)) > 0 })
}

func (f *Facts) foreignPolicy(p *unstructured.Unstructured, action string, s *Sighting) Result {
	if action == "" {
		action = "ALLOW (no action is written)"
	}
	return found(fmt.Sprintf("AuthorizationPolicy %s, which is none of Kubeflow's own, acts on the gateway pods", objectName(p)),
		byAdmin("see what it says, and let it admit the request", fmt.Sprintf("kubectl -n %s get authorizationpolicy %s -o yaml", p.GetNamespace(), p.GetName())),
		evidence("AuthorizationPolicy "+objectName(p), "spec.action", action), s.wire()).as(probably)
}

// changedPolicy speaks of Kubeflow's own policies that lost what Kubeflow ships:
// the rules of the one that allows, and the login's paths that the one exempts
// that denies whoever has no token. nil where they have it.
func (f *Facts) changedPolicy(p *unstructured.Unstructured, action string, s *Sighting) *Result {
	name, rules := "AuthorizationPolicy "+objectName(p), rulesOf(p)
	switch {
	case p.GetName() == "istio-ingressgateway" && action != "DENY" && len(rules) == 0:
		result := found(name+" has no rules: it allows nothing",
			f.patchObject(p, `[{"op":"add","path":"/spec/rules","value":[{}]}]`, "it allows what the login lets through, as Kubeflow ships it"),
			evidence(name, "spec.rules", "none"), s.wire())
		return &result
	case action == "DENY" && s.Symptom == LoginDenied && len(rules) > 0 && !exempts(p, startPath):
		result := found(name+" denies the login's own pages: it exempts no path of oauth2-proxy's",
			f.edit(p, "write it as Kubeflow's manifests have it, with /oauth2/* and /dex/* in notPaths"),
			evidence(name, "spec.rules[].to[].operation.notPaths", orNone(notPaths(p))), s.wire())
		return &result
	}
	return nil
}

func notPaths(policy *unstructured.Unstructured) []string {
	var paths []string
	for _, operation := range operations(policy) {
		paths = append(paths, stringsIn(operation, "notPaths")...)
	}
	return paths
}

// exempts tells whether a policy leaves a path out by notPaths.
func exempts(policy *unstructured.Unstructured, path string) bool {
	path, _, _ = strings.Cut(path, "?")
	return admits(notPaths(policy), path)
}
