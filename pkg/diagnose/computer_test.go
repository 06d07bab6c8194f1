package diagnose

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kftls/kubectl-kftls/internal/testutil"
	"github.com/kftls/kubectl-kftls/pkg/endpoint"
)

func TestProxyFor(t *testing.T) {
	const p, q = "http://p.example.com:3128", "http://q.example.com:3128"
	for _, tc := range []struct {
		address string
		env     []string
		want    string
	}{
		{local, nil, ""},
		{local, []string{"HTTPS_PROXY", p}, p},
		{local, []string{"https_proxy", p}, p},
		{local, []string{"https_proxy", p, "HTTPS_PROXY", q}, p},
		{local, []string{"http_proxy", p}, ""},
		{local, []string{"ALL_PROXY", p}, p},
		{local, []string{"all_proxy", p, "https_proxy", q}, q},
		{local, []string{"HTTPS_PROXY", "p.example.com:3128"}, p},
		{"http://localhost:8080", []string{"http_proxy", p}, p},
		{"http://localhost:8080", []string{"HTTP_PROXY", p}, ""}, // curl does not take it, since CGI
		{"http://localhost:8080", []string{"ALL_PROXY", p}, p},
		{"http://localhost:8080", []string{"HTTPS_PROXY", p}, ""},
		{local, []string{"HTTPS_PROXY", p, "NO_PROXY", "localhost"}, ""},
		{local, []string{"HTTPS_PROXY", p, "NO_PROXY", "LOCALHOST"}, ""},
		{local, []string{"HTTPS_PROXY", p, "no_proxy", "example.com, localhost"}, ""},
		{local, []string{"HTTPS_PROXY", p, "NO_PROXY", "*"}, ""},
		{local, []string{"HTTPS_PROXY", p, "NO_PROXY", "example.com"}, p},
		{local, []string{"HTTPS_PROXY", p, "NO_PROXY", "host"}, p},
		{local, []string{"HTTPS_PROXY", p, "no_proxy", "example.com", "NO_PROXY", "localhost"}, p}, // the lower-case one counts
		{"https://kf.localhost:8443", []string{"HTTPS_PROXY", p, "NO_PROXY", ".localhost"}, ""},
		{"https://127.0.0.1:8443", []string{"HTTPS_PROXY", p}, p},
		{"https://127.0.0.1:8443", []string{"HTTPS_PROXY", p, "NO_PROXY", "localhost"}, p},
		{"https://127.0.0.1:8443", []string{"HTTPS_PROXY", p, "NO_PROXY", "localhost,127.0.0.1,::1"}, ""},
		{"https://127.0.0.1:8443", []string{"HTTPS_PROXY", p, "NO_PROXY", "127.0.0.0/8"}, ""},
		{"https://127.0.0.1:8443", []string{"HTTPS_PROXY", p, "NO_PROXY", "10.0.0.0/8"}, p},
		{"https://[::1]:8443", []string{"HTTPS_PROXY", p, "NO_PROXY", "::1"}, ""},
		{"https://[::1]:8443", []string{"HTTPS_PROXY", p}, p},
		{far, []string{"HTTPS_PROXY", p}, p},
		{far, []string{"HTTPS_PROXY", p, "NO_PROXY", "example.com"}, ""},
		{far, []string{"HTTPS_PROXY", p, "NO_PROXY", ".example.com"}, ""},
		{far, []string{"HTTPS_PROXY", p, "NO_PROXY", "ample.com"}, p},
		{"https://10.1.2.3", []string{"HTTPS_PROXY", p, "NO_PROXY", "10.0.0.0/8"}, ""},
	} {
		u := must(url.Parse(tc.address))
		got := ""
		if proxy := proxyFor(u, envOf(tc.env...)); proxy != nil {
			got = proxy.String()
		}
		if got != tc.want {
			t.Errorf("%s with %v: %q, want %q", tc.address, tc.env, got, tc.want)
		}
		if own := ownRoad(u, envOf(tc.env...)); (own.Proxy != "") != (tc.want != "" && !endpoint.IsLoopback(u.Hostname())) {
			t.Errorf("%s with %v: the road leads through %q", tc.address, tc.env, own.Proxy)
		}
	}
}

func TestLoopback(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "kf.localhost": true, "127.0.0.1": true, "127.1.2.3": true, "::1": true,
		"": false, "localhost.example.com": false, "10.0.0.1": false, "kubeflow.example.com": false, "::": false,
	} {
		if endpoint.IsLoopback(host) != want {
			t.Errorf("%q: %t", host, !want)
		}
	}
}

