package diagnose

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

func providerChecks() []Check {
	return []Check{
		{
			Code: "KFT721", Title: "the mesh's provider of the login leaves out what the login needs", Layer: LayerLogin, Severity: Error,
			Causes: []Symptom{Denied, SessionDenied, SessionRefused, NoAuthorizer, LoginBreaks}, Needs: []string{"KFT704", "KFT718"}, Look: lookProviderHeaders,
			Page: Page{
				Means: "The gateway shows each request to oauth2-proxy through an extension provider of the mesh (ConfigMap istio-system/istio). The provider has to show it the cookie, and to hand on the header Authorization that oauth2-proxy makes of it: without the one nobody is ever logged in, without the other the gateway denies who is.",
				Shows: []Shown{{"curl", "RBAC: access denied", "measured with Istio 1.31-dev"}},
				Heals: "Write envoyExtAuthzHttp as Kubeflow's manifests have it: includeRequestHeadersInCheck with cookie and authorization, headersToUpstreamOnAllow with authorization.",
			},
		},
		{
			Code: "KFT722", Title: "oauth2-proxy's settings keep the login from working", Layer: LayerLogin, Severity: Warning,
			Causes: []Symptom{SessionDenied, LoginBreaks}, Look: lookProxySettings,
			Page: Page{
				Means: "Kubeflow needs oauth2-proxy to speak OpenID Connect with Dex (provider), and to hand on Dex's token (set_authorization_header). Without provider it takes Google's rules, and without the header the gateway denies whoever is logged in. Flags and variables may say the same, which is why this is likely and not certain.",
				Shows: []Shown{{"browser", "You do not have permission to access this resource.", "measured with oauth2-proxy 7.8.1"}},
				Heals: `Write provider = "oidc" and set_authorization_header = true into oauth2-proxy's settings, then kubectl -n oauth2-proxy rollout restart deployment oauth2-proxy`,
			},
		},
	}
}

// meshProvider is an extension provider of the mesh, as far as the login needs it
// (istio.io/api/mesh/v1alpha1, EnvoyExternalAuthorizationHttpProvider).
type meshProvider struct {
	Name              string `json:"name"`
	EnvoyExtAuthzHTTP *struct {
		Service                      string   `json:"service"`
		Port                         int32    `json:"port"`
		HeadersToUpstreamOnAllow     []string `json:"headersToUpstreamOnAllow"`
		IncludeRequestHeadersInCheck []string `json:"includeRequestHeadersInCheck"`
		IncludeHeadersInCheck        []string `json:"includeHeadersInCheck"` // its older name
	} `json:"envoyExtAuthzHttp"`
	EnvoyExtAuthzGRPC struct {
		Service string `json:"service"`
	} `json:"envoyExtAuthzGrpc"`
}

// meshProviders are those of the mesh's settings, none where they cannot be read.
func meshProviders(text string) []meshProvider {
	var mesh struct {
		ExtensionProviders []meshProvider `json:"extensionProviders"`
	}
	if yaml.Unmarshal([]byte(text), &mesh) != nil {
		return nil
	}
	return mesh.ExtensionProviders
}

func lookProviderHeaders(_ context.Context, f *Facts) Result {
	if f.Objects == nil {
		return skipped("no cluster was asked for")
	}
	policy := f.Objects.customPolicy()
	switch {
	case policy == nil:
		return skipped("no policy names a provider")
	case !f.Objects.Mesh.OK():
		return unknown(f.Objects.Mesh.Err)
	}
	name, _, _ := unstructured.NestedString(policy.Object, "spec", "provider", "name")
	providers := meshProviders(f.Objects.Mesh.Value.Data["mesh"])
	at := slices.IndexFunc(providers, func(p meshProvider) bool { return p.Name == name })
	if at < 0 || providers[at].EnvoyExtAuthzHTTP == nil {
		return skipped("the provider asks by HTTP in no way that is known")
	}
	provider := providers[at].EnvoyExtAuthzHTTP
	if service := f.Objects.Proxy.Service; service.OK() && service.Value != nil {
		if where := fmt.Sprintf("%s:%d", provider.Service, provider.Port); !leadsToService(provider.Service, provider.Port, service.Value) {
			return found(fmt.Sprintf("the provider %s of the mesh asks %s, and the auth proxy is Service %s with port %s", name, where, objectName(service.Value), portList(service.Value)),
				byAdmin("write service and port as Kubeflow's manifests have them", editOdd(provider.Port, service.Value, f.Objects.Mesh.Value)),
				evidence("ConfigMap "+objectName(f.Objects.Mesh.Value), "mesh: extensionProviders["+name+"].envoyExtAuthzHttp", where)).as(probably).as(itself(LoginBreaks))
		}
	}
	shown := slices.Concat(provider.IncludeRequestHeadersInCheck, provider.IncludeHeadersInCheck)
	for _, need := range []struct {
		field, header, without string
		has                    []string
	}{
		{"includeRequestHeadersInCheck", "cookie", "oauth2-proxy sees no session", shown},
		{"headersToUpstreamOnAllow", "authorization", "the gateway sees no token of whoever is logged in", provider.HeadersToUpstreamOnAllow},
	} {
		if admits(need.has, need.header) || need.header == "authorization" && !f.wantsToken() {
			continue
		}
		return found(fmt.Sprintf("the provider %s of the mesh has no %s in %s: %s", name, need.header, need.field, need.without),
			byAdmin("add it, as Kubeflow's manifests have it", editMesh(f.Objects.Mesh.Value)),
			evidence("ConfigMap "+objectName(f.Objects.Mesh.Value), "mesh: extensionProviders["+name+"].envoyExtAuthzHttp."+need.field, orNone(need.has))).as(probably).as(itself(LoginBreaks))
	}
	return passed("it hands on cookie and authorization")
}

