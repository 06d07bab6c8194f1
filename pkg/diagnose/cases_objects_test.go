package diagnose

import (
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kftls/kubectl-kftls/internal/testutil"
)

// otherGateway has an HTTPS server for all names, on the port of ours.
func otherGateway(age time.Duration) *unstructured.Unstructured {
	return aged(testutil.Gateway("default", "other-gateway", testutil.HTTPS("https", 443, "other", "*")), age)
}

// ours is the HTTPS server that setup adds, with changes to it.
func ours(edits ...func(map[string]any)) map[string]any {
	server := testutil.HTTPS("https-kftls", 443, "kftls-gateway", "*")
	for _, edit := range edits {
		edit(server)
	}
	return server
}

func tlsField(name, value string) func(map[string]any) {
	return func(server map[string]any) { server["tls"].(map[string]any)[name] = value }
}

func hosts(list ...any) func(map[string]any) {
	return func(server map[string]any) { server["hosts"] = list }
}

// cut makes every TLS road one that is cut during the handshake.
var cut = each(isTLS, broken(Handshake{Err: errReset, Cut: true}))

// spec changes a field of an object.
func spec(object *unstructured.Unstructured, value any, fields ...string) *unstructured.Unstructured {
	if err := unstructured.SetNestedField(object.Object, value, append([]string{"spec"}, fields...)...); err != nil {
		panic(err)
	}
	return object
}

