package insync

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/kftls/kubectl-kftls/test/testbed/internal/objects"
)

func TestLackingIn(t *testing.T) {
	gateways := schema.GroupKind{Group: "networking.istio.io", Kind: "Gateway"}
	at := func(name string) key { return key{gateways.Group, gateways.Kind, "kubeflow", name} }
	for _, test := range []struct {
		name         string
		held, istiod map[key]uint64
		want         string
	}{
		{"the same", map[key]uint64{at("a"): 5}, map[key]uint64{at("a"): 5}, ""},
		{"newer", map[key]uint64{at("a"): 5}, map[key]uint64{at("a"): 12}, ""},
		{"older", map[key]uint64{at("a"): 5}, map[key]uint64{at("a"): 4}, "has not seen Gateway kubeflow/a"},
		{"unknown", map[key]uint64{at("a"): 5}, nil, "has not seen Gateway kubeflow/a"},
		{"deleted", nil, map[key]uint64{at("a"): 5}, "still has Gateway kubeflow/a"},
		{"made after the list", nil, map[key]uint64{at("a"): 11}, ""},
		{"of a kind that is not asked for", nil, map[key]uint64{{"x", "Y", "", "z"}: 5}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := &held{objects: test.held, lists: map[schema.GroupKind]uint64{gateways: 10}}
			got := h.lackingIn(test.istiod)
			if (got == "") != (test.want == "") || !strings.Contains(got, test.want) {
				t.Errorf("lacks %q, want %q", got, test.want)
			}
		})
	}
}

func TestProxyLacks(t *testing.T) {
	written := time.Date(2026, 11, 23, 22, 0, 0, 0, time.UTC)
	late := written.Add
	push := func(listenersSent, clustersSent time.Time) map[string]resType {
		return map[string]resType{
			clusters:  {Sent: "1a", Acked: "1a", SentTime: clustersSent},
			listeners: {Sent: "1b", Acked: "1b", SentTime: listenersSent},
		}
	}
	underWay := push(late(2), late(1))
	underWay[secretType] = resType{Sent: "1c", Acked: "1b"}
	refused := push(late(2), late(1))
	refused[secretType] = resType{Sent: "1c", Acked: "1b", LastError: "KEY_VALUES_MISMATCH"}
	for _, test := range []struct {
		name      string
		resources map[string]resType
		want      string
	}{
		{"taken", push(late(2), late(1)), ""},
		{"listeners of the push before", push(late(-1), late(1)), "still to be sent"},
		{"clusters alone so far", push(late(1), late(2)), "still to be sent"},
		{"sent, not taken", underWay, "under way"},
		{"a certificate that Envoy refuses", refused, ""},
		{"nothing", nil, "still to be sent"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := &proxy{Resources: test.resources}
			if got := p.lacks(written); (got == "") != (test.want == "") || !strings.Contains(got, test.want) {
				t.Errorf("lacks %q, want %q", got, test.want)
			}
			if err := p.refusal("pod"); err != nil {
				t.Errorf("refused: %v", err)
			}
		})
	}
	nack := &proxy{Resources: map[string]resType{listeners: {LastError: "unable to open file"}}}
	if err := nack.refusal("pod"); !errors.Is(err, errRefused) || !strings.Contains(err.Error(), "unable to open file") {
		t.Errorf("refusal %v", err)
	}
}

// mesh plays istiod and one Envoy: what is stamped arrives at once, unless it is
// held back.
type mesh struct {
	mu      sync.Mutex
	stamp   string
	stamped time.Time
	stuck   bool              // the stamp does not arrive
	secrets map[string][]byte // what Envoy holds, by name
	version string            // of the Gateway, as istiod has it
	ending  bool              // another Gateway is deleted after the first list
	address net.Addr          // of the listener
}

func (m *mesh) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var answer any
	switch r.URL.Path {
	case "/debug/resourcesz":
		answer = []schema.GroupVersionKind{{Group: "networking.istio.io", Version: "v1", Kind: "Gateway"}}
	case "/debug/configz":
		answer = []any{map[string]any{"apiVersion": "networking.istio.io/v1", "kind": "Gateway", "metadata": map[string]any{"name": "g", "namespace": "kubeflow", "resourceVersion": m.version}}}
	case "/debug/registryz":
		answer = []any{}
	case "/debug/syncz":
		sent := map[string]any{"sent": "1", "acked": "1", "sentTime": m.stamped.Add(time.Millisecond)}
		answer = []any{map[string]any{"proxy": "gw.istio-system", "resources": map[string]any{clusters: sent, listeners: sent}}}
	case "/config_dump":
		answer = map[string]any{"configs": m.dump(r.URL.Query().Get("resource"))}
	default:
		http.NotFound(w, r)
		return
	}
	_ = json.NewEncoder(w).Encode(answer)
}

func (m *mesh) dump(resource string) []any {
	switch resource {
	case "dynamic_active_clusters":
		return []any{map[string]any{"cluster": map[string]any{"metadata": map[string]any{"filter_metadata": map[string]any{"testbed": map[string]any{"stamp": m.stamp}}}}}}
	case "dynamic_active_secrets":
		var all []any
		for name, chain := range m.secrets {
			all = append(all, map[string]any{"name": name, "secret": map[string]any{"tls_certificate": map[string]any{"certificate_chain": map[string]any{"inline_bytes": chain}}}})
		}
		return all
	case "dynamic_listeners":
		address := m.address.(*net.TCPAddr)
		return []any{map[string]any{"name": "0.0.0.0_8443", "active_state": map[string]any{"listener": map[string]any{"address": map[string]any{"socket_address": map[string]any{"address": address.IP.String(), "port_value": address.Port}}}}}}
	}
	return nil
}

