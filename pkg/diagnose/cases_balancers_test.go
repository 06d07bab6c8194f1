package diagnose

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kftls/kubectl-kftls/internal/testutil"
)

func balancerExamples() []example {
	// wants makes roads ones that are closed without a header of the PROXY protocol.
	wants := func(fits func(*Road) bool) change {
		return each(fits, func(r *Road) {
			if broken(Handshake{Err: errReset, Cut: true})(r); !r.TLS {
				failed(errReset)(r)
			}
			r.wantsProxyHeader = true
		})
	}
	filter := testutil.Object("networking.istio.io/v1alpha3", "EnvoyFilter", "istio-system", "proxy-protocol", map[string]any{
		"spec": map[string]any{
			"workloadSelector": map[string]any{"labels": map[string]any{"istio": "ingressgateway"}},
			"configPatches":    []any{map[string]any{"patch": map[string]any{"value": map[string]any{"name": proxyProtocolFilter}}}},
		},
	})
	filtered := func(f *Facts) { f.Objects.EnvoyFilters = ok([]unstructured.Unstructured{*filter}) }
	inPods := func(f *Facts) {
		for i := range f.Objects.Pods.Value {
			f.Objects.Pods.Value[i].Annotations = map[string]string{"proxy.istio.io/config": `{"gatewayTopology": {"proxyProtocol": {}}}`}
		}
	}
	inMesh := func(f *Facts) {
		f.Objects.Mesh.Value.Data["mesh"] += "defaultConfig:\n  gatewayTopology:\n    proxyProtocol: {}\n"
	}
	annotated := func(name, value string) change {
		return func(f *Facts) { f.Objects.Ingress.Value.Object.Annotations = map[string]string{name: value} }
	}
	aws := annotated("service.beta.kubernetes.io/aws-load-balancer-proxy-protocol", "*")
	ownCut := each(isOwn, broken(Handshake{Err: errReset, Cut: true}))
	return []example{
		finds("KFT610", "do not begin with a header", wants(isTLS)),
		finds("KFT610", "do not begin with a header", wants(isAny), filtered),
		finds("KFT610", "do not begin with a header", wants(isAny), inPods),
		finds("KFT610", "do not begin with a header", wants(isAny), inMesh, aws),
		finds("KFT610", "do not begin with a header", to(local), wants(isAny), withoutCluster),
		clears("KFT610", Passed, cut, filtered),
		finds("KFT611", "makes its load balancer begin every connection", to(far), ownCut, aws),
		finds("KFT611", "makes its load balancer begin every connection", to(far), ownCut,
			annotated("service.beta.kubernetes.io/aws-load-balancer-target-group-attributes", "a=b,proxy_protocol_v2.enabled=true"),
			func(f *Facts) { f.Objects.Mesh = unread[*corev1ConfigMap]() }),
		finds("KFT611", "makes its load balancer begin every connection", to("http://kubeflow.example.com"), aws,
			each(isOwn, func(r *Road) { r.Answers[frontPath] = answer(400, "text/plain", "Bad Request") })),
		clears("KFT611", Passed, to(far), ownCut, aws, filtered),
		clears("KFT611", Passed, to(far), ownCut, annotated("service.beta.kubernetes.io/do-loadbalancer-enable-proxy-protocol", "false")),
		clears("KFT611", Passed, to(far), aws),
		clears("KFT611", Skipped, to(local), ownCut, aws),
		clears("KFT611", Unknown, to(far), ownCut, func(f *Facts) { f.Objects.Ingress = unread[*ingressService]() }),
	}
}

// bothSpeakIt is a load balancer that sends the header to a gateway that expects it.
func bothSpeakIt(f *Facts) {
	to(far)(f)
	for _, r := range f.Roads[1:] {
		if broken(Handshake{Err: errReset, Cut: true})(r); !r.TLS {
			failed(errReset)(r)
		}
		r.wantsProxyHeader = true
	}
}
