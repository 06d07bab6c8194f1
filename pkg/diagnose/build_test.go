package diagnose

import (
	"crypto/x509"
	"io/fs"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/kftls/kubectl-kftls/internal/testutil"
	"github.com/kftls/kubectl-kftls/pkg/cluster"
	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/gateway"
	"github.com/kftls/kubectl-kftls/pkg/portforward"
)

// change makes one thing of a healthy Kubeflow otherwise.
type change func(*Facts)

// healthy are the facts of a Kubeflow of today whose HTTPS setup has made, asked
// through the tunnel, with changes.
func healthy(changes ...change) *Facts {
	f := &Facts{
		Aim: Aim{Expect: ExpectHTTPS, Host: "localhost"}, Now: now,
		Computer: Computer{
			Program: "kubectl kftls", Env: func(string) string { return "" }, ReadFile: noFile, Home: "/home/u",
			Roots: pool([]*x509.Certificate{ourCA.certificate}), RootCertificates: []*x509.Certificate{ourCA.certificate},
			RootsFrom: "ConfigMap kubeflow/kftls-ca",
		},
		Access:  Access{Cluster: closedCluster, Wanted: true},
		Objects: kubeflowObjects(),
	}
	f.Roads = []*Road{tunnelRoad("gateway-a", false), tunnelRoad("gateway-a", true), tunnelRoad("gateway-b", true)}
	for _, change := range changes {
		change(f)
	}
	return f
}

func noFile(name string) ([]byte, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

// closedCluster is open and has sent no request.
var closedCluster = func() *cluster.Cluster {
	c, err := cluster.New(noRequest{}, cluster.Options{})
	if err != nil {
		panic(err)
	}
	return c
}()

type noRequest struct{}

func (noRequest) ToRESTConfig() (*rest.Config, error) {
	return &rest.Config{Host: "https://api.test"}, nil
}

func (noRequest) ToRawKubeConfigLoader() clientcmd.ClientConfig {
	return clientcmd.NewDefaultClientConfig(clientcmdapi.Config{
		CurrentContext: "test", Contexts: map[string]*clientcmdapi.Context{"test": {Cluster: "test"}},
		Clusters: map[string]*clientcmdapi.Cluster{"test": {Server: "https://api.test"}},
	}, nil)
}

func ok[T any](value T) Known[T] { return Known[T]{Value: value} }

func unread[T any]() Known[T] {
	return Known[T]{Err: fault.New(fault.Forbidden, "", "it is forbidden")}
}

func absent[T any](what string) Known[T] {
	return Known[T]{Err: fault.Wrap(fault.NotFound, "", apierrors.NewNotFound(schema.GroupResource{}, what))}
}

const dexIssuer = "http://dex.auth.svc.cluster.local:5556/dex"

func kubeflowObjects() *Objects {
	o := &Objects{
		Istio: ok([]string{"v1", "v1beta1"}), Name: gateway.KubeflowGateway,
		Ingress: ok(ingress()),
		Pods: ok([]corev1.Pod{
			pod("istio-system", "gateway-a", gatewayLabels), pod("istio-system", "gateway-b", gatewayLabels),
			pod("istio-system", "istiod-1", map[string]string{"app": "istiod"}),
		}),
		CA: ok(&corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Namespace: "kubeflow", Name: "kftls-ca", Labels: map[string]string{gateway.LabelManagedBy: gateway.ManagedBy}},
			Data:       map[string]string{gateway.ConfigMapKey: string(pemOf(ourCA.certificate))},
		}),
		VirtualServices: ok([]unstructured.Unstructured{
			*testutil.VirtualService("kubeflow", "centraldashboard", "kubeflow/kubeflow-gateway", "/"),
			*testutil.VirtualService("auth", "dex", "kubeflow/kubeflow-gateway", "/dex/"),
			*testutil.VirtualService("oauth2-proxy", "oauth2-proxy", "kubeflow/kubeflow-gateway", "/oauth2/"),
			*testutil.VirtualService("kubeflow", "ml-pipeline-ui", "kubeflow/kubeflow-gateway", "/pipeline"),
		}),
		Policies: ok([]unstructured.Unstructured{
			*policy("istio-ingressgateway-oauth2-proxy", "CUSTOM", map[string]any{"notPaths": []any{"/dex/*", "/oauth2/*"}}),
			*policy("istio-ingressgateway-require-jwt", "DENY", map[string]any{"notPaths": []any{"/dex/*", "/oauth2/*"}}),
			*policy("istio-ingressgateway", "ALLOW", nil),
		}),
		RequestAuthentications: ok([]unstructured.Unstructured{*requestAuthentication(dexIssuer)}),
		EnvoyFilters:           ok([]unstructured.Unstructured{}),
		Mesh:                   ok(mesh("oauth2-proxy")),
		Certificates:           Known[[]unstructured.Unstructured]{},
		Secrets:                map[types.NamespacedName]Known[*SecretFacts]{ourSecret: ok(readSecret(tlsSecret(ourLeaf)))},
		Proxy:                  part("oauth2-proxy", "oauth2-proxy"),
		Dex:                    part("auth", "dex"),
		Login: LoginFacts{
			Dex:    ok(DexSettings{Issuer: dexIssuer, PasswordDB: true, Users: 1, RedirectURIs: []string{"/oauth2/callback"}}),
			Proxy:  ok(ProxySettings{Issuer: dexIssuer, RedirectURL: "/oauth2/callback", CookieName: "oauth2_proxy_kubeflow", Provider: "oidc", HandsOnToken: true}),
			SameID: ok(true), SameSecret: ok(true), ShippedPassword: ok(false), ShippedCookieSecret: ok(false),
		},
		Pipelines:           part("kubeflow", "ml-pipeline"),
		PipelinesUI:         part("kubeflow", "ml-pipeline-ui"),
		MayForward:          ok(true),
		GatewayReadsSecrets: ok(true),
	}
	o.setGateways(ourGateway(testutil.HTTPS("https-kftls", 443, "kftls-gateway", "*")))
	return o
}