func TestOddClock(t *testing.T) {
	const here, api, gateway = "this computer", "the API server", "the gateway"
	for name, tc := range map[string]struct {
		offsets map[string]time.Duration
		odd     string
		off     time.Duration
	}{
		"all agree":               {map[string]time.Duration{here: 0, api: time.Second, gateway: time.Second}, here, -time.Second},
		"this computer behind":    {map[string]time.Duration{here: 0, api: time.Hour, gateway: time.Hour}, here, -time.Hour},
		"this computer ahead":     {map[string]time.Duration{here: 0, api: -time.Hour, gateway: -time.Hour}, here, time.Hour},
		"the API server ahead":    {map[string]time.Duration{here: 0, api: time.Hour, gateway: 0}, api, time.Hour},
		"the gateway's behind":    {map[string]time.Duration{here: 0, api: time.Second, gateway: -time.Hour}, gateway, -time.Hour},
		"two, and nobody's fault": {map[string]time.Duration{here: 0, gateway: time.Hour}, here, -time.Hour},
	} {
		if odd, off := oddClock(tc.offsets); odd != tc.odd || off != tc.off {
			t.Errorf("%s: %s by %s, want %s by %s", name, odd, off, tc.odd, tc.off)
		}
	}
}

// TestThreeClocks: the API server's clock counts as well.
func TestThreeClocks(t *testing.T) {
	api := testutil.NewAPIServer(t)
	api.Date = func() time.Time { return time.Now().Add(3 * time.Hour) }
	c := api.Cluster(t)
	_, _ = c.GroupVersions(t.Context(), networkingGroup)
	result := healthy(skewed(3*time.Hour), func(f *Facts) { f.Access.Cluster = c }).lookBy("KFT105")
	if result.Finding == nil || !strings.Contains(result.Finding.Cause, "this computer's clock is off by -3h0m0s") {
		t.Errorf("got %+v", result)
	}
	result = healthy(skewed(0), func(f *Facts) { f.Access.Cluster = c }).lookBy("KFT105")
	if result.Finding == nil || !strings.Contains(result.Finding.Cause, "the API server's clock is off by 3h0m0s") {
		t.Errorf("got %+v", result)
	}
}

func TestReadRoots(t *testing.T) {
	for name, tc := range map[string]struct {
		text string
		n    int
		want string
	}{
		"one":                {string(pemOf(ourCA.certificate)), 1, ""},
		"a bundle":           {string(pemOf(ourCA.certificate, ourLeaf.certificate)), 2, ""},
		"text between":       {"# ours\n" + string(pemOf(ourCA.certificate)) + "\n# end\n", 1, ""},
		"a key":              {string(ourLeaf.keyPEM()), 0, "it is a private key"},
		"an encrypted key":   {encryptedKey, 0, "it is a private key"},
		"words":              {"kubectl kftls ca", 0, "no certificate is in it"},
		"empty":              {"", 0, "no certificate is in it"},
		"a block of nothing": {string(block("CERTIFICATE", []byte("x"))), 0, "x509"},
	} {
		f := Options{CAFile: "ca.crt", ReadFile: func(string) ([]byte, error) { return []byte(tc.text), nil }}
		c := gatherComputer(f)
		if len(c.RootCertificates) != tc.n || (c.CAError == nil) != (tc.want == "") || c.CAError != nil && !strings.Contains(c.CAError.Error(), tc.want) {
			t.Errorf("%s: %d, %v", name, len(c.RootCertificates), c.CAError)
		}
		if c.RootsFrom != "ca.crt" {
			t.Errorf("%s: from %s", name, c.RootsFrom)
		}
	}
	c := gatherComputer(Options{CAFile: "ca.crt", ReadFile: noFile})
	if c.CAError == nil {
		t.Error("a missing file")
	}
	f := healthy(func(f *Facts) { f.Computer = gatherComputer(Options{}) })
	f.trustOurs(f.Objects)
	if len(f.Computer.RootCertificates) != 1 || f.Computer.RootsFrom != "ConfigMap kubeflow/kftls-ca" {
		t.Errorf("our CA is not taken: %+v", f.Computer)
	}
	f.Objects.CA.Value.Data = map[string]string{"ca.crt": "nothing"}
	f.Computer = gatherComputer(Options{})
	f.trustOurs(f.Objects)
	if f.Computer.Roots != nil {
		t.Error("roots of nothing")
	}
}

