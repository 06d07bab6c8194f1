package diagnose

import (
	"context"
	"crypto/x509"
	"io/fs"
	"net/http"
	"net/url"
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
	"github.com/kftls/kubectl-kftls/pkg/session"
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
			Dex:    ok(DexSettings{Issuer: dexIssuer, PasswordDB: true, RedirectURIs: []string{"/oauth2/callback"}}),
			Proxy:  ok(ProxySettings{Issuer: dexIssuer, RedirectURL: "/oauth2/callback", CookieName: "oauth2_proxy_kubeflow"}),
			SameID: ok(true), SameSecret: ok(true), ShippedPassword: ok(false), ShippedCookieSecret: ok(false),
		},
		Pipelines:           part("kubeflow", "ml-pipeline"),
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
	return Part{
		Namespace: namespace, Name: name,
		Service: ok(into(testutil.Service(namespace, name, map[int64]int64{80: 8080}), &corev1.Service{})),
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
		text += "- envoyExtAuthzHttp:\n    port: 80\n    service: oauth2-proxy.oauth2-proxy.svc.cluster.local\n  name: " + name + "\n"
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

// tunnelRoad is a road through the API server on which all is well.
func tunnelRoad(pod string, isTLS bool) *Road {
	r := &Road{
		Name: "the tunnel to istio-system/" + pod + ":8080 (http)", Pod: pod, Port: 8080,
		Origin: &url.URL{Scheme: "http", Host: "localhost"}, Answers: eraToday(),
	}
	if isTLS {
		r.Name, r.Port, r.TLS = "the tunnel to istio-system/"+pod+":8443 (https)", 8443, true
		r.Origin.Scheme = "https"
		r.Handshake = &Handshake{Chain: ourLeaf.chain()}
	}
	return r
}

// to names the user's own road, on which all is well.
func to(address string) change {
	return func(f *Facts) {
		u, err := url.Parse(address)
		if err != nil {
			panic(err)
		}
		f.Aim.URL, f.Aim.Host, f.Aim.Expect = u, u.Hostname(), ExpectNothing
		own := &Road{
			Name: u.Scheme + "://" + u.Host + " from this computer", Own: true, TLS: u.Scheme == "https",
			Origin: &url.URL{Scheme: u.Scheme, Host: u.Host}, Answers: eraToday(),
		}
		if own.TLS {
			own.Handshake = &Handshake{Chain: ourLeaf.chain()}
		}
		for _, tunnel := range f.Roads {
			tunnel.Origin.Host = bracketed(u.Hostname())
		}
		f.Roads = append([]*Road{own}, f.Roads...)
	}
}

// each changes roads that are of a kind.
func each(fits func(*Road) bool, edit func(*Road)) change {
	return func(f *Facts) {
		for _, r := range f.Roads {
			if fits(r) {
				edit(r)
			}
		}
	}
}

func isOwn(r *Road) bool { return r.Own }
func isTLS(r *Road) bool { return r.TLS }
func isAny(*Road) bool   { return true }

// dialled makes a road one to which no connection comes about.
func dialled(err error) func(*Road) {
	return func(r *Road) { r.Dialled, r.Answers, r.Handshake = err, map[string]*Answer{}, nil }
}

// broken makes a road one whose handshake fails.
func broken(h Handshake) func(*Road) {
	return func(r *Road) { r.Handshake, r.Answers = &h, map[string]*Answer{} }
}

// failed makes a plain road one on which the first request fails.
func failed(err error) func(*Road) {
	return func(r *Road) {
		r.Answers = map[string]*Answer{frontPath: {Method: "GET", Path: frontPath, Header: http.Header{}, Err: err}}
	}
}

// serves lets the TLS roads serve a chain, and judges it as a client with the
// computer's roots does.
func serves(chain ...*x509.Certificate) change {
	return func(f *Facts) {
		for _, r := range f.Roads {
			if r.TLS {
				r.Handshake = &Handshake{Chain: chain, Trust: accepts(chain, f.Computer.Roots, r.Origin.Hostname(), f.Now)}
			}
		}
	}
}

// answers replaces what all roads answer.
func (f *Facts) answers(era func() map[string]*Answer) {
	for _, r := range f.Roads {
		r.Answers = era()
	}
}

// says replaces the answer for a path on all roads.
func says(path string, a *Answer) change {
	return each(isAny, func(r *Road) {
		answer := *a
		answer.Path = path
		r.Answers[path] = &answer
	})
}

// answer is what a server says; more are header names and values.
func answer(status int, kind, body string, more ...string) *Answer {
	a := &Answer{Method: http.MethodGet, Path: frontPath, Status: status, Header: http.Header{}, Body: []byte(body)}
	if kind != "" {
		a.Header.Set("Content-Type", kind)
	}
	for i := 0; i+1 < len(more); i += 2 {
		a.Header.Set(more[i], more[i+1])
	}
	a.Wall = session.Classify(status, a.Header, a.Body)
	return a
}

// byEnvoy are the headers by which an answer of the gateway itself is known.
var byEnvoy = []string{"Server", "istio-envoy"}

func eraToday() map[string]*Answer {
	signIn := answer(403, "text/html; charset=utf-8", "<title>Sign In</title>", byEnvoy...)
	return map[string]*Answer{
		frontPath:  signIn,
		healthPath: answer(401, "application/json", "{}", byEnvoy...),
		dexPath:    answer(200, "application/json", `{"issuer":"`+dexIssuer+`"}`),
		proxyPath:  answer(401, "text/plain", "Unauthorized"),
		startPath: answer(302, "text/html", "", "Location",
			"/dex/auth?client_id=kubeflow-oidc-authservice&code_challenge_method=S256&prompt=none&redirect_uri=%2Foauth2%2Fcallback&response_type=code&scope=openid&state=s"),
	}
}

// eraFirst is Kubeflow 1.9.0's: oauth2-proxy without its page.
func eraFirst() map[string]*Answer {
	toDex := func() *Answer {
		return answer(302, "text/html", "", "Location", "/dex/auth?approval_prompt=force&client_id=kubeflow-oidc-authservice&redirect_uri=%2Foauth2%2Fcallback&response_type=code")
	}
	all := eraToday()
	all[frontPath], all[healthPath], all[startPath] = toDex(), toDex(), toDex()
	return all
}

// eraAuthService is that of Kubeflow 1.3 to 1.8.
func eraAuthService() map[string]*Answer {
	toDex := func() *Answer {
		return answer(302, "text/html", `<a href="/dex/auth?client_id=kubeflow-oidc-authservice">Found</a>.`,
			"Location", "/dex/auth?client_id=kubeflow-oidc-authservice&redirect_uri=%2Fauthservice%2Foidc%2Fcallback&response_type=code&scope=openid&state=s")
	}
	all := eraToday()
	all[frontPath], all[healthPath], all[proxyPath], all[startPath] = toDex(), toDex(), toDex(), toDex()
	return all
}

// given adds a session, sent over the first road, and what it was answered.
func given(names []string, health *Answer) change {
	return func(f *Facts) {
		f.Aim.HasSession = true
		f.Computer.CookieFile, f.Computer.CookieNames = "cookies.txt", names
		health.Path = healthPath
		f.Session = &SessionFacts{
			Names: names, Era: session.EraOfCookie(names[0]), Via: f.Roads[0],
			Front: answer(200, "text/html", "<title>Kubeflow Central Dashboard</title>"), Health: health,
			User: answer(200, "application/json", `{"email":"user@example.com"}`),
		}
	}
}

var pipelinesHealth = `{"multi_user":true, "pipeline_store":null}`

// seen replaces what the wire showed.
func seen(symptoms ...Symptom) change {
	return func(f *Facts) {
		for _, s := range symptoms {
			f.Seen = append(f.Seen, Sighting{Symptom: s, Via: "the tunnel", Text: "text", Failure: true})
		}
	}
}

// complete adds what gathering leaves no facts without: the sightings of the roads,
// unless seen has set them, and an answer for each Secret that is named.
func (f *Facts) complete() {
	if f.Seen == nil {
		f.Seen = f.observe()
	}
	if f.Objects == nil {
		return
	}
	for _, server := range f.Objects.httpsServers() {
		name, named := f.Objects.secretOf(server)
		if _, asked := f.Objects.Secrets[name]; named && !asked {
			f.Objects.Secrets[name] = absent[*SecretFacts](name.Name)
		}
	}
}

// lookBy is how one check ends.
func (f *Facts) lookBy(code string) Result {
	f.complete()
	for _, c := range Checks() {
		if c.Code == code {
			return run(context.Background(), c, f, map[string]Status{})
		}
	}
	return Result{Status: "no such check"}
}

// judged is what all checks make of the facts.
func (f *Facts) judged() (judged, []outcome) {
	f.complete()
	outcomes := look(context.Background(), f, Options{}, nil)
	return judge(outcomes, f.Seen), outcomes
}

// as lets the auth proxy say whose the session is.
func as(user string) change {
	return func(f *Facts) { f.Session.User = answer(200, "application/json", `{"email":"`+user+`"}`) }
}

// owners are those of Kubeflow's profiles.
func owners(names ...string) change {
	return func(f *Facts) { f.Objects.Profiles = ok(names) }
}
