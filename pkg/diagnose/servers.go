package diagnose

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kftls/kubectl-kftls/pkg/gateway"
)

// rivalServer is a server of another Gateway.
type rivalServer struct {
	object *unstructured.Unstructured
	server gateway.Server
}

// ownerOf is the Gateway that a server stands in.
func (o *Objects) ownerOf(server gateway.Server) *unstructured.Unstructured {
	for _, object := range o.Door.Gateways() {
		for _, s := range gateway.Servers(object) {
			if s.Name == server.Name && s.Number == server.Number && slices.Equal(s.Hosts, server.Hosts) {
				return object
			}
		}
	}
	return o.Door.Gateway
}

// rivals are the HTTPS servers of other Gateways on the port that share a host.
func (o *Objects) rivals(owner *unstructured.Unstructured, wanted gateway.Server) []rivalServer {
	var found []rivalServer
	for _, object := range o.Door.Gateways() {
		if object.GetUID() == owner.GetUID() {
			continue
		}
		for _, s := range gateway.Servers(object) {
			if s.Number == wanted.Number && s.IsTLS() && shareHost(s, wanted) {
				found = append(found, rivalServer{object, s})
			}
		}
	}
	return found
}

func shareHost(a, b gateway.Server) bool {
	matches := func(s gateway.Server, hosts []string) bool {
		return slices.ContainsFunc(hosts, func(host string) bool {
			if _, bare, ok := strings.Cut(host, "/"); ok {
				host = bare
			}
			return s.MatchesHost(strings.Replace(host, "*", "any", 1))
		})
	}
	return matches(a, b.Hosts) || matches(b, a.Hosts)
}

// older tells which of two Gateways istiod takes first: by creation, then by
// name and namespace (sortConfigByCreationTime in pilot/pkg/model of istio/istio).
func older(a, b *unstructured.Unstructured) bool {
	x, y := a.GetCreationTimestamp(), b.GetCreationTimestamp()
	if !x.Equal(&y) {
		return x.Before(&y)
	}
	return a.GetName()+"."+a.GetNamespace() < b.GetName()+"."+b.GetNamespace()
}

// takesPlace tells that istiod leaves a later server out because of an earlier one:
// it compares hosts as they are written (merge.go in pilot/pkg/model of istio/istio).
func takesPlace(earlier, later gateway.Server) bool {
	return slices.ContainsFunc(later.Hosts, func(host string) bool { return slices.Contains(earlier.Hosts, host) })
}

// firstOn is the server that istiod takes first for a port, and whose protocol
// counts there: the oldest Gateway's, then by its place.
func (o *Objects) firstOn(port int32) gateway.Server {
	for _, object := range slices.SortedFunc(slices.Values(o.Door.Gateways()), func(a, b *unstructured.Unstructured) int {
		return boolRank(older(b, a)) - boolRank(older(a, b))
	}) {
		for _, s := range gateway.Servers(object) {
			if s.Number == port {
				return s
			}
		}
	}
	return gateway.Server{}
}

// patchServer is a fix that sets one field of a server, found by its place; the
// test operation keeps it off another server. An empty value removes the field.
func (f *Facts) patchServer(object *unstructured.Unstructured, server gateway.Server, field, value, text string) Fix {
	if manager := managerOf(object); manager != "" {
		return f.edit(object, text)
	}
	at := slices.IndexFunc(gateway.Servers(object), func(s gateway.Server) bool { return s.Name == server.Name })
	if at < 0 {
		return f.edit(object, text)
	}
	change := fmt.Sprintf(`{"op":"add","path":"/spec/servers/%d/%s","value":%s}`, at, field, value)
	if value == "" {
		change = fmt.Sprintf(`{"op":"remove","path":"/spec/servers/%d/%s"}`, at, field)
	}
	patch := fmt.Sprintf(`[{"op":"test","path":"/spec/servers/%d/port/name","value":%q},%s]`, at, server.Name, change)
	return runs(text, fmt.Sprintf("kubectl -n %s patch %s %s --type=json -p %s", object.GetNamespace(), editKind(object), object.GetName(), quoted(patch)))
}
