package diagnose

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kftls/kubectl-kftls/pkg/session"
)

// changedAnswers are what a filter's own answers look like.
var changedAnswers = []Symptom{OtherAnswer, TooLarge, PipelinesOther, DashboardOther}

func filterChecks() []Check {
	return []Check{{
		Code: "KFT612", Title: "an EnvoyFilter that is none of Kubeflow's changes the gateway", Layer: LayerHTTP, Severity: Error, Causes: changedAnswers,
		Look: lookFilters,
		Page: Page{
			Means: "An EnvoyFilter rewrites what istiod programs the gateway pods with: limits, scripts, filters of its own. One that is neither Istio's nor Kubeflow's acts on the gateway pods, and an answer came that nothing else explains.",
			Heals: "See what it does, and take it out for a moment to learn whether it is the cause.",
		},
	}}
}

// ownFilters begin the names of EnvoyFilters that Istio and Kubeflow ship (Istio's
// telemetry up to 1.17; Kubeflow 1.3 to 26.03).
var ownFilters = []string{"stats-filter-", "tcp-stats-filter-", "metadata-exchange-", "tcp-metadata-exchange-", "authn-filter", "x-forwarded-host"}

func lookFilters(_ context.Context, f *Facts) Result {
	s := f.sighting(changedAnswers...)
	switch {
	case f.Objects == nil:
		return skipped("no cluster was asked for")
	case s == nil || !f.gatewayAnswers():
		return passed("no answer speaks of one")
	case !f.Objects.EnvoyFilters.OK():
		return unknown(f.Objects.EnvoyFilters.Err)
	}
	for i := range f.Objects.EnvoyFilters.Value {
		filter := &f.Objects.EnvoyFilters.Value[i]
		parts := patchedParts(filter)
		if len(parts) == 0 || !f.Objects.filtersGateway(filter) || slices.ContainsFunc(ownFilters, func(own string) bool { return strings.HasPrefix(filter.GetName(), own) }) {
			continue
		}
		return found(fmt.Sprintf("EnvoyFilter %s, which is none of Kubeflow's own, changes the gateway pods", objectName(filter)),
			byAdmin("see what it does, and take it out for a moment if it may be the cause", fmt.Sprintf("kubectl -n %s get envoyfilter %s -o yaml", filter.GetNamespace(), filter.GetName())),
			evidence("EnvoyFilter "+objectName(filter), "spec.configPatches[].applyTo", strings.Join(parts, ", ")), s.wire()).as(probably)
	}
	return passed("no other EnvoyFilter acts on the gateway pods")
}

// gatewayAnswers tells of an answer that nobody expects and that no program behind
// the gateway gave.
func (f *Facts) gatewayAnswers() bool {
	var answers []*Answer
	for _, r := range f.Roads {
		answers = append(answers, r.answer(frontPath))
	}
	if f.Session != nil {
		answers = append(answers, f.Session.Front, f.Session.Health)
	}
	return slices.ContainsFunc(answers, func(a *Answer) bool {
		return a != nil && a.Err == nil && a.Status >= 400 && a.Wall == session.Unknown && a.byGateway()
	})
}

// answering are the parts of Envoy's configuration that make answers.
var answering = []string{"NETWORK_FILTER", "HTTP_FILTER", "ROUTE_CONFIGURATION", "VIRTUAL_HOST", "HTTP_ROUTE"}

// patchedParts are those of them that a filter changes.
func patchedParts(filter *unstructured.Unstructured) []string {
	var parts []string
	patches, _, _ := unstructured.NestedSlice(filter.Object, "spec", "configPatches")
	for _, entry := range patches {
		patch, _ := entry.(map[string]any)
		operation, _, _ := unstructured.NestedString(patch, "patch", "operation")
		if part, _ := patch["applyTo"].(string); operation != "REMOVE" && slices.Contains(answering, part) && !slices.Contains(parts, part) {
			parts = append(parts, part)
		}
	}
	return parts
}