var (
	gatewayLabels = map[string]string{"app": "istio-ingressgateway", "istio": "ingressgateway"}
	ourSecret     = types.NamespacedName{Namespace: "istio-system", Name: "kftls-gateway"}
)

// ourGateway is kubeflow/kubeflow-gateway, a day old.
func ourGateway(more ...map[string]any) *unstructured.Unstructured {
	return aged(testutil.KubeflowGateway(more...), 24*time.Hour)
}

func aged(object *unstructured.Unstructured, age time.Duration) *unstructured.Unstructured {
	object.SetUID(types.UID(objectName(object)))
	object.SetCreationTimestamp(metav1.NewTime(now.Add(-age)))
	return object
}

func (o *Objects) setGateways(list ...*unstructured.Unstructured) {
	o.Gateways, o.Door = ok([]unstructured.Unstructured{}), nil
	for _, object := range list {
		o.Gateways.Value = append(o.Gateways.Value, *object)
	}
	o.assemble()
}

// gateways replaces the Gateways of the cluster.
func gateways(list ...*unstructured.Unstructured) change {
	return func(f *Facts) { f.Objects.setGateways(list...) }
}

// https replaces the servers of Kubeflow's Gateway behind the plain one.
func https(servers ...map[string]any) change { return gateways(ourGateway(servers...)) }

func ingress() *portforward.Service {
	service := &portforward.Service{Object: into(testutil.IngressService(), &corev1.Service{})}
	service.Object.Spec.Selector = map[string]string{"app": "istio-ingressgateway", "istio": "ingressgateway"}
	for _, name := range []string{"gateway-a", "gateway-b"} {
		service.Pods = append(service.Pods, portforward.Pod{
			Namespace: "istio-system", Name: name, Ready: true, Serving: true, Ports: map[int32]uint16{80: 8080, 443: 8443},
		})
	}
	return service
}

func into[T any](object *unstructured.Unstructured, typed *T) *T {
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, typed); err != nil {
		panic(err)
	}
	return typed
}

func pod(namespace, name string, labels map[string]string) corev1.Pod {
	made := *into(testutil.Pod(namespace, name, labels), &corev1.Pod{})
	made.Status.Phase = corev1.PodRunning
	made.Spec.ServiceAccountName = "istio-ingressgateway-service-account"
	return made
}

