package cluster_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kftls/kubectl-kftls/internal/testutil"
	"github.com/kftls/kubectl-kftls/pkg/cluster"
	"github.com/kftls/kubectl-kftls/pkg/fault"
)

var asked = []cluster.Right{
	{Verb: "patch", Group: "networking.istio.io", Resource: "gateways", Namespace: "kubeflow", Name: "kubeflow-gateway"},
	{Verb: "create", Resource: "pods", Subresource: "portforward", Namespace: "istio-system"},
	{Verb: "get", Resource: "secrets", Namespace: "istio-system", Name: "kftls-gateway"},
}

func TestMissing(t *testing.T) {
	api := testutil.NewAPIServer(t)
	api.Denies = func(right string) bool { return !strings.HasPrefix(right, "get ") }
	missing, err := api.Cluster(t).Missing(t.Context(), asked)
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, right := range missing {
		texts = append(texts, right.String())
	}
	want := []string{"patch gateways.networking.istio.io kubeflow/kubeflow-gateway", "create pods/portforward in namespace istio-system"}
	if diff := cmp.Diff(want, texts); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	api.Denies = nil
	if missing, err := api.Cluster(t).Missing(t.Context(), asked); err != nil || missing != nil {
		t.Errorf("with all rights: %v, %v", missing, err)
	}
}

func TestRightsThatCannotBeAskedFor(t *testing.T) {
	api := testutil.NewAPIServer(t)
	api.Intercept = func(testutil.Request) int { return http.StatusForbidden }
	if _, err := api.Cluster(t).Missing(t.Context(), asked[:1]); fault.ReasonOf(err) != fault.Forbidden ||
		!strings.HasPrefix(err.Error(), "ask for the right to patch gateways.networking.istio.io kubeflow/kubeflow-gateway: ") {
		t.Errorf("got %v", err)
	}
	if _, err := api.Cluster(t).User(t.Context()); fault.ReasonOf(err) != fault.Forbidden {
		t.Errorf("got %v", err)
	}
}

func TestUser(t *testing.T) {
	if user, err := testutil.NewAPIServer(t).Cluster(t).User(t.Context()); user != "somebody@example.com" {
		t.Errorf("got %q, %v", user, err)
	}
}
