package diagnose

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kftls/kubectl-kftls/pkg/endpoint"
)

func proxyProtocolChecks() []Check {
	return []Check{
		{
			Code: "KFT610", Title: "the gateway expects the PROXY protocol, and nothing on this road speaks it", Layer: LayerHTTP, Severity: Error,
			Causes: []Symptom{HandshakeCut, AnswersTLS}, Look: lookProxyExpected,
			Page: Page{
				Means: "A load balancer can tell the gateway whose connection it passes on: with a line in front of it, the PROXY protocol. A gateway that is set to expect that line closes every connection without it: a port-forward's, and that of a load balancer that was not told to send it.",
				Shows: []Shown{
					{"curl, https", "curl: (35) Recv failure: Connection reset by peer", "measured with curl 7.88, Envoy 1.40"},
					{"curl, http", "curl: (52) Empty reply from server", "measured with curl 7.88, Envoy 1.40"},
				},
				Heals: "Let the load balancer send it (an annotation of the Service istio-system/istio-ingressgateway, by cloud), and go to Kubeflow through it; or take the expectation out of the gateway: the EnvoyFilter with envoy.filters.listener.proxy_protocol, or gatewayTopology.proxyProtocol in the annotation proxy.istio.io/config of the pods or in ConfigMap istio-system/istio.",
			},
		},
		{
			Code: "KFT611", Title: "the load balancer speaks the PROXY protocol, and the gateway does not expect it", Layer: LayerHTTP, Severity: Error,
			Causes: []Symptom{HandshakeCut, NoCommonTLS, OtherAnswer, AnswersTLS}, Look: lookProxySent,
			Page: Page{
				Means: "The load balancer puts a line of the PROXY protocol in front of every connection, since an annotation of its Service asks for it. The gateway was not set to expect one: it takes the line for a broken TLS handshake, or for a broken request.",
				Shows: []Shown{
					{"curl, https", "curl: (35) OpenSSL/3.0.19: error:0A00042E:SSL routines::tlsv1 alert protocol version", "measured with curl 7.88, Envoy 1.40"},
					{"curl, http", "HTTP/1.1 400 Bad Request", "measured with curl 7.88, Envoy 1.40"},
				},
				Heals: "Take the annotation from the Service istio-system/istio-ingressgateway; or let the gateway expect the line (gatewayTopology.proxyProtocol), after which it takes no connections without it, a port-forward's among them.",
			},
		},
	}
}

// lookProxyExpected rests on the wire: a connection with the header was taken, and
// one without was closed.
func lookProxyExpected(_ context.Context, f *Facts) Result {
	var road *Road
	for _, r := range f.Roads {
		if r.wantsProxyHeader {
			road = r
			break
		}
	}
	if road == nil {
		return passed("no connection was closed for want of it")
	}
	if own := f.own(); own != nil && own.connects() {
		return passed("the address answers; a tunnel, which does not lead through it, lacks the header")
	}
	ev := []Evidence{evidence(road.Name, "", "closed without a header of the PROXY protocol, taken with one")}
	fix := byAdmin("let the load balancer send the header, and go to Kubeflow through it; or take the expectation out of the gateway")
	if f.Objects != nil {
		if name, value := f.Objects.proxySender(); name != "" {
			ev = append(ev, evidence("Service "+objectName(f.Objects.Ingress.Value.Object), "metadata.annotations["+name+"]", value))
			fix = byAdmin("only what comes through the load balancer has the header: go to Kubeflow by its address; a port-forward needs a gateway that does not expect it")
		}
		if wanted := f.Objects.proxyExpectation(); wanted != nil {
			ev = append(ev, evidence(wanted.source, wanted.field, wanted.value))
			if wanted.filter != nil {
				fix.Text += ": " + wanted.source
			}
			if only(wanted.filter) {
				fix.Commands, fix.Destructive = []string{fmt.Sprintf("kubectl -n %s delete envoyfilter %s", quoted(wanted.filter.GetNamespace()), quoted(wanted.filter.GetName()))}, true
			}
		}
	}
	return found("the gateway closes connections that do not begin with a header of the PROXY protocol, and takes those that do", fix, ev...)
}

// connects tells that requests come through a road.
func (r *Road) connects() bool {
	symptom, _ := r.connection()
	return symptom == ""
}

// servesOtherwise tells that the user's own road is well without this tunnel: a load
// balancer in front of it sends the header of the PROXY protocol, which a tunnel
// lacks, or ends TLS with a certificate that clients trust.
func (f *Facts) servesOtherwise(tunnel *Road) bool {
	own := f.own()
	if own == nil || tunnel.Own || !own.connects() {
		return false
	}
	return tunnel.wantsProxyHeader || tunnel.TLS && own.TLS && own.Handshake.Trust == nil && f.endsTLSElsewhere()
}

// only tells that an EnvoyFilter does nothing else.
func only(filter *unstructured.Unstructured) bool {
	if filter == nil || managerOf(filter) != "" {
		return false
	}
	patches, _, _ := unstructured.NestedSlice(filter.Object, "spec", "configPatches")
	return len(patches) == 1
}

// lookProxySent compares what the load balancer is told to send with what the
// gateway is told to expect, where its road fails and the gateway itself is well.
func lookProxySent(_ context.Context, f *Facts) Result {
	own := f.own()
	switch {
	case own == nil || endpoint.IsLoopback(own.Origin.Hostname()):
		return skipped("no address outside of this computer was named")
	case f.Objects == nil:
		return skipped("no cluster was asked for")
	case !f.Objects.Ingress.OK():
		return unknown(f.Objects.Ingress.Err)
	}
	s := f.ownSighting(HandshakeCut, NoCommonTLS, OtherAnswer, AnswersTLS)
	name, value := f.Objects.proxySender()
	switch {
	case s == nil:
		return passed("the address answers")
	case name == "":
		return passed("no annotation of the Service asks a load balancer to speak it")
	case f.Objects.proxyExpectation() != nil:
		return passed("the gateway expects it")
	}
	service := f.Objects.Ingress.Value.Object
	result := found(fmt.Sprintf("an annotation of Service %s makes its load balancer begin every connection with a header of the PROXY protocol, and nothing makes the gateway expect one", objectName(service)),
		runs("the load balancer passes connections on as they are", fmt.Sprintf("kubectl -n %s annotate service %s %s-", quoted(service.Namespace), quoted(service.Name), quoted(name))),
		evidence("Service "+objectName(service), "metadata.annotations["+name+"]", value), s.wire())
	well := f.tunnelWell(own.TLS)
	if well == nil || !f.Objects.EnvoyFilters.OK() || !f.Objects.Mesh.OK() || !f.Objects.Pods.OK() {
		return result.as(probably)
	}
	return result.as(func(x *Finding) { x.Evidence = append(x.Evidence, evidence(well.Name, "", "answers")) })
}
