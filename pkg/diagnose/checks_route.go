package diagnose

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kftls/kubectl-kftls/pkg/gateway"
)

func routeChecks() []Check {
	return []Check{
		{
			Code: "KFT321", Title: "Kubeflow's VirtualServices are not bound to the Gateway", Layer: LayerObjects, Severity: Error,
			Causes: []Symptom{Denied, NoRoute, OtherAnswer, DashboardOther, LoginDown, DexDown, LoginBreaks}, Look: lookRoutes,
			Page: Page{
				Means: "A VirtualService says which program answers for a path, and at which Gateway. Without one that names Kubeflow's Gateway and admits the host, the gateway knows no route; since the login's filter needs a route, Kubeflow's policies then deny the request.",
				Shows: []Shown{
					{"curl", "RBAC: access denied", "measured with Istio 1.31-dev, Kubeflow 1.9.1 and later"},
					{"Envoy", "404 NR route_not_found", "measured with Envoy 1.40"},
				},
				Heals: "Apply the part of Kubeflow's manifests again whose VirtualService is missing or changed.",
			},
		},
		{
			Code: "KFT328", Title: "another VirtualService takes the dashboard's paths", Layer: LayerObjects, Severity: Error,
			Causes: []Symptom{OtherAnswer, NoRoute, UpstreamDown, DashboardDown, DashboardOther, PipelinesOther, PipelinesDown}, Needs: []string{"KFT321"}, Look: lookOtherRoute,
			Page: Page{
				Means: "A rule of a VirtualService without a match, or with the prefix /, takes every path at the Gateway that no other rule takes before it. Kubeflow's dashboard has that place.",
				Heals: "Give the rule a path or a host of its own.",
			},
		},
	}
}

// kubeflowRoute is a part of Kubeflow and the path by which its VirtualService is
// known.
type kubeflowRoute struct{ part, namespace, name, prefix string }

// kubeflowRoutes are those that the front door needs, as Kubeflow's manifests
// have them (1.9 to 26.03). oauth2-proxy's is there in its era alone.
func (f *Facts) kubeflowRoutes() []kubeflowRoute {
	routes := []kubeflowRoute{{"the dashboard", "kubeflow", "centraldashboard", "/"}}
	if f.sees(PipelinesOther) {
		routes = append(routes, kubeflowRoute{"the pipelines", "kubeflow", "ml-pipeline-ui", "/pipeline"})
	}
	if f.Objects.Dex.Exists() && !f.partAnswers(dexPath) {
		routes = append(routes, kubeflowRoute{"Dex", "auth", "dex", "/dex/"})
	}
	if f.partAnswers(proxyPath) { // what answers needs no route that one could see
		return routes
	}
	if f.Objects.Proxy.Exists() && f.Objects.Proxy.Namespace == "oauth2-proxy" && f.Objects.customPolicy() != nil && !f.objectGuardsAll() {
		routes = append(routes, kubeflowRoute{"oauth2-proxy", "oauth2-proxy", "oauth2-proxy", "/oauth2/"})
	}
	return routes
}

// partAnswers tells that a part of the login answers by itself on the wire.
func (f *Facts) partAnswers(path string) bool {
	for _, r := range f.Roads {
		a := r.answer(path)
		switch {
		case a == nil:
		case path == dexPath && r.dexLives(), path == proxyPath && (a.Status == http.StatusUnauthorized || a.Status == http.StatusOK) && !a.byGateway():
			return true
		}
	}
	return false
}

// objectGuardsAll tells of the policy of Kubeflow 1.9.0, which takes every path:
// there oauth2-proxy answers its own by itself and needs no route.
func (f *Facts) objectGuardsAll() bool {
	policy := f.Objects.customPolicy()
	return policy != nil && len(operations(policy)) == 0
}

