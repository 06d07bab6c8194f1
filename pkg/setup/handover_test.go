package setup

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kftls/kubectl-kftls/internal/testutil"
	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/gateway"
)

// keepByArgo marks the Gateway as Argo CD's.
func (s *scene) keepByArgo() {
	s.api.Change("Gateway", "kubeflow", "kubeflow-gateway", "argocd-controller", func(object map[string]any) {
		_ = unstructured.SetNestedField(object, "kubeflow:x", "metadata", "annotations", "argocd.argoproj.io/tracking-id")
	})
}

// sync is Argo CD with these servers in its source.
func (s *scene) sync(more ...map[string]any) {
	servers := []any{testutil.HTTP("http", 80, "*")}
	for _, server := range more {
		servers = append(servers, server)
	}
	s.api.Change("Gateway", "kubeflow", "kubeflow-gateway", "argocd-controller", func(object map[string]any) {
		_ = unstructured.SetNestedSlice(object, servers, "spec", "servers")
	})
}

var ourServer = testutil.HTTPS(gateway.ServerName, 443, gateway.SecretName, "*")

func (s *scene) state(t *testing.T) State {
	t.Helper()
	status, err := s.inspector().Inspect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return status.State
}

func TestSetupHandsAManagedGatewayOver(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		s.keepByArgo()
		result, err := s.run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"apply configmaps kubeflow/kftls-ca", "apply secrets istio-system/kftls-gateway"}, s.api.Writes()); diff != "" {
			t.Errorf("writes (-want +got)\n%s", diff)
		}
		if result.Verdict != nil || len(result.Proposal.Plan.Handed) != 1 || !s.isUnproven() {
			t.Errorf("got %+v, unproven %v", result, s.isUnproven())
		}
		if got := s.state(t); got != AwaitingSync {
			t.Errorf("state %s", got)
		}

		s.Options.Wait, s.Options.Timeout = true, time.Minute
		time.AfterFunc(30*time.Second, func() { s.sync(ourServer) })
		result, err = s.run(t.Context())
		if err != nil || !result.Verdict.Guarded || len(result.Done) != 0 || s.isUnproven() {
			t.Fatalf("after the sync: %+v, %v", result, err)
		}
		if got := s.state(t); got != Serving {
			t.Errorf("state %s", got)
		}
		again := s.mustRun(t)
		if !again.Proposal.Plan.Empty() || len(again.Proposal.Plan.Handed) != 0 || again.Verdict == nil {
			t.Errorf("again: %+v", again.Proposal.Plan)
		}
	})
}

func TestASyncThatDoesNotCome(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		s.keepByArgo()
		s.Options.Wait = true
		result, err := s.run(t.Context())
		wantReason(t, err, fault.Timeout)
		if result.Removed || s.secret() == nil || s.servers() != shipped {
			t.Errorf("got %+v, servers %s", result, s.servers())
		}
	})
}

// TestASyncThatOpensTheDoor holds that safety goes before the source's word.
func TestASyncThatOpensTheDoor(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		s.keepByArgo()
		if _, err := s.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.pods.Answer = withoutGuard
		s.sync(ourServer)
		result, err := s.run(t.Context())
		wantReason(t, err, fault.Unguarded)
		if !result.Removed || s.servers() != shipped {
			t.Errorf("got %+v, servers %s", result, s.servers())
		}
	})
}

func TestForceOnAManagedGatewayAndASyncThatUndoesIt(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		s.keepByArgo()
		s.Options.Spec.Force = true
		s.mustRun(t)
		if s.servers() != withServer || s.state(t) != Serving {
			t.Fatalf("servers %s, state %s", s.servers(), s.state(t))
		}
		s.sync()
		if got := s.state(t); got != ServerMissing {
			t.Errorf("the server vanished, and the state is %s", got)
		}
	})
}
