package diagnose

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// unguarded are the symptoms of a front door whose login does not guard it.
var unguarded = []Symptom{StandsOpen}

// filterOfToday and filterOfOld are the names of Envoy's HTTP connection manager.
// Istio took the old one once, in the releases of Kubeflow 1.3 to 1.8; that of
// the testbed (1.31-dev) takes the object, warns, and matches nothing (measured).
const (
	filterOfToday = "envoy.filters.network.http_connection_manager"
	filterOfOld   = "envoy.http_connection_manager"
)

// guardChecks look whether the login stands in front of everything.
func guardChecks() []Check {
	return []Check{
		{
			Code: "KFT715", Title: "the login's filter names a filter that this Istio does not know", Layer: LayerLogin, Severity: Critical, Causes: unguarded, Reads: StageCluster, Look: lookOldFilter,
			Page: Page{
				Means: "Kubeflow 1.3 to 1.8 puts its login in front by an EnvoyFilter that names Envoy's connection manager. Its old name (envoy.http_connection_manager) matches nothing in an Istio of today: the filter is dropped without an error, and everybody gets in.",
				Heals: "Write envoy.filters.network.http_connection_manager in its place.",
			},
		},
		{
			Code: "KFT716", Title: "the login's policies are scoped to a port", Layer: LayerLogin, Severity: Critical, Causes: unguarded, Reads: StageCluster, Look: lookScopedPolicies,
			Page: Page{
				Means: "The policies that send requests to the login name ports. A request on another port, such as the HTTPS one, is none of theirs: everybody gets in there.",
				Heals: "Take ports out of the policies' rules.",
			},
		},
		{
			Code: "KFT717", Title: "the login's policies are missing", Layer: LayerLogin, Severity: Critical, Causes: append([]Symptom{BadToken}, unguarded...), Needs: []string{"KFT715", "KFT716"}, Reads: StageCluster, Look: lookMissingPolicies,
			Page: Page{
				Means: "The auth proxy is installed, and nothing sends requests to it: the AuthorizationPolicies (or the EnvoyFilter) that do are gone, or select other pods. Everybody gets in.",
				Heals: "Apply the part of Kubeflow's manifests again that makes them (common/oauth2-proxy).",
			},
		},
		{
			Code: "KFT718", Title: "the mesh does not know the provider that the login's policy names", Layer: LayerLogin, Severity: Error, Causes: []Symptom{Denied, NoAuthorizer, StandsOpen}, Look: lookProvider,
			Page: Page{
				Means: "The policy hands requests to an extension provider, which the mesh's settings (ConfigMap istio-system/istio) must define. istiod denies every request where it is not there.",
				Shows: []Shown{{"curl", "RBAC: access denied", "measured with Istio 1.31-dev"}},
				Heals: "Add the provider to meshConfig.extensionProviders, as Kubeflow's manifests have it.",
			},
		},
		{
			Code: "KFT704", Title: "the Service of the auth proxy is missing", Layer: LayerLogin, Severity: Error, Causes: []Symptom{Denied, LoginDown, NoAuthorizer, UpstreamDown}, Needs: []string{"KFT717"}, Reads: StageCluster, Look: lookProxyService,
			Page: Page{
				Means: "The login's policy sends requests to the Service oauth2-proxy/oauth2-proxy. It is not there, and the gateway denies every request.",
				Shows: []Shown{{"curl", "RBAC: access denied", "measured with Istio 1.31-dev"}},
				Heals: "Apply the part of Kubeflow's manifests again that makes it.",
			},
		},
	}
}

func lookOldFilter(_ context.Context, f *Facts) Result {
	if f.Objects == nil {
		return skipped("no cluster was asked for")
	}
	if !f.Objects.EnvoyFilters.OK() {
		return unknown(f.Objects.EnvoyFilters.Err)
	}
	for _, filter := range f.Objects.authnFilters() {
		patches, _, _ := unstructured.NestedSlice(filter.Object, "spec", "configPatches")
		for i, entry := range patches {
			patch, _ := entry.(map[string]any)
			name, _, _ := unstructured.NestedString(patch, "match", "listener", "filterChain", "filter", "name")
			if name != filterOfOld {
				continue
			}
			path := fmt.Sprintf("/spec/configPatches/%d/match/listener/filterChain/filter/name", i)
			return found(fmt.Sprintf("EnvoyFilter %s matches %s, which this Istio does not know: the login is not in front", objectName(filter), filterOfOld),
				f.patchObject(filter, fmt.Sprintf(`[{"op":"replace","path":%q,"value":%q}]`, path, filterOfToday), "the filter matches again"),
				evidence("EnvoyFilter "+objectName(filter), strings.ReplaceAll(strings.TrimPrefix(path, "/"), "/", "."), name))
		}
	}
	return passed("no filter of the login uses the old name")
}

func lookScopedPolicies(_ context.Context, f *Facts) Result {
	if f.Objects == nil {
		return skipped("no cluster was asked for")
	}
	if !f.Objects.Policies.OK() {
		return unknown(f.Objects.Policies.Err)
	}
	for _, action := range []string{"CUSTOM", "DENY"} {
		for _, policy := range f.Objects.policies(action) {
			for _, operation := range operations(policy) {
				if ports := stringsIn(operation, "ports"); len(ports) > 0 {
					return found(fmt.Sprintf("AuthorizationPolicy %s guards port %s alone", objectName(policy), strings.Join(ports, ", ")),
						f.edit(policy, "take ports out of its rules: it then guards every port"),
						evidence("AuthorizationPolicy "+objectName(policy), "spec.rules[].to[].operation.ports", strings.Join(ports, ", "))).as(f.opens)
				}
			}
		}
	}
	return passed("they name no port")
}