func lookRoutes(_ context.Context, f *Facts) Result {
	door, why := f.door()
	if door == nil {
		return *why
	}
	if !f.Objects.VirtualServices.OK() {
		return unknown(f.Objects.VirtualServices.Err)
	}
	for _, route := range f.kubeflowRoutes() {
		bound, near := f.Objects.routeFor(door.Name(), f.Aim.Host, route.prefix)
		if bound || f.blind() && f.Objects.mayRoute(door.Name(), f.Aim.Host, route) {
			continue
		}
		result := f.missingRoute(door, route, near).as(breaks(Denied, everywhere))
		switch route.prefix {
		case "/pipeline": // what takes the other paths answers
			return result.as(func(x *Finding) { x.causes = []Symptom{PipelinesOther} })
		case "/dex/", "/oauth2/":
			return result.as(func(x *Finding) {
				x.causes = []Symptom{LoginBreaks, LoginDown, DexDown}
				x.observed = LoginBreaks
			})
		}
		return result
	}
	return passed("their paths lead to Kubeflow")
}

// lookOtherRoute goes by answers that are not the dashboard's: where it answers,
// what else could take its paths does not.
func lookOtherRoute(_ context.Context, f *Facts) Result {
	door, why := f.door()
	if door == nil {
		return *why
	}
	s := f.sighting(OtherAnswer, NoRoute, UpstreamDown, DashboardDown, DashboardOther, PipelinesOther, PipelinesDown)
	switch {
	case s == nil:
		return passed("their paths lead to Kubeflow")
	case !f.Objects.VirtualServices.OK():
		return unknown(f.Objects.VirtualServices.Err)
	}
	for _, v := range f.Objects.boundTo(door.Name()) {
		if objectName(v) == "kubeflow/centraldashboard" || !takesHost(v, f.Aim.Host) {
			continue
		}
		if rule, ok := takesAll(v); ok {
			name := "VirtualService " + objectName(v)
			return found(name+" takes every path at Gateway "+door.Name()+", the dashboard's as well",
				f.edit(v, "give its rule a path or a host of its own"),
				evidence(name, fmt.Sprintf("spec.http[%d].match", rule), "takes all paths"), s.wire()).as(probably)
		}
	}
	return passed("no other VirtualService takes all paths")
}

// missingRoute says what is wrong with the VirtualService of a part.
func (f *Facts) missingRoute(door *gateway.FrontDoor, route kubeflowRoute, near *unstructured.Unstructured) Result {
	usual := route.namespace + "/" + route.name
	if near == nil {
		return found(fmt.Sprintf("no VirtualService routes %s to %s: %s is not there", route.prefix, route.part, usual),
			byAdmin("apply the part of Kubeflow's manifests again that makes VirtualService "+usual), evidence("VirtualService "+usual, "", "is not there"))
	}
	gateways, _, _ := unstructured.NestedStringSlice(near.Object, "spec", "gateways")
	hosts, _, _ := unstructured.NestedStringSlice(near.Object, "spec", "hosts")
	name := "VirtualService " + objectName(near)
	if !slices.Contains(qualified(near, gateways), door.Name()) {
		return found(fmt.Sprintf("%s is bound to %s, not to Gateway %s", name, strings.Join(gateways, ", "), door.Name()),
			f.patchObject(near, fmt.Sprintf(`[{"op":"add","path":"/spec/gateways","value":[%q]}]`, door.Name()), "binds it to Kubeflow's Gateway"),
			evidence(name, "spec.gateways", strings.Join(gateways, ", ")))
	}
	return found(fmt.Sprintf("%s answers for %s alone, and was asked for %s", name, strings.Join(hosts, ", "), f.Aim.Host),
		f.patchObject(near, `[{"op":"add","path":"/spec/hosts","value":["*"]}]`, "answers for every name"), evidence(name, "spec.hosts", strings.Join(hosts, ", ")))
}

// patchObject is a fix that patches an object, or an edit where a manager would
// undo it.
func (f *Facts) patchObject(object *unstructured.Unstructured, patch, text string) Fix {
	if managerOf(object) != "" {
		return f.edit(object, text)
	}
	return runs(text, fmt.Sprintf("kubectl -n %s patch %s %s --type=json -p %s", object.GetNamespace(), editKind(object), object.GetName(), quoted(patch)))
}