// shippedProxyPort is the port of oauth2-proxy's Service in Kubeflow's manifests
// (common/oauth2-proxy), which the mesh's provider names.
const shippedProxyPort = 80

// editOdd edits what is not as shipped, of the mesh's provider and the Service.
func editOdd(asked int32, service *corev1.Service, mesh *corev1.ConfigMap) string {
	if asked == shippedProxyPort && !slices.ContainsFunc(service.Spec.Ports, func(p corev1.ServicePort) bool { return p.Port == asked }) {
		return fmt.Sprintf("kubectl -n %s edit service %s", quoted(service.Namespace), quoted(service.Name))
	}
	return editMesh(mesh)
}

func editMesh(mesh *corev1.ConfigMap) string {
	return fmt.Sprintf("kubectl -n %s edit configmap %s", quoted(mesh.Namespace), quoted(mesh.Name))
}

// leadsToService tells whether a host and port are those of a Service. A host may
// stand in front of it that cannot be seen here; one in another namespace, or of
// another kind, is not doubted.
func leadsToService(host string, port int32, service *corev1.Service) bool {
	name := service.Name + "." + service.Namespace
	if host != "" && host != name && !strings.HasPrefix(host, name+".svc") && !strings.HasSuffix(host, "."+service.Namespace+".svc.cluster.local") {
		return true
	}
	return host != "" && (host == name || strings.HasPrefix(host, name+".svc")) &&
		slices.ContainsFunc(service.Spec.Ports, func(p corev1.ServicePort) bool { return p.Port == port })
}

// wantsToken tells that the gateway looks for the token of whoever is logged in.
func (f *Facts) wantsToken() bool {
	return slices.ContainsFunc(f.Objects.RequestAuthentications.Value, func(r unstructured.Unstructured) bool { return f.Objects.selectsGateway(&r) })
}

// admits tells whether one of Istio's matchers (exact, prefix*, *suffix) takes a
// header or a path.
func admits(matchers []string, header string) bool {
	return slices.ContainsFunc(matchers, func(m string) bool {
		m = strings.ToLower(m)
		switch {
		case strings.HasSuffix(m, "*"):
			return strings.HasPrefix(header, strings.TrimSuffix(m, "*"))
		case strings.HasPrefix(m, "*"):
			return strings.HasSuffix(header, strings.TrimPrefix(m, "*"))
		}
		return m == header
	})
}

func lookProxySettings(_ context.Context, f *Facts) Result {
	if f.Objects == nil {
		return skipped("no cluster was asked for")
	}
	settings := f.Objects.Login.Proxy
	switch {
	case !f.Objects.Proxy.Exists():
		return skipped("no oauth2-proxy is installed")
	case !settings.OK():
		return unknown(settings.Err)
	}
	for _, need := range []struct {
		key, without string
		ok           bool
	}{
		{"provider", "it takes Google's rules for Dex's answers", settings.Value.Provider != ""},
		{"set_authorization_header", "it does not hand on Dex's token, and the gateway denies whoever is logged in", settings.Value.HandsOnToken},
	} {
		if need.ok || f.Objects.Proxy.isSetElsewhere(need.key) {
			continue
		}
		return found(fmt.Sprintf("oauth2-proxy's settings do not say %s: %s", need.key, need.without),
			byAdmin(`write provider = "oidc" and set_authorization_header = true into its settings, then restart it`, "kubectl -n oauth2-proxy rollout restart deployment oauth2-proxy"),
			evidence("oauth2_proxy.cfg", need.key, "not set")).as(probably).as(itself(LoginBreaks)).as(func(x *Finding) {
			if f.sees(SessionDenied) {
				x.Severity = Error
			}
		})
	}
	return passed("they hand on what the gateway needs")
}

// isSetElsewhere tells that a setting of oauth2-proxy stands in the flags or the
// variables of its pods.
func (p Part) isSetElsewhere(key string) bool {
	flag, variable := "--"+strings.ReplaceAll(key, "_", "-"), "OAUTH2_PROXY_"+strings.ToUpper(key)
	for i := range p.Pods.Value {
		for _, container := range p.Pods.Value[i].Spec.Containers {
			for _, argument := range slices.Concat(container.Command, container.Args) {
				if argument == flag || strings.HasPrefix(argument, flag+"=") {
					return true
				}
			}
			for _, v := range container.Env {
				if v.Name == variable {
					return true
				}
			}
			if len(container.EnvFrom) > 0 { // it may stand there
				return true
			}
		}
	}
	return false
}
