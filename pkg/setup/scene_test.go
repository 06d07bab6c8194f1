package setup

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kftls/kubectl-kftls/internal/testutil"
	"github.com/kftls/kubectl-kftls/pkg/ca"
	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/gateway"
	"github.com/kftls/kubectl-kftls/pkg/state"
)

// bubbleTime is when the bubbles of testing/synctest begin.
var bubbleTime = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// systemCA is what this computer trusts in these tests, and nothing else.
var systemCA *ca.Authority

func TestMain(m *testing.M) {
	os.Exit(runWithSystemCA(m))
}

// runWithSystemCA sets the roots of the process, which are read once.
func runWithSystemCA(m *testing.M) int {
	dir, err := os.MkdirTemp("", "kftls-roots-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	systemCA, err = ca.NewAuthority(ca.AuthorityOptions{Unconstrained: true, Now: bubbleTime})
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "roots.crt"), systemCA.CertificatePEM(), 0o600)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	os.Setenv("SSL_CERT_FILE", filepath.Join(dir, "roots.crt"))
	os.Setenv("SSL_CERT_DIR", dir)
	return m.Run()
}

// scene is a cluster with a Kubeflow, and a computer that runs setup.
type scene struct {
	*Setup
	api  *testutil.APIServer
	pods *testutil.GatewayPods

	mu    sync.Mutex
	steps []string
}

// inScene runs a test in a bubble, with the objects beside Kubeflow's own.
func inScene(t *testing.T, test func(t *testing.T, s *scene), objects ...*unstructured.Unstructured) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		api := testutil.NewAPIServer(t, append(testutil.Kubeflow(), objects...)...)
		test(t, newScene(t, api, testutil.NewGatewayPods(t, api)))
	})
}

func newScene(t *testing.T, api *testutil.APIServer, pods *testutil.GatewayPods) *scene {
	t.Helper()
	home, err := state.Open(t.TempDir(), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	s := &scene{api: api, pods: pods}
	s.Setup = &Setup{
		Cluster: api.Cluster(t), Home: home, Dialer: pods, Now: time.Now, Progress: s.progress,
		Options: Options{Names: ca.DefaultNames(), Timeout: 2 * time.Second},
	}
	return s
}

// another is a second computer at the same cluster.
func (s *scene) another(t *testing.T) *scene {
	t.Helper()
	return newScene(t, s.api, s.pods)
}

func (s *scene) progress(step string) func(string, error) {
	return func(detail string, err error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.steps = append(s.steps, fmt.Sprintf("%s (%s) %v", step, detail, err))
	}
}

// propose looks and plans.
func (s *scene) propose(ctx context.Context) (*Proposal, error) {
	found, err := s.Look(ctx)
	if err != nil {
		return nil, err
	}
	return s.Propose(found)
}

// run carries setup out, as the command does.
func (s *scene) run(ctx context.Context) (*Result, error) {
	proposal, err := s.propose(ctx)
	if err != nil {
		return nil, err
	}
	return s.Apply(ctx, proposal)
}

// mustRun carries out a setup that has to succeed, and forgets the requests.
func (s *scene) mustRun(t *testing.T) *Result {
	t.Helper()
	result, err := s.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.api.Forget()
	return result
}

// servers are the servers of Kubeflow's Gateway, each as "name:port:Secret".
func (s *scene) servers() string {
	var found []string
	for _, server := range gateway.Servers(s.api.Get("Gateway", "kubeflow", "kubeflow-gateway")) {
		found = append(found, fmt.Sprintf("%s:%d:%s", server.Name, server.Number, server.CredentialName))
	}
	return strings.Join(found, " ")
}

const (
	shipped    = "http:80:"
	withServer = "http:80: https-kftls:443:kftls-gateway"
)

// intercept lets requests that nobody waits for any more end, and has the next
// ones seen by a function.
func (s *scene) intercept(see func(testutil.Request) int) {
	synctest.Wait()
	s.api.Intercept = see
}

// isUnproven tells whether the mark is set for Kubeflow's Gateway.
func (s *scene) isUnproven() bool {
	return s.Home.IsUnproven(state.Origin{Server: "http://api.test", Gateway: "kubeflow/kubeflow-gateway"})
}

func (s *scene) secret() *unstructured.Unstructured {
	return s.api.Get("Secret", "istio-system", gateway.SecretName)
}

// later is the same computer, and the cluster, after a time.
func (s *scene) later(t *testing.T, by time.Duration) *scene {
	t.Helper()
	again := newScene(t, s.api, s.pods)
	again.Home, again.Options = s.Home, s.Options
	again.Now = func() time.Time { return time.Now().Add(by) }
	s.api.Date = again.Now
	again.Cluster = s.api.ClusterAt(t, again.Now)
	return again
}

// lets everybody in over TLS.
func withoutGuard(r testutil.PodRequest) testutil.PodAnswer {
	if r.IsTLS {
		return testutil.Open(r)
	}
	return testutil.LoginWall(r)
}

// tlsSecret is a Secret as a person would make it.
func tlsSecret(t *testing.T, name string, leaf *ca.Leaf) *unstructured.Unstructured {
	t.Helper()
	key, err := leaf.KeyPEM()
	if err != nil {
		t.Fatal(err)
	}
	return testutil.Object("v1", "Secret", "istio-system", name, map[string]any{
		"type": "kubernetes.io/tls",
		"data": map[string]any{
			"tls.crt": base64.StdEncoding.EncodeToString(leaf.ChainPEM()), "tls.key": base64.StdEncoding.EncodeToString(key),
		},
	})
}

func leafOf(t *testing.T, authority *ca.Authority, names ...string) *ca.Leaf {
	t.Helper()
	parsed, err := ca.ParseNames(names)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := authority.NewLeaf(ca.LeafOptions{Names: parsed, Now: bubbleTime})
	if err != nil {
		t.Fatal(err)
	}
	return leaf
}

func pairOf(leaf *ca.Leaf) *tls.Certificate {
	pair := &tls.Certificate{Certificate: [][]byte{leaf.Certificate.Raw}, PrivateKey: leaf.Key}
	for _, issuer := range leaf.Issuers {
		pair.Certificate = append(pair.Certificate, issuer.Raw)
	}
	return pair
}

// wantReason fails the test unless an error has a reason; "" means no error.
func wantReason(t *testing.T, err error, want fault.Reason) {
	t.Helper()
	if got := fault.ReasonOf(err); got != want {
		t.Fatalf("got error %v of reason %q, want reason %q", err, got, want)
	}
}

// pods serve a certificate, whatever they are asked for.
func pods(certificate *tls.Certificate) func(pod, serverName string) *tls.Certificate {
	return func(string, string) *tls.Certificate { return certificate }
}