func objectExamples() []example {
	notSetUp := func(f *Facts) { f.Objects.CA = absent[*corev1ConfigMap]("kftls-ca") }
	expectNothing := func(f *Facts) { f.Aim.Expect = ExpectNothing }
	httpsAlone := gateways(aged(testutil.Gateway("kubeflow", "kubeflow-gateway", ours()), time.Hour))
	redirected := testutil.HTTP("http", 80, "*")
	redirected["tls"] = map[string]any{"httpsRedirect": true}
	argo := ourGateway()
	argo.SetAnnotations(map[string]string{"argocd.argoproj.io/tracking-id": "kubeflow:x"})
	route := func(object *unstructured.Unstructured) change {
		return func(f *Facts) {
			for i := range f.Objects.VirtualServices.Value {
				if objectName(&f.Objects.VirtualServices.Value[i]) == objectName(object) {
					f.Objects.VirtualServices.Value[i] = *object
				}
			}
		}
	}
	dashboard := func() *unstructured.Unstructured {
		return testutil.VirtualService("kubeflow", "centraldashboard", "kubeflow/kubeflow-gateway", "/")
	}
	return append([]example{
		finds("KFT301", "nobody has set HTTPS up", https(), notSetUp),
		finds("KFT301", "nobody has set HTTPS up", https(), notSetUp, expectNothing).as(Info),
		clears("KFT301", Passed),
		clears("KFT301", Skipped, gateways()),
		clears("KFT301", Unknown, func(f *Facts) { f.Objects.Gateways, f.Objects.Door = unread[[]unstructuredObject](), nil }),
		finds("KFT302", "its server is gone", https()),
		finds("KFT302", "its server is gone", https(), expectNothing).as(Info),
		finds("KFT302", "its server is gone", gateways(argo)),
		clears("KFT302", Passed),
		clears("KFT302", Skipped, https(), notSetUp),
		clears("KFT302", Unknown, https(), func(f *Facts) { f.Objects.CA = unread[*corev1ConfigMap]() }),
		finds("KFT310", "Gateway default/other-gateway has an HTTPS server on port 443", gateways(ourGateway(ours()), otherGateway(48*time.Hour))),
		clears("KFT310", Passed, gateways(ourGateway(ours()), otherGateway(time.Hour))),
		clears("KFT310", Passed, gateways(ourGateway(ours()), aged(testutil.Gateway("default", "kserve", testutil.HTTPS("https", 8444, "x", "*")), 48*time.Hour))),
		clears("KFT310", Passed, gateways(ourGateway(ours(hosts("kubeflow.example.com"))), aged(testutil.Gateway("default", "kserve", testutil.HTTPS("https", 443, "x", "kserve.example.com")), 48*time.Hour))),
		clears("KFT310", Skipped, https()),
		finds("KFT311", "port 443 is an HTTP server's and an HTTPS server's", https(testutil.HTTP("http-443", 443, "*"), ours())),
		clears("KFT311", Passed),
		finds("KFT312", "tls.mode MUTUAL", https(ours(tlsField("mode", "MUTUAL")))),
		finds("KFT312", "tls.mode PASSTHROUGH", https(ours(tlsField("mode", "PASSTHROUGH")))),
		finds("KFT312", "tls.mode OPTIONAL_MUTUAL", https(ours(tlsField("mode", "OPTIONAL_MUTUAL"))), cut),
		finds("KFT312", "names no Secret", https(ours(tlsField("credentialName", "")))),
		clears("KFT312", Passed, https(ours(tlsField("mode", "OPTIONAL_MUTUAL")))),
		clears("KFT312", Passed),
		clears("KFT312", Skipped, https()),
		finds("KFT313", "admits kubeflow.example.com alone, and was asked for localhost", https(ours(hosts("kubeflow.example.com")))),
		finds("KFT313", "admits kubeflow/*.example.com alone", https(ours(hosts("kubeflow/*.example.com")))),
		finds("KFT313", "admits none alone", https(ours(hosts()))),
		clears("KFT313", Passed, https(ours(hosts("kubeflow.example.com"))), to(far)),
		clears("KFT313", Passed),
		clears("KFT313", Skipped, https()),
		finds("KFT325", "admits kubeflow.example.com alone", gateways(aged(testutil.Gateway("kubeflow", "kubeflow-gateway", testutil.HTTP("http", 80, "kubeflow.example.com")), time.Hour))),
		clears("KFT325", Passed),
		clears("KFT325", Skipped, httpsAlone),
		finds("KFT329", "no server for plain HTTP", httpsAlone, allSay(rbacDenied), plainWanted),
		finds("KFT329", "plain HTTP on port 81 alone", gateways(aged(testutil.Gateway("kubeflow", "kubeflow-gateway", testutil.HTTP("http", 81, "*")), time.Hour)), allSay(rbacDenied), plainWanted),
		clears("KFT329", Skipped, httpsAlone),
		clears("KFT329", Passed),
		finds("KFT322", "port 80 is redirected", gateways(aged(testutil.Gateway("kubeflow", "kubeflow-gateway", redirected, ours()), time.Hour))),
		clears("KFT322", Passed),
		clears("KFT322", Skipped, gateways()),
		finds("KFT321", "no VirtualService routes / to the dashboard", func(f *Facts) { f.Objects.VirtualServices.Value = f.Objects.VirtualServices.Value[1:] }),
		clears("KFT321", Passed, func(f *Facts) { // Dex answers, whatever leads to it
			f.Objects.VirtualServices.Value[1] = *testutil.VirtualService("x", "y", "kubeflow/kubeflow-gateway", "/y/")
		}),
		finds("KFT321", "no VirtualService routes /dex/", says(dexPath, noRoute), func(f *Facts) {
			f.Objects.VirtualServices.Value[1] = *testutil.VirtualService("x", "y", "kubeflow/kubeflow-gateway", "/y/")
		}),
		finds("KFT321", "no VirtualService routes /oauth2/", says(proxyPath, noRoute), func(f *Facts) { f.Objects.VirtualServices.Value = f.Objects.VirtualServices.Value[:2] }),
		finds("KFT321", "centraldashboard is bound to other-gateway", route(spec(dashboard(), []any{"other-gateway"}, "gateways"))),
		finds("KFT321", "centraldashboard answers for kubeflow.example.com alone", route(spec(dashboard(), []any{"kubeflow.example.com"}, "hosts"))),
		clears("KFT321", Passed, route(spec(dashboard(), []any{"kubeflow-gateway"}, "gateways"))),
		clears("KFT321", Passed, route(spec(dashboard(), []any{"kubeflow.example.com"}, "hosts")), to(far)),
		clears("KFT321", Passed, func(f *Facts) { // 1.9.0 has no route for oauth2-proxy, and one policy for all paths
			f.Objects.Policies.Value = []unstructured.Unstructured{*policy("istio-ingressgateway-oauth2-proxy", "CUSTOM", nil)}
			f.Objects.VirtualServices.Value = f.Objects.VirtualServices.Value[:2]
		}),
		clears("KFT321", Passed, authService, func(f *Facts) { f.Objects.VirtualServices.Value = f.Objects.VirtualServices.Value[:2] }),
		clears("KFT321", Unknown, func(f *Facts) { f.Objects.VirtualServices = unread[[]unstructuredObject]() }),
		clears("KFT321", Skipped, gateways()),
		finds("KFT328", "VirtualService auth/dex takes every path", allSay(welcome), func(f *Facts) {
			f.Objects.VirtualServices.Value[1] = *testutil.VirtualService("auth", "dex", "kubeflow/kubeflow-gateway", "/")
		}),
		finds("KFT328", "VirtualService auth/dex takes every path", allSay(welcome), func(f *Facts) {
			unstructured.RemoveNestedField(f.Objects.VirtualServices.Value[1].Object["spec"].(map[string]any)["http"].([]any)[0].(map[string]any), "match")
		}),
		clears("KFT328", Passed, allSay(welcome)),
		clears("KFT328", Passed, func(f *Facts) {
			f.Objects.VirtualServices.Value[1] = *testutil.VirtualService("auth", "dex", "kubeflow/kubeflow-gateway", "/")
		}),
		clears("KFT328", Unknown, allSay(welcome), func(f *Facts) { f.Objects.VirtualServices = unread[[]unstructuredObject]() }),
		clears("KFT328", Skipped, gateways()),
	}, controlExamples()...)
}