// unready takes the readiness from pods.
func unready(pods []corev1.Pod) {
	for i := range pods {
		pods[i].Status.Phase = corev1.PodPending
		pods[i].Status.Conditions = nil
		pods[i].Status.ContainerStatuses = []corev1.ContainerStatus{{
			Name: "c", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff"}},
		}}
	}
}

func part(namespace, name string) Part {
	service := into(testutil.Service(namespace, name, map[int64]int64{80: 8080}), &corev1.Service{})
	service.Spec.Selector = map[string]string{"app": name}
	return Part{
		Namespace: namespace, Name: name,
		Service: ok(service),
		Pods:    ok([]corev1.Pod{pod(namespace, name+"-1", map[string]string{"app": name})}),
	}
}

func tlsSecret(p *pair) *corev1.Secret {
	return &corev1.Secret{Type: corev1.SecretTypeTLS, Data: map[string][]byte{"tls.crt": p.pem(), "tls.key": p.keyPEM()}}
}

// secret replaces what the Secret of the HTTPS server holds.
func secret(data map[string][]byte) change {
	return func(f *Facts) {
		f.Objects.Secrets[ourSecret] = ok(readSecret(&corev1.Secret{Type: corev1.SecretTypeOpaque, Data: data}))
	}
}

// policy is an AuthorizationPolicy of the gateway pods.
func policy(name, action string, operation map[string]any) *unstructured.Unstructured {
	spec := map[string]any{
		"action":   action,
		"selector": map[string]any{"matchLabels": map[string]any{"app": "istio-ingressgateway"}},
	}
	rule := map[string]any{}
	if operation != nil {
		rule["to"] = []any{map[string]any{"operation": operation}}
	}
	switch action {
	case "CUSTOM":
		spec["provider"] = map[string]any{"name": "oauth2-proxy"}
	case "DENY":
		rule["from"] = []any{map[string]any{"source": map[string]any{"notRequestPrincipals": []any{"*"}}}}
	}
	spec["rules"] = []any{rule}
	return testutil.Object("security.istio.io/v1beta1", "AuthorizationPolicy", "istio-system", name, map[string]any{"spec": spec})
}

func requestAuthentication(issuer string) *unstructured.Unstructured {
	return testutil.Object("security.istio.io/v1beta1", "RequestAuthentication", "istio-system", "dex-jwt", map[string]any{
		"spec": map[string]any{
			"selector": map[string]any{"matchLabels": map[string]any{"app": "istio-ingressgateway"}},
			"jwtRules": []any{map[string]any{
				"issuer": issuer, "outputClaimToHeaders": []any{map[string]any{"claim": "email", "header": "kubeflow-userid"}},
			}},
		},
	})
}

// envoyFilter is the login's of Kubeflow 1.3 to 1.8.
func envoyFilter(filter string) *unstructured.Unstructured {
	return testutil.Object("networking.istio.io/v1alpha3", "EnvoyFilter", "istio-system", "authn-filter", map[string]any{
		"spec": map[string]any{"configPatches": []any{map[string]any{
			"match": map[string]any{"listener": map[string]any{"filterChain": map[string]any{"filter": map[string]any{"name": filter}}}},
			"patch": map[string]any{"value": map[string]any{"name": "envoy.filters.http.ext_authz"}},
		}}},
	})
}

func mesh(providers ...string) *corev1.ConfigMap {
	text := "accessLogFile: /dev/stdout\nextensionProviders:\n"
	for _, name := range providers {
		text += "- envoyExtAuthzHttp:\n    port: 80\n    service: oauth2-proxy.oauth2-proxy.svc.cluster.local\n" +
			"    headersToUpstreamOnAllow: [authorization, path]\n    includeRequestHeadersInCheck: [authorization, cookie]\n  name: " + name + "\n"
	}
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "istio-system", Name: "istio"}, Data: map[string]string{"mesh": text}}
}

// authService makes the login that of Kubeflow 1.3 to 1.8.
func authService(f *Facts) {
	f.Objects.Proxy = part("istio-system", "authservice")
	f.Objects.Policies.Value, f.Objects.RequestAuthentications.Value = nil, nil
	f.Objects.EnvoyFilters.Value = []unstructured.Unstructured{*envoyFilter(filterOfToday)}
	f.answers(eraAuthService)
}
