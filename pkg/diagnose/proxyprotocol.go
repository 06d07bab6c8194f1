package diagnose

import (
	"context"
	"net"
	"net/url"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/yaml"
)

// proxyHeader is a header of the PROXY protocol that says nothing about the client
// (https://www.haproxy.org/download/3.2/doc/proxy-protocol.txt, 2.1): whoever
// expects one takes it, and goes on with the connection's own address.
const proxyHeader = "PROXY UNKNOWN\r\n"

// probeProxyHeader tries a connection that was closed once more, with the header
// that a load balancer would send. One that is taken then proves that the header is
// expected, and harms nobody.
func (r *Road) probeProxyHeader(ctx context.Context) {
	if symptom, _ := r.connection(); symptom != HandshakeCut && symptom != AnswersTLS {
		return
	}
	headed := &Road{Name: r.Name, TLS: r.TLS, Origin: &url.URL{Scheme: r.Origin.Scheme, Host: r.Origin.Host}}
	headed.dial = func(ctx context.Context) (net.Conn, error) {
		conn, err := r.dial(ctx)
		if err != nil {
			return nil, err
		}
		if _, err := conn.Write([]byte(proxyHeader)); err != nil {
			_ = conn.Close()
			return nil, err
		}
		return conn, nil
	}
	if headed.TLS {
		r.wantsProxyHeader = len(shake(ctx, headed).Chain) > 0
		return
	}
	client := newClient(headed)
	defer client.CloseIdleConnections()
	r.wantsProxyHeader = fetch(ctx, client, headed.Origin, frontPath, nil).Err == nil
}

// proxyExpectation is an object that makes the gateway expect the header.
type proxyExpectation struct {
	source, field, value string
	// filter is the EnvoyFilter, nil for a setting of the proxies.
	filter *unstructured.Unstructured
}

// proxyProtocolFilter is Envoy's name for it.
const proxyProtocolFilter = "envoy.filters.listener.proxy_protocol"

// proxyExpectation looks where Istio's page on network topologies says that the
// expectation is written: an EnvoyFilter, the annotation of the pods, the mesh
// (https://istio.io/latest/docs/ops/configuration/traffic-management/network-topologies/).
func (o *Objects) proxyExpectation() *proxyExpectation {
	for i := range o.EnvoyFilters.Value {
		filter := &o.EnvoyFilters.Value[i]
		if text, err := filter.MarshalJSON(); err == nil && strings.Contains(string(text), proxyProtocolFilter) && o.filtersGateway(filter) {
			return &proxyExpectation{"EnvoyFilter " + objectName(filter), "spec.configPatches", proxyProtocolFilter, filter}
		}
	}
	for i := range o.Pods.Value {
		pod := &o.Pods.Value[i]
		if o.isGateway(pod) && topologyExpects(pod.Annotations["proxy.istio.io/config"], "gatewayTopology") {
			return &proxyExpectation{"Pod " + objectName(pod), "metadata.annotations[proxy.istio.io/config]", "gatewayTopology.proxyProtocol", nil}
		}
	}
	if mesh := o.Mesh.Value; mesh != nil && topologyExpects(mesh.Data["mesh"], "defaultConfig", "gatewayTopology") {
		return &proxyExpectation{"ConfigMap " + objectName(mesh), "data.mesh", "defaultConfig.gatewayTopology.proxyProtocol", nil}
	}
	return nil
}

// topologyExpects tells whether a text of settings has proxyProtocol at a place.
func topologyExpects(text string, fields ...string) bool {
	var settings map[string]any
	if yaml.Unmarshal([]byte(text), &settings) != nil {
		return false
	}
	topology, _, _ := unstructured.NestedMap(settings, fields...)
	_, has := topology["proxyProtocol"]
	return has
}

// filtersGateway tells whether an EnvoyFilter acts on the gateway pods.
func (o *Objects) filtersGateway(filter *unstructured.Unstructured) bool {
	wanted, _, _ := unstructured.NestedStringMap(filter.Object, "spec", "workloadSelector", "labels")
	return slices.ContainsFunc(o.Pods.Value, func(pod corev1.Pod) bool {
		return o.isGateway(&pod) && labels.SelectorFromSet(wanted).Matches(labels.Set(pod.Labels))
	})
}

// isGateway tells that a pod is behind the ingress Service.
func (o *Objects) isGateway(pod *corev1.Pod) bool {
	return o.Ingress.OK() && labels.SelectorFromSet(o.Ingress.Value.Object.Spec.Selector).Matches(labels.Set(pod.Labels))
}

// sendsProxyHeader are the annotations by which a Service asks its load balancer to
// send the header, and what their values hold then: of the controllers of AWS,
// DigitalOcean, OpenStack, Linode, Hetzner, Scaleway and OVHcloud. Read in their
// documentation, not measured.
var sendsProxyHeader = map[string]string{
	"service.beta.kubernetes.io/aws-load-balancer-proxy-protocol":           "*",
	"service.beta.kubernetes.io/aws-load-balancer-target-group-attributes":  "proxy_protocol_v2.enabled=true",
	"service.beta.kubernetes.io/do-loadbalancer-enable-proxy-protocol":      "true",
	"loadbalancer.openstack.org/proxy-protocol":                             "true",
	"service.beta.kubernetes.io/linode-loadbalancer-default-proxy-protocol": "v",
	"load-balancer.hetzner.cloud/uses-proxyprotocol":                        "true",
	"service.beta.kubernetes.io/scw-loadbalancer-proxy-protocol-v1":         "*|true",
	"service.beta.kubernetes.io/scw-loadbalancer-proxy-protocol-v2":         "*|true",
	"service.beta.kubernetes.io/ovh-loadbalancer-proxy-protocol":            "v",
}

// proxySender is the annotation of the ingress Service by which its load balancer
// sends the header, "" for none.
func (o *Objects) proxySender() (name, value string) {
	if !o.Ingress.OK() {
		return "", ""
	}
	for name, value := range o.Ingress.Value.Object.Annotations {
		for mark := range strings.SplitSeq(sendsProxyHeader[name], "|") {
			if mark != "" && strings.Contains(value, mark) {
				return name, value
			}
		}
	}
	return "", ""
}