func controlExamples() []example {
	return []example{
		finds("KFT319", "istio-ingressgateway-service-account", cut, func(f *Facts) { f.Objects.GatewayReadsSecrets = ok(false) }),
		clears("KFT319", Passed, cut),
		clears("KFT319", Unknown, cut, func(f *Facts) { f.Objects.GatewayReadsSecrets = unread[bool]() }),
		clears("KFT319", Skipped),
		clears("KFT319", Skipped, https()),
		finds("KFT320", "there is no pod of istiod", func(f *Facts) { f.Objects.Pods.Value = f.Objects.Pods.Value[:2] }),
		finds("KFT320", "no pod of istiod is ready", func(f *Facts) { unready(f.Objects.Pods.Value[2:]) }),
		clears("KFT320", Passed),
		clears("KFT320", Skipped, func(f *Facts) { f.Objects.Pods.Value = nil }),
		clears("KFT320", Unknown, func(f *Facts) { f.Objects.Pods = unread[[]corev1Pod]() }),
	}
}

func ingressExamples() []example {
	unselected := func(f *Facts) {
		f.Objects.Ingress.Value.Object.Spec.Selector = map[string]string{"app": "gone"}
		f.Objects.Ingress.Value.Pods = nil
	}
	noService := func(f *Facts) {
		f.Objects.Ingress = absent[*ingressService]("istio-ingressgateway")
		f.Objects.Ingress.Value = nil
		f.Objects.setGateways(ourGateway(ours()))
	}
	unreadService := func(f *Facts) { f.Objects.Ingress = unread[*ingressService]() }
	noneReady := func(f *Facts) {
		for i := range f.Objects.Ingress.Value.Pods {
			f.Objects.Ingress.Value.Pods[i].Ready = false
		}
		unready(f.Objects.Pods.Value[:2])
	}
	scaledDown := func(f *Facts) { f.Objects.Ingress.Value.Pods, f.Objects.Pods.Value = nil, f.Objects.Pods.Value[2:] }
	ports := func(list ...corev1ServicePort) change {
		return func(f *Facts) {
			f.Objects.Ingress.Value.Object.Spec.Ports = list
		}
	}
	selects := func(labels map[string]any) change {
		return func(f *Facts) {
			f.Objects.setGateways(aged(spec(testutil.KubeflowGateway(ours()), labels, "selector"), time.Hour))
		}
	}
	return []example{
		finds("KFT318", "no Service istio-system/istio-ingressgateway", noService),
		clears("KFT318", Passed),
		clears("KFT318", Unknown, unreadService),
		clears("KFT318", Skipped, noService, func(f *Facts) { f.Objects.Istio = ok([]string{}) }),
		finds("KFT317", "selects app=gone", unselected),
		clears("KFT317", Passed),
		clears("KFT317", Passed, scaledDown),
		clears("KFT317", Skipped, noService),
		clears("KFT317", Unknown, unselected, func(f *Facts) { f.Objects.Pods = unread[[]corev1Pod]() }),
		finds("KFT315", "none of them is ready", noneReady),
		finds("KFT315", "there is none", scaledDown),
		clears("KFT315", Passed),
		clears("KFT315", Unknown, unreadService),
		clears("KFT315", Unknown, scaledDown, func(f *Facts) { f.Objects.Pods = unread[[]corev1Pod]() }),
		finds("KFT314", "selects istio=gone", selects(map[string]any{"istio": "gone"})),
		clears("KFT314", Passed),
		clears("KFT314", Passed, selects(map[string]any{})),
		clears("KFT314", Skipped, scaledDown),
		clears("KFT314", Unknown, func(f *Facts) { f.Objects.Pods = unread[[]corev1Pod]() }),
		finds("KFT324", "programs pod istio-system/egress-1, too", func(f *Facts) {
			f.Objects.Pods.Value = append(f.Objects.Pods.Value, pod("istio-system", "egress-1", gatewayLabels))
		}),
		clears("KFT324", Passed),
		clears("KFT324", Unknown, func(f *Facts) { f.Objects.Pods = unread[[]corev1Pod]() }),
		finds("KFT316", "does not publish port 443", ports(servicePort("http", 80, 8080))),
		finds("KFT316", "maps port 443 to 8080", ports(servicePort("http", 80, 8080), servicePort("https", 443, 8080)), cut),
		clears("KFT316", Passed),
		clears("KFT316", Passed, ports(servicePort("http", 80, 8080)), https(testutil.HTTPS("https-kftls", 9443, "kftls-gateway", "*"))),
		clears("KFT316", Skipped, https(), func(f *Facts) { f.Aim.Expect = ExpectNothing }),
		clears("KFT316", Skipped, noService),
		finds("KFT327", "does not publish port 80", plainWanted, ports(servicePort("https", 443, 8443))),
		finds("KFT327", "maps port 80 to 8443", plainWanted, ports(servicePort("http", 80, 8443), servicePort("https", 443, 8443)), cut),
		clears("KFT327", Passed, plainWanted),
		clears("KFT327", Skipped, ports(servicePort("https", 443, 8443))),
		clears("KFT327", Skipped, plainWanted, noService),
	}
}