func lookMissingPolicies(_ context.Context, f *Facts) Result {
	o := f.Objects
	switch {
	case o == nil:
		return skipped("no cluster was asked for")
	case !o.Policies.OK():
		return unknown(o.Policies.Err)
	case !o.EnvoyFilters.OK():
		return unknown(o.EnvoyFilters.Err)
	case !o.Proxy.Exists():
		return skipped("no auth proxy is installed")
	}
	if o.Proxy.Name == "authservice" {
		if o.hasAuthnFilter() {
			return passed("an EnvoyFilter asks the AuthService")
		}
		return found("no EnvoyFilter asks the AuthService: the login guards nothing",
			byAdmin("apply Kubeflow's EnvoyFilter istio-system/authn-filter again"), evidence("EnvoyFilters of istio-system", "", "none with ext_authz")).as(f.opens)
	}
	if policy := o.customPolicy(); policy != nil && passesHeaders(policy) && !o.asksForTokens() {
		return found("requests with any Authorization header are sent past oauth2-proxy, and no policy asks them for a token: a header opens the door",
			byAdmin("apply AuthorizationPolicy istio-system/istio-ingressgateway-require-jwt of Kubeflow's manifests again"),
			evidence("AuthorizationPolicy "+objectName(policy), "spec.rules[].when", "request.headers[authorization] notValues *"), evidence("AuthorizationPolicies of istio-system", "notRequestPrincipals", "none")).as(f.opens)
	}
	if o.customPolicy() != nil || o.hasAuthnFilter() {
		return passed("requests are sent to " + o.Proxy.Name)
	}
	if o.asksForTokens() { // nobody gets in, since nobody gets a token
		return found("no AuthorizationPolicy of the gateway pods sends requests to oauth2-proxy, and another one denies whoever has no token: nobody can log in",
			byAdmin("apply AuthorizationPolicy istio-system/istio-ingressgateway-oauth2-proxy of Kubeflow's manifests again (common/oauth2-proxy)"),
			evidence("AuthorizationPolicies of istio-system", "action CUSTOM", "none that selects the gateway pods")).as(func(x *Finding) {
			x.Severity, x.causes = Error, []Symptom{Denied, SessionDenied}
		})
	}
	return found("no AuthorizationPolicy of the gateway pods sends requests to oauth2-proxy: the login guards nothing",
		byAdmin("apply the policies of Kubeflow's manifests again (common/oauth2-proxy): istio-ingressgateway-oauth2-proxy and istio-ingressgateway-require-jwt"),
		evidence("AuthorizationPolicies of istio-system", "action CUSTOM", "none that selects the gateway pods")).as(f.opens)
}

func lookProvider(_ context.Context, f *Facts) Result {
	if f.Objects == nil {
		return skipped("no cluster was asked for")
	}
	policy := f.Objects.customPolicy()
	if policy == nil {
		return skipped("no policy names a provider")
	}
	if f.Objects.Mesh.Absent() {
		if !f.sees(Denied, NoAuthorizer, StandsOpen) {
			return skipped("the mesh's settings have another name, as with revisions of istiod")
		}
		return found("the mesh has no settings: ConfigMap istio-system/istio, which defines the login's provider, is not there",
			byAdmin("apply the part of Kubeflow's manifests again that makes ConfigMap istio-system/istio"), evidence("ConfigMap istio-system/istio", "", "is not there"))
	}
	if !f.Objects.Mesh.OK() {
		return unknown(f.Objects.Mesh.Err)
	}
	name, _, _ := unstructured.NestedString(policy.Object, "spec", "provider", "name")
	var known []string
	for _, provider := range meshProviders(f.Objects.Mesh.Value.Data["mesh"]) {
		known = append(known, provider.Name)
	}
	if slices.Contains(known, name) {
		return passed("provider " + name)
	}
	return found(fmt.Sprintf("AuthorizationPolicy %s names the provider %q, which the mesh does not know", objectName(policy), name),
		byAdmin("add the provider to extensionProviders in the mesh's ConfigMap, as Kubeflow's manifests have it", editMesh(f.Objects.Mesh.Value)),
		evidence("ConfigMap "+objectName(f.Objects.Mesh.Value), "mesh: extensionProviders[].name", strings.Join(known, ", ")), evidence("AuthorizationPolicy "+objectName(policy), "spec.provider.name", name)).as(func(x *Finding) {
		if f.Objects.meshIsDefault() {
			breaks(Denied, everywhere)(x)
		}
	})
}

func lookProxyService(_ context.Context, f *Facts) Result {
	o := f.Objects
	switch {
	case o == nil:
		return skipped("no cluster was asked for")
	case o.customPolicy() == nil && !o.hasAuthnFilter():
		return skipped("nothing is sent to an auth proxy")
	case o.Proxy.Service.OK():
		return passed("Service " + objectName(o.Proxy.Service.Value))
	case !o.Proxy.Service.Absent():
		return unknown(o.Proxy.Service.Err)
	}
	name := o.Proxy.Namespace + "/" + o.Proxy.Name
	return found("there is no Service "+name+", to which the gateway sends every request first",
		byAdmin("apply the part of Kubeflow's manifests again that makes it (common/oauth2-proxy)"), evidence("Service "+name, "", "is not there")).as(func(x *Finding) {
		if o.asksProxy() {
			breaks(Denied, everywhere)(x)
		}
	})
}
