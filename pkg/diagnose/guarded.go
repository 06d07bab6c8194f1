package diagnose

import (
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// opens marks a finding about the login's policies where the objects prove that the
// dashboard is reached without a login: no policy or filter takes the port, and the
// route leads to the dashboard itself and not to a proxy in front of it.
func (f *Facts) opens(x *Finding) {
	o := f.Objects
	if o.Door == nil || !o.VirtualServices.OK() || !o.leadsToDashboard() || o.wantsPrincipals() {
		return
	}
	for _, tls := range []bool{false, true} {
		on := map[bool]reach{false: overPlain, true: overTLS}[tls]
		if port, known := f.podPort(tls); known && !o.guards(port) {
			breaks(StandsOpen, on)(x)
			if f.isAskedFor(on) {
				return
			}
		}
	}
}

// podPort is the port on which the gateway pods serve what was asked for.
func (f *Facts) podPort(tls bool) (string, bool) {
	port, serves := f.plainPort()
	if tls {
		server, ok := f.Objects.httpsServer(f.Aim.Host)
		port, serves = server.Number, ok
	}
	ready := f.Objects.Door.ReadyPods()
	if !serves || len(ready) == 0 {
		return "", false
	}
	number, err := f.Objects.Door.PodPort(ready[0], port)
	return strconv.Itoa(int(number)), err == nil
}

// guards tells that requests on a port of the pods are handed to a login: by a filter,
// or by a policy that hands them over, with one that denies those that pass it by.
func (o *Objects) guards(port string) bool {
	if o.hasAuthnFilter() {
		return true
	}
	takes := func(p *unstructured.Unstructured) bool {
		all := operations(p)
		return len(all) == 0 || slices.ContainsFunc(all, func(operation map[string]any) bool {
			ports := stringsIn(operation, "ports")
			return len(ports) == 0 || slices.Contains(ports, port)
		})
	}
	custom := slices.DeleteFunc(o.policies("CUSTOM"), func(p *unstructured.Unstructured) bool { return !takes(p) })
	deny := slices.ContainsFunc(o.policies("DENY"), func(p *unstructured.Unstructured) bool { return takes(p) && mentions(p, "notRequestPrincipals") })
	if len(custom) == 0 {
		return deny // who is not handed over brings no token, and is denied
	}
	return deny || !slices.ContainsFunc(custom, passesHeaders)
}

func mentions(object *unstructured.Unstructured, word string) bool {
	text, err := object.MarshalJSON()
	return err == nil && strings.Contains(string(text), word)
}

// wantsPrincipals tells that a policy lets in those alone who bring a token: a guard
// of somebody's own.
func (o *Objects) wantsPrincipals() bool {
	for _, action := range []string{"ALLOW", ""} {
		if slices.ContainsFunc(o.policies(action), func(p *unstructured.Unstructured) bool { return mentions(p, `"requestPrincipals"`) }) {
			return true
		}
	}
	return false
}

// leadsToDashboard tells that a route of the Gateway leads to Kubeflow's dashboard
// itself.
func (o *Objects) leadsToDashboard() bool {
	return slices.ContainsFunc(o.boundTo(o.Door.Name()), func(v *unstructured.Unstructured) bool {
		return routes(v, "/") && mentions(v, "dashboard.") && !mentions(v, "oauth2-proxy")
	})
}

// asksProxy tells that what guards the gateway asks the auth proxy that was looked
// at, and not another one.
func (o *Objects) asksProxy() bool {
	if policy := o.customPolicy(); policy != nil {
		name, _, _ := unstructured.NestedString(policy.Object, "spec", "provider", "name")
		return o.Mesh.OK() && o.meshIsDefault() &&
			strings.HasPrefix(askedService(o.Mesh.Value.Data["mesh"], name), o.Proxy.Name+"."+o.Proxy.Namespace+".")
	}
	return slices.ContainsFunc(o.authnFilters(), func(filter *unstructured.Unstructured) bool { return mentions(filter, o.Proxy.Name+".") })
}

// meshIsDefault tells that istiod reads its settings from the ConfigMap of that name:
// one of a revision has its own.
func (o *Objects) meshIsDefault() bool {
	for i := range o.Pods.Value {
		pod := &o.Pods.Value[i]
		if rev := pod.Labels["istio.io/rev"]; pod.Labels["app"] == "istiod" && rev != "" && rev != "default" {
			return false
		}
	}
	return true
}

// askedService is the program that a provider of the mesh asks, by its Service; "" for
// one that is not known.
func askedService(mesh, provider string) string {
	for _, p := range meshProviders(mesh) {
		switch {
		case p.Name != provider:
		case p.EnvoyExtAuthzHTTP != nil:
			return p.EnvoyExtAuthzHTTP.Service
		default:
			return p.EnvoyExtAuthzGRPC.Service
		}
	}
	return ""
}