func secretExamples() []example {
	cross := https(ours(tlsField("credentialName", "kubeflow/kftls-gateway")))
	gone := func(f *Facts) { f.Objects.Secrets[ourSecret] = absent[*SecretFacts]("kftls-gateway") }
	forbidden := func(f *Facts) { f.Objects.Secrets[ourSecret] = unread[*SecretFacts]() }
	beside := func(f *Facts) {
		gone(f)
		f.Objects.Secrets[types.NamespacedName{Namespace: "kubeflow", Name: "kftls-gateway"}] = ok(readSecret(tlsSecret(ourLeaf)))
	}
	managed := func(ready string) change {
		return func(f *Facts) {
			f.Objects.Certificates = ok([]unstructured.Unstructured{*testutil.Object("cert-manager.io/v1", "Certificate", "istio-system", "gateway", map[string]any{
				"spec":   map[string]any{"secretName": "kftls-gateway", "issuerRef": map[string]any{"name": "kubeflow-self-signing-issuer"}},
				"status": map[string]any{"conditions": []any{map[string]any{"type": "Ready", "status": ready, "message": "Issuing certificate as Secret does not exist"}}},
			})})
		}
	}
	other := below(ourCA)
	examples := []example{
		finds("KFT303", "no Secret istio-system/kftls-gateway", gone),
		clears("KFT303", Passed),
		clears("KFT303", Unknown, forbidden),
		clears("KFT303", Skipped, https()),
		finds("KFT304", "lies in namespace kubeflow", beside),
		clears("KFT304", Passed, gone),
		clears("KFT304", Skipped),
		clears("KFT304", Skipped, https()),
		finds("KFT305", "asks for a Secret of namespace kubeflow", cross),
		clears("KFT305", Passed),
		clears("KFT305", Passed, https(ours(tlsField("credentialName", "kubernetes://istio-system/kftls-gateway")))),
		clears("KFT305", Skipped, https()),
		finds("KFT306", "neither tls.crt and tls.key nor cert and key", secret(map[string][]byte{"server.crt": ourLeaf.pem(), "server.key": ourLeaf.keyPEM()})),
		clears("KFT306", Passed),
		clears("KFT306", Passed, secret(map[string][]byte{"cert": ourLeaf.pem(), "key": ourLeaf.keyPEM()})),
		finds("KFT307", "is empty", secret(map[string][]byte{"tls.crt": ourLeaf.pem(), "tls.key": {}})),
		clears("KFT307", Passed),
		finds("KFT308", "cannot be read", secret(map[string][]byte{"tls.crt": []byte("0\x82\x01binary"), "tls.key": ourLeaf.keyPEM()})),
		finds("KFT308", "is encrypted", secret(map[string][]byte{"tls.crt": ourLeaf.pem(), "tls.key": []byte(encryptedKey)})),
		clears("KFT308", Passed),
		clears("KFT308", Skipped, secret(map[string][]byte{"tls.crt": {}, "tls.key": {}})),
		finds("KFT309", "is not the key of its certificate", secret(map[string][]byte{"tls.crt": ourLeaf.pem(), "tls.key": other.keyPEM()})),
		clears("KFT309", Passed),
		clears("KFT309", Skipped, secret(map[string][]byte{"tls.crt": []byte("x"), "tls.key": other.keyPEM()})),
		finds("KFT323", "Certificate istio-system/gateway, which keeps Secret istio-system/kftls-gateway, is not ready", managed("False")),
		clears("KFT323", Passed, managed("True")),
		clears("KFT323", Passed),
		clears("KFT323", Unknown, func(f *Facts) { f.Objects.Certificates = unread[[]unstructuredObject]() }),
	}
	for _, code := range []string{"KFT306", "KFT307", "KFT308", "KFT309"} {
		examples = append(examples, clears(code, Skipped, gone), clears(code, Unknown, forbidden))
	}
	return examples
}

func plainWanted(f *Facts) { f.Aim.Expect = ExpectHTTP }