func TestReadCookies(t *testing.T) {
	for name, tc := range map[string]struct {
		text  string
		names []string
	}{
		"a header":        {"Cookie: oauth2_proxy_kubeflow_0=a; oauth2_proxy_kubeflow_1=b", []string{"oauth2_proxy_kubeflow_0", "oauth2_proxy_kubeflow_1"}},
		"a Netscape file": {"# Netscape HTTP Cookie File\nlocalhost\tFALSE\t/\tFALSE\t0\tauthservice_session\tsecret\n", []string{"authservice_session"}},
		"a value":         {"aGVsbG8gd29ybGQ|1790000000|c2lnbmVk", []string{"oauth2_proxy_kubeflow"}},
		"nothing":         {"", nil},
	} {
		f := healthy()
		cookies := f.readCookies(Options{CookieFile: "c", ReadFile: func(string) ([]byte, error) { return []byte(tc.text), nil }})
		if !slices.Equal(f.Computer.CookieNames, tc.names) || len(cookies) != len(tc.names) || (f.Computer.CookieError == nil) != (tc.names != nil) {
			t.Errorf("%s: %v, %v", name, f.Computer.CookieNames, f.Computer.CookieError)
		}
		if f.Computer.CookieIsValue != (name == "a value") {
			t.Errorf("%s: a value without a name: %v", name, f.Computer.CookieIsValue)
		}
	}
	f := healthy()
	if f.readCookies(Options{CookieFile: "c", ReadFile: noFile}); f.Computer.CookieError == nil {
		t.Error("a missing file")
	}
	if f := healthy(); f.readCookies(Options{}) != nil || f.Computer.CookieError != nil {
		t.Error("none was asked for")
	}
}

func TestStale(t *testing.T) {
	began := metav1.NewTime(now.Add(-time.Hour))
	object := func(changed time.Duration, fields string) *corev1.ConfigMap {
		written := metav1.NewTime(now.Add(-changed))
		return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{
			Namespace: "auth", Name: "dex", CreationTimestamp: metav1.NewTime(now.Add(-48 * time.Hour)),
			ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "kubectl", Time: &written, FieldsV1: metav1.NewFieldsV1(fields)}, {Manager: "helm"}},
		}}
	}
	for name, tc := range map[string]struct {
		changed time.Duration
		pod     func(*corev1.Pod)
		want    int
	}{
		"changed after the start":      {time.Minute, func(*corev1.Pod) {}, 1},
		"changed before the start":     {2 * time.Hour, func(*corev1.Pod) {}, 0},
		"a pod that has not begun":     {time.Minute, func(p *corev1.Pod) { p.Status.StartTime = nil }, 0},
		"a pod that is going":          {time.Minute, func(p *corev1.Pod) { p.DeletionTimestamp = &began }, 0},
		"an object of another program": {time.Minute, func(*corev1.Pod) {}, 1},
	} {
		o := kubeflowObjects()
		for _, p := range []Part{o.Dex, o.Proxy} {
			p.Pods.Value[0].Status.StartTime = &began
		}
		tc.pod(&o.Dex.Pods.Value[0])
		var l LoginFacts
		l.noteStale(o, "ConfigMap", object(tc.changed, `{"f:data":{"f:config.yaml":{}}}`))
		if len(l.Stale) != tc.want || tc.want == 1 && (l.Stale[0].Part != "dex" || l.Stale[0].Object != "ConfigMap auth/dex") {
			t.Errorf("%s: %+v", name, l.Stale)
		}
	}
	if got := lastChange(object(time.Minute, `{"f:metadata":{"f:annotations":{}}}`)); got.After(began.Time) {
		t.Errorf("an annotation is no setting, and counts as changed at %s", got)
	}
	if got := lastChange(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{CreationTimestamp: began}}); !got.Equal(began.Time) {
		t.Errorf("never written again: %s", got)
	}
}

const dexConfig = `issuer: http://dex.auth.svc.cluster.local:5556/dex
enablePasswordDB: true
staticPasswords:
- email: user@example.com
  hashFromEnv: DEX_USER_PASSWORD
staticClients:
- idEnv: OIDC_CLIENT_ID
  redirectURIs: ["/oauth2/callback"]
  secretEnv: OIDC_CLIENT_SECRET
connectors:
- type: ldap
  id: ldap
`

const proxyConfig = `provider = "oidc"
oidc_issuer_url = "http://dex.auth.svc.cluster.local:5556/dex"
redirect_url = '/oauth2/callback'
cookie_name="oauth2_proxy_kubeflow"
insecure_oidc_allow_unverified_email = true
set_authorization_header = true
`

