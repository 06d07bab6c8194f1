package endpoint

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kftls/kubectl-kftls/internal/testutil"
	"github.com/kftls/kubectl-kftls/pkg/ca"
	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/gateway"
	"github.com/kftls/kubectl-kftls/pkg/setup"
	"github.com/kftls/kubectl-kftls/pkg/state"
)

// scene is a Kubeflow, and a computer that wants to go there.
type scene struct {
	api  *testutil.APIServer
	pods *testutil.GatewayPods
	home *state.Home
}

func newScene(t *testing.T, objects ...*unstructured.Unstructured) *scene {
	t.Helper()
	api := testutil.NewAPIServer(t, append(testutil.Kubeflow(), objects...)...)
	return &scene{api: api, pods: testutil.NewGatewayPods(t, api), home: newHome(t)}
}

func newHome(t *testing.T) *state.Home {
	t.Helper()
	home, err := state.Open(t.TempDir(), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return home
}

// setUp runs setup from this computer.
func (s *scene) setUp(t *testing.T) {
	t.Helper()
	run := setup.Setup{
		Cluster: s.api.Cluster(t), Home: s.home, Dialer: s.pods, Now: time.Now,
		Progress: func(string) func(string, error) { return func(string, error) {} },
		Options:  setup.Options{Names: ca.DefaultNames(), Timeout: 10 * time.Second},
	}
	found, err := run.Look(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	proposal, err := run.Propose(found)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := run.Apply(t.Context(), proposal); err != nil {
		t.Fatal(err)
	}
}

func (s *scene) open(t *testing.T, o TunnelOptions) (*Endpoint, error) {
	t.Helper()
	o.Dialer = s.pods
	return Tunnel(t.Context(), s.api.Cluster(t), s.home, o)
}

func TestTunnelTakesThePlainPortBeforeSetup(t *testing.T) {
	s := newScene(t)
	way, err := s.open(t, TunnelOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if way.Origin.String() != "http://localhost" || way.IsTLS() || way.TLSConfig() != nil || !way.Tunnel {
		t.Errorf("got origin %s", way.Origin)
	}
	if body, err := get(t, way, "/"); err != nil || !strings.Contains(body, "Sign In") {
		t.Errorf("got %q, %v", body, err)
	}
}

func TestTunnelTakesHTTPSAfterSetup(t *testing.T) {
	s := newScene(t)
	before, err := s.open(t, TunnelOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s.setUp(t)
	way, err := s.open(t, TunnelOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if way.Origin.String() != "https://localhost" || way.Authority == nil || way.Key == before.Key {
		t.Errorf("got origin %s, key %q after %q", way.Origin, way.Key, before.Key)
	}
	if body, err := get(t, way, "/"); err != nil || !strings.Contains(body, "Sign In") {
		t.Errorf("got %q, %v", body, err)
	}
	plain, err := s.open(t, TunnelOptions{Plain: true})
	if err != nil || plain.Origin.String() != "http://localhost" {
		t.Errorf("the plain port was asked for, and it is %v, %v", plain, err)
	}
}

// TestTunnelBelievesASmallCA opens from another computer: the ConfigMap's CA is
// taken as long as it cannot sign for much.
func TestTunnelBelievesASmallCA(t *testing.T) {
	s := newScene(t)
	s.setUp(t)
	s.home = newHome(t)
	way, err := s.open(t, TunnelOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := get(t, way, "/"); err != nil {
		t.Error(err)
	}
}

func TestTunnelRefusesALargeCA(t *testing.T) {
	large, err := ca.NewAuthority(ca.AuthorityOptions{Unconstrained: true})
	if err != nil {
		t.Fatal(err)
	}
	planted := testutil.Object("v1", "ConfigMap", "kubeflow", gateway.ConfigMapName, map[string]any{
		"data": map[string]any{gateway.ConfigMapKey: string(large.CertificatePEM())},
	})
	s := newScene(t, planted)
	s.api.Put(testutil.KubeflowGateway(testutil.HTTPS(gateway.ServerName, 443, gateway.SecretName, "*")), "kubectl")
	_, err = s.open(t, TunnelOptions{})
	if fault.ReasonOf(err) != fault.Certificate || !strings.Contains(err.Error(), "not to be trusted") {
		t.Errorf("got %v", err)
	}
}

// TestTunnelWithoutRights takes Kubeflow's own names where Gateways may not be
// read, and says so.
func TestTunnelWithoutRights(t *testing.T) {
	s := newScene(t)
	s.api.Intercept = func(r testutil.Request) int {
		if r.Resource == "gateways" {
			return http.StatusForbidden
		}
		return 0
	}
	way, err := s.open(t, TunnelOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(way.Notes) != 1 || !strings.Contains(way.Notes[0], "Gateways may not be read") {
		t.Errorf("notes: %q", way.Notes)
	}
	if _, err := get(t, way, "/"); err != nil {
		t.Error(err)
	}
}

func TestTunnelToAHostThatNobodyServes(t *testing.T) {
	s := newScene(t)
	s.api.Put(testutil.Gateway("kubeflow", "kubeflow-gateway", testutil.HTTP("http", 80, "kubeflow.example.com")), "kubectl")
	_, err := s.open(t, TunnelOptions{})
	if fault.ReasonOf(err) != fault.NoServicePort || !strings.Contains(fault.HintOf(err), "--host") {
		t.Errorf("got %v, hint %q", err, fault.HintOf(err))
	}
	way, err := s.open(t, TunnelOptions{Host: "kubeflow.example.com"})
	if err != nil || way.Origin.String() != "http://kubeflow.example.com" {
		t.Errorf("got %v, %v", way, err)
	}
}
