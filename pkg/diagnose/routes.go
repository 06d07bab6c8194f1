package diagnose

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kftls/kubectl-kftls/pkg/gateway"
)

// routeFor tells whether a VirtualService routes a path at a Gateway for a host;
// near is one that would but for Gateway or host.
func (o *Objects) routeFor(gatewayName, host, prefix string) (bound bool, near *unstructured.Unstructured) {
	for i := range o.VirtualServices.Value {
		v := &o.VirtualServices.Value[i]
		if !routes(v, prefix) {
			continue
		}
		if isBoundTo(v, gatewayName) && takesHost(v, host) {
			return true, v
		}
		if near == nil || isKubeflows(v) {
			near = v
		}
	}
	return false, near
}

// mayRoute tells that some VirtualService at a Gateway takes paths that are not
// written as Kubeflow writes them: the wanted one may be among them.
func (o *Objects) mayRoute(gatewayName, host string, wanted kubeflowRoute) bool {
	return slices.ContainsFunc(o.boundTo(gatewayName), func(v *unstructured.Unstructured) bool {
		if !takesHost(v, host) {
			return false
		}
		rules, _, _ := unstructured.NestedSlice(v.Object, "spec", "http")
		return slices.ContainsFunc(rules, func(entry any) bool {
			rule, _ := entry.(map[string]any)
			matches, _, _ := unstructured.NestedSlice(rule, "match")
			return len(matches) == 0 || slices.ContainsFunc(matches, func(m any) bool {
				return mayMatch(m, wanted.prefix, v.GetNamespace() == wanted.namespace)
			})
		})
	})
}

// mayMatch tells that a condition of a route may take a path: it says nothing of the
// path, or says it by a pattern or a shorter prefix. "/" is the dashboard's, save in
// the namespace of the part itself.
func mayMatch(condition any, prefix string, isPartsOwn bool) bool {
	match, _ := condition.(map[string]any)
	uri, _, _ := unstructured.NestedStringMap(match, "uri")
	return uri["prefix"]+uri["exact"] == "" || uri["prefix"] != "" && (uri["prefix"] != "/" || isPartsOwn) && strings.HasPrefix(prefix, uri["prefix"])
}

func isBoundTo(v *unstructured.Unstructured, gatewayName string) bool {
	return slices.Contains(qualified(v, stringsIn(v.Object, "spec", "gateways")), gatewayName)
}

// takesHost tells whether a VirtualService answers for a name.
func takesHost(v *unstructured.Unstructured, host string) bool {
	return gateway.Server{Hosts: stringsIn(v.Object, "spec", "hosts")}.MatchesHost(host)
}

// boundTo are the VirtualServices of a Gateway.
func (o *Objects) boundTo(gatewayName string) []*unstructured.Unstructured {
	var list []*unstructured.Unstructured
	for i := range o.VirtualServices.Value {
		v := &o.VirtualServices.Value[i]
		if isBoundTo(v, gatewayName) {
			list = append(list, v)
		}
	}
	return list
}

// routesTLS tells that a VirtualService of the Gateway hands TLS on as it is.
func (o *Objects) routesTLS() bool {
	return slices.ContainsFunc(o.boundTo(o.Door.Name()), func(v *unstructured.Unstructured) bool {
		rules, _, _ := unstructured.NestedSlice(v.Object, "spec", "tls")
		return len(rules) > 0
	})
}

// isKubeflows tells objects in the namespaces of Kubeflow's own parts.
func isKubeflows(v *unstructured.Unstructured) bool {
	return slices.Contains([]string{"kubeflow", "auth", "oauth2-proxy", "istio-system"}, v.GetNamespace())
}

// qualified are Gateway names with their namespace.
func qualified(v *unstructured.Unstructured, names []string) []string {
	var full []string
	for _, name := range names {
		if !strings.Contains(name, "/") {
			name = v.GetNamespace() + "/" + name
		}
		full = append(full, name)
	}
	return full
}

// hasConditions tells of a rule that looks at more than the path, such as a header.
func hasConditions(v *unstructured.Unstructured) bool {
	rules, _, _ := unstructured.NestedSlice(v.Object, "spec", "http")
	for _, entry := range rules {
		rule, _ := entry.(map[string]any)
		matches, _, _ := unstructured.NestedSlice(rule, "match")
		for _, m := range matches {
			condition, _ := m.(map[string]any)
			for field := range condition {
				if field != "uri" && field != "name" && field != "ignoreUriCase" {
					return true
				}
			}
		}
	}
	return false
}

// routes tells whether a VirtualService takes a path by itself: an exact prefix,
// or for the front page any rule that leads there.
func routes(v *unstructured.Unstructured, prefix string) bool {
	http, _, _ := unstructured.NestedSlice(v.Object, "spec", "http")
	for _, entry := range http {
		rule, _ := entry.(map[string]any)
		matches, has, _ := unstructured.NestedSlice(rule, "match")
		if !has && prefix == "/" && isKubeflows(v) {
			return true
		}
		for _, m := range matches {
			condition, _ := m.(map[string]any)
			got, _, _ := unstructured.NestedString(condition, "uri", "prefix")
			exact, _, _ := unstructured.NestedString(condition, "uri", "exact")
			if got == prefix || got != "" && strings.TrimSuffix(got, "/") == strings.TrimSuffix(prefix, "/") || prefix == "/" && exact == "/" {
				return true
			}
		}
	}
	return false
}

// takesAll is the first rule that takes every path and looks at nothing else.
func takesAll(v *unstructured.Unstructured) (rule int, ok bool) {
	rules, _, _ := unstructured.NestedSlice(v.Object, "spec", "http")
	for i, entry := range rules {
		rule, _ := entry.(map[string]any)
		matches, has, _ := unstructured.NestedSlice(rule, "match")
		if !has || len(matches) == 0 {
			return i, true
		}
		for _, m := range matches {
			condition, _ := m.(map[string]any)
			prefix, _, _ := unstructured.NestedString(condition, "uri", "prefix")
			uri, _, _ := unstructured.NestedMap(condition, "uri")
			if len(condition) == 0 || len(condition) == 1 && condition["uri"] != nil && (prefix == "/" || len(uri) == 0) {
				return i, true
			}
		}
	}
	return 0, false
}