func TestLoginSettings(t *testing.T) {
	name := types.NamespacedName{Namespace: "auth", Name: "dex"}
	from := func(key, text string) map[types.NamespacedName]Known[*corev1.ConfigMap] {
		return map[types.NamespacedName]Known[*corev1.ConfigMap]{name: ok(&corev1.ConfigMap{Data: map[string]string{key: text}})}
	}
	names := []types.NamespacedName{name}
	dex := dexSettings(from("config.yaml", dexConfig), names)
	if !dex.OK() || dex.Value.Issuer != dexIssuer || !dex.Value.PasswordDB || !slices.Equal(dex.Value.Connectors, []string{"ldap"}) || !slices.Equal(dex.Value.RedirectURIs, []string{"/oauth2/callback"}) {
		t.Errorf("Dex: %+v", dex)
	}
	proxy := proxySettings(from("oauth2_proxy.cfg", proxyConfig), names)
	if want := (ProxySettings{dexIssuer, "/oauth2/callback", "oauth2_proxy_kubeflow", true, "oidc", true}); proxy.Value != want {
		t.Errorf("oauth2-proxy: %+v", proxy)
	}
	for _, text := range []string{"", "issuer: [", "\x00"} {
		if dexSettings(from("config.yaml", text), names).OK() {
			t.Errorf("settings of %q", text)
		}
	}
	unreadable := map[types.NamespacedName]Known[*corev1.ConfigMap]{name: unread[*corev1.ConfigMap]()}
	if dexSettings(unreadable, names).OK() || proxySettings(unreadable, names).OK() || proxySettings(from("x", ""), names).OK() {
		t.Error("settings of what cannot be read")
	}
}

func TestRefs(t *testing.T) {
	p := pod("oauth2-proxy", "oauth2-proxy-1", nil)
	p.Spec.Containers = []corev1.Container{{
		EnvFrom: []corev1.EnvFromSource{{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "a"}}}, {ConfigMapRef: &corev1.ConfigMapEnvSource{}}},
		Env: []corev1.EnvVar{
			{Name: "X", Value: "1"},
			{Name: "Y", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: "b"}, Key: "client-id"}}},
			{Name: "Z", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: "a"}, Key: "x", Optional: new(true)}}},
		},
	}}
	for _, name := range []string{"cfg", "kube-root-ca.crt", "theme-configmap"} {
		p.Spec.Volumes = append(p.Spec.Volumes, corev1.Volume{VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: name}}}})
	}
	if got := fmt.Sprint(newRefs([]corev1.Pod{p})); got != "{[{oauth2-proxy cfg}] [{oauth2-proxy a} {oauth2-proxy b}] map[{oauth2-proxy b}:[client-id]]}" {
		t.Errorf("got %s", got)
	}
	if got := newRefs(nil); got.secrets != nil || got.configMaps != nil {
		t.Errorf("of no pod: %v", got)
	}
}

func TestCompare(t *testing.T) {
	proxy, dex := types.NamespacedName{Namespace: "oauth2-proxy", Name: "p"}, types.NamespacedName{Namespace: "auth", Name: "d"}
	secrets := func(own, others string) map[types.NamespacedName]Known[*corev1.Secret] {
		return map[types.NamespacedName]Known[*corev1.Secret]{
			proxy: ok(&corev1.Secret{Data: map[string][]byte{"client-id": []byte("kubeflow-oidc-authservice"), "client-secret": []byte(own), "cookie-secret": []byte(shippedCookieSecret)}}),
			dex:   ok(&corev1.Secret{Data: map[string][]byte{"OIDC_CLIENT_ID": []byte("kubeflow-oidc-authservice"), "OIDC_CLIENT_SECRET": []byte(others), "DEX_USER_PASSWORD": []byte("$2y$12$other")}}),
		}
	}
	var l LoginFacts
	l.compare(secrets("one", "one"), []types.NamespacedName{proxy}, []types.NamespacedName{dex})
	if !l.SameID.Value || !l.SameSecret.Value || !l.ShippedCookieSecret.Value || l.ShippedPassword.Value || !l.ShippedPassword.OK() {
		t.Errorf("got %+v", l)
	}
	l.compare(secrets("one", "two"), []types.NamespacedName{proxy}, []types.NamespacedName{dex})
	if l.SameSecret.Value || !l.SameSecret.OK() || l.SpaceDiffers {
		t.Errorf("got %+v", l)
	}
	l.compare(secrets("one", "one\n"), []types.NamespacedName{proxy}, []types.NamespacedName{dex})
	if l.SameSecret.Value || !l.SameSecret.OK() || !l.SpaceDiffers {
		t.Errorf("got %+v", l)
	}
	if text := fmt.Sprintf("%+v", l); strings.Contains(text, "kubeflow-oidc") || strings.Contains(text, shippedCookieSecret) {
		t.Error("a secret is kept")
	}
	l.compare(map[types.NamespacedName]Known[*corev1.Secret]{proxy: unread[*corev1.Secret]()}, []types.NamespacedName{proxy}, nil)
	if l.SameSecret.OK() || !errors.Is(l.ShippedPassword.Err, errNotAsked) {
		t.Errorf("of what cannot be read: %+v", l)
	}
}