func (m *mesh) take(_ context.Context, value string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.stuck {
		m.stamp = value
	}
	m.stamped = time.Now()
	return nil
}

// checker asks a mesh, and an API server with one Gateway and one Secret.
func checker(t *testing.T, m *mesh, secret *corev1.Secret) Checker {
	t.Helper()
	server := httptest.NewServer(m)
	t.Cleanup(server.Close)
	m.address = server.Listener.Addr()
	crd := &unstructured.Unstructured{Object: map[string]any{}}
	kinds := objects.Kinds{}
	if err := json.Unmarshal([]byte(`{"spec":{"group":"networking.istio.io","scope":"Namespaced","names":{"kind":"Gateway","plural":"gateways"},"versions":[{"name":"v1","served":true}]}}`), &crd.Object); err != nil {
		t.Fatal(err)
	}
	kinds.Define(crd)
	kinds.Define(&unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{
		"group": "", "scope": "Namespaced", "names": map[string]any{"kind": "Service", "plural": "services"},
		"versions": []any{map[string]any{"name": "v1", "served": true}},
	}}})
	dynamic := dynamicfake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), map[schema.GroupVersionResource]string{
		{Group: "networking.istio.io", Version: "v1", Resource: "gateways"}: "GatewayList",
		{Version: "v1", Resource: "services"}:                               "ServiceList",
	})
	dynamic.PrependReactor("list", "*", func(action clienttesting.Action) (bool, runtime.Object, error) {
		list := &unstructured.UnstructuredList{Object: map[string]any{"metadata": map[string]any{"resourceVersion": "10"}}}
		if action.GetResource().Resource == "gateways" {
			list.Items = []unstructured.Unstructured{{Object: map[string]any{"apiVersion": "networking.istio.io/v1", "kind": "Gateway", "metadata": map[string]any{"name": "g", "namespace": "kubeflow", "resourceVersion": "7"}}}}
			if m.ending {
				m.ending = false // the next list has it no more
				list.Items = append(list.Items, unstructured.Unstructured{Object: map[string]any{"apiVersion": "networking.istio.io/v1", "kind": "Gateway", "metadata": map[string]any{"name": "ends", "namespace": "kubeflow", "resourceVersion": "8"}}})
			}
		}
		return true, list, nil
	})
	client := fake.NewClientset(secret)
	client.PrependReactor("create", "subjectaccessreviews", func(action clienttesting.Action) (bool, runtime.Object, error) {
		review := action.(clienttesting.CreateAction).GetObject().(*authorizationv1.SubjectAccessReview)
		review.Status.Allowed = review.Spec.User == "system:serviceaccount:istio-system:gateway"
		return true, review, nil
	})
	return Checker{
		Kubernetes: client, Dynamic: dynamic, Kinds: kinds, Istiod: server.URL, Stamp: m.take,
		Envoys: func() []Envoy {
			return []Envoy{{Pod: "gw", Namespace: "istio-system", ServiceAccount: "gateway", Admin: server.URL}}
		},
	}
}

// pair is a TLS Secret that fits.
func pair(t *testing.T) *corev1.Secret {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "istio-system", Name: "tls"}, Data: map[string][]byte{
		"tls.crt": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		"tls.key": pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER}),
	}}
}

func TestWait(t *testing.T) {
	secret := pair(t)
	good := func() *mesh {
		return &mesh{version: "7", secrets: map[string][]byte{"kubernetes://tls": secret.Data["tls.crt"]}}
	}
	mismatch := secret.DeepCopy()
	mismatch.Data["tls.key"] = pair(t).Data["tls.key"]
	for _, test := range []struct {
		name   string
		change func(*mesh, *Checker)
		secret *corev1.Secret
		want   string // what the error says; "" for success
	}{
		{"in sync", func(*mesh, *Checker) {}, secret, ""},
		{"istiod is behind", func(m *mesh, _ *Checker) { m.version = "6" }, secret, "istiod has not seen Gateway kubeflow/g"},
		{"an object is deleted meanwhile", func(m *mesh, _ *Checker) { m.ending = true }, secret, ""},
		{"a push does not arrive", func(m *mesh, _ *Checker) { m.stuck = true }, secret, "gw has the stamp"},
		{"an older certificate", func(m *mesh, _ *Checker) { m.secrets["kubernetes://tls"] = []byte("old") }, secret, "does not have the certificate of Secret istio-system/tls"},
		{"an older certificate, the new one does not fit", func(m *mesh, _ *Checker) { m.secrets["kubernetes://tls"] = []byte("old") }, mismatch, ""},
		{"an older certificate, the gateway may not read Secrets", func(m *mesh, c *Checker) {
			m.secrets["kubernetes://tls"] = []byte("old")
			envoys := c.Envoys()
			envoys[0].ServiceAccount = "poor"
			c.Envoys = func() []Envoy { return envoys }
		}, secret, ""},
		{"an unknown Envoy", func(_ *mesh, c *Checker) {
			envoys := c.Envoys()
			envoys[0].Pod = "new"
			c.Envoys = func() []Envoy { return envoys }
		}, secret, "istiod has no connection to new"},
		{"no Envoy", func(_ *mesh, c *Checker) { c.Envoys = func() []Envoy { return nil } }, secret, "no gateway pod runs"},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := good()
			c := checker(t, m, test.secret)
			test.change(m, &c)
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			if test.want != "" {
				cancel()
				ctx, cancel = context.WithTimeout(t.Context(), 150*time.Millisecond)
			}
			defer cancel()
			err := c.Wait(ctx)
			if got := fmt.Sprint(err); (err == nil) != (test.want == "") || !strings.Contains(got, test.want) && test.want != "" {
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
}
