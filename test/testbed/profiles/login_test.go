package profiles_test

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/kftls/kubectl-kftls/test/testbed/profiles"
)

// door is what makes one release's login what it is.
type door struct {
	policies []string // that guard the gateway, beside ALLOW and the deny of everything else
	jwt      []string // RequestAuthentications
	filter   bool     // the AuthService's EnvoyFilter
	route    bool     // a VirtualService for oauth2-proxy
	callback string   // where Dex may send the browser
	inline   bool     // the password's hash stands in Dex's ConfigMap
	settings []string // lines of oauth2_proxy.cfg
}

var doors = map[string]door{
	"kubeflow-26.03": {
		policies: []string{"istio-ingressgateway-oauth2-proxy", "istio-ingressgateway-require-jwt"}, jwt: []string{"dex-jwt"}, route: true,
		callback: "/oauth2/callback", settings: []string{"skip_provider_button = false", `prompt = "none"`, "api_routes = ["},
	},
	"kubeflow-1.9.0": {
		policies: []string{"istio-ingressgateway-oauth2-proxy"}, jwt: []string{"dex-jwt", "m2m-token-issuer"},
		callback: "/oauth2/callback", settings: []string{"skip_provider_button = true"},
	},
	"kubeflow-1.8": {filter: true, callback: "/authservice/oidc/callback", inline: true},
}

func TestEachReleaseHasItsOwnLogin(t *testing.T) {
	for _, name := range profiles.Names() {
		want, ok := doors[name]
		if !ok {
			t.Errorf("profile %s is not described here", name)
			continue
		}
		t.Run(name, func(t *testing.T) {
			p := load(t, name)
			if got := p.names("AuthorizationPolicy", "istio-system", "istio-ingressgateway", "global-deny-all"); !slices.Equal(got, want.policies) {
				t.Errorf("policies %q, want %q", got, want.policies)
			}
			if got := p.names("RequestAuthentication", "istio-system"); !slices.Equal(got, want.jwt) {
				t.Errorf("RequestAuthentications %q, want %q", got, want.jwt)
			}
			if got := p.has("EnvoyFilter", "istio-system", "authn-filter"); got != want.filter {
				t.Errorf("authn-filter: %v, want %v", got, want.filter)
			}
			if got := p.has("VirtualService", "oauth2-proxy", "oauth2-proxy"); got != want.route {
				t.Errorf("VirtualService of oauth2-proxy: %v, want %v", got, want.route)
			}
			p.checkDex(t, want)
			config := p.data("oauth2-proxy", "oauth2_proxy.cfg")
			for _, line := range want.settings {
				if !strings.Contains(config, line) {
					t.Errorf("oauth2_proxy.cfg lacks %q", line)
				}
			}
			if name == "kubeflow-1.9.0" && (strings.Contains(config, "prompt =") || strings.Contains(config, "api_routes")) {
				t.Error("oauth2_proxy.cfg has settings of later releases")
			}
		})
	}
}

// names are the names of a kind's objects, sorted, without some.
func (p profile) names(kind, namespace string, without ...string) []string {
	var names []string
	for _, o := range p.kind(kind) {
		if o.GetNamespace() == namespace && !slices.Contains(without, o.GetName()) {
			names = append(names, o.GetName())
		}
	}
	slices.Sort(names)
	return names
}

// data is the value of a key in the ConfigMap of a namespace that has it, or "".
func (p profile) data(namespace, key string) string {
	for _, config := range typed[*corev1.ConfigMap](p) {
		if value, ok := config.Data[key]; ok && config.Namespace == namespace {
			return value
		}
	}
	return ""
}

func (p profile) checkDex(t *testing.T, want door) {
	t.Helper()
	var dex struct {
		OAuth2 struct {
			SkipApprovalScreen bool `json:"skipApprovalScreen"`
		} `json:"oauth2"`
		StaticPasswords []map[string]string `json:"staticPasswords"`
		StaticClients   []struct {
			RedirectURIs []string `json:"redirectURIs"`
		} `json:"staticClients"`
	}
	if err := yaml.Unmarshal([]byte(p.data("auth", "config.yaml")), &dex); err != nil {
		t.Fatal(err)
	}
	// Every release has it. The approval page of 1.9.0 comes from oauth2-proxy, which asks for it.
	if !dex.OAuth2.SkipApprovalScreen {
		t.Error("Dex would show the approval page to everybody")
	}
	if len(dex.StaticClients) != 1 || !slices.Equal(dex.StaticClients[0].RedirectURIs, []string{want.callback}) {
		t.Errorf("Dex's clients are %v, want one that comes back to %s", dex.StaticClients, want.callback)
	}
	if _, inline := dex.StaticPasswords[0]["hash"]; inline != want.inline {
		t.Errorf("the hash stands in Dex's config: %v, want %v", inline, want.inline)
	}
}

// TestAuthnFilterMatches guards the one translation: with Kubeflow 1.8's own name of the filter the door is open.
func TestAuthnFilterMatches(t *testing.T) {
	for _, filter := range load(t, "kubeflow-1.8").kind("EnvoyFilter") {
		for _, patch := range list(filter.Object, "spec", "configPatches") {
			name, _, _ := unstructured.NestedString(patch, "match", "listener", "filterChain", "filter", "name")
			if name != "envoy.filters.network.http_connection_manager" {
				t.Errorf("%s is inserted at %s", filter, name)
			}
		}
		if filter.GetAnnotations()[profiles.DifferenceAnnotation] == "" {
			t.Errorf("%s does not say that it differs", filter)
		}
	}
}
