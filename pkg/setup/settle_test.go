package setup

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kftls/kubectl-kftls/internal/testutil"
	"github.com/kftls/kubectl-kftls/pkg/ca"
	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/gateway"
)

// onWrite does something once, before a write of a resource by a verb.
func (s *scene) onWrite(verb, resource string, do func()) {
	isDone := false
	s.intercept(func(r testutil.Request) int {
		if r.IsWrite() && r.Verb == verb && r.Resource == resource && !isDone {
			isDone = true
			do()
		}
		return 0
	})
}

// TestWhatATeardownDeletesMeanwhileIsWrittenAgain: its plan was made before our
// server was there.
func TestWhatATeardownDeletesMeanwhileIsWrittenAgain(t *testing.T) {
	tests := []struct {
		name    string
		deleted [][3]string
	}{
		{"the Secret", [][3]string{{"Secret", "istio-system", gateway.SecretName}}},
		{"both", [][3]string{{"Secret", "istio-system", gateway.SecretName}, {"ConfigMap", "kubeflow", gateway.ConfigMapName}}},
		{"the ConfigMap", [][3]string{{"ConfigMap", "kubeflow", gateway.ConfigMapName}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inScene(t, func(t *testing.T, s *scene) {
				s.onWrite("patch", "gateways", func() {
					for _, object := range test.deleted {
						s.api.Remove(object[0], object[1], object[2])
					}
				})
				result := s.mustRun(t)
				configMap := s.api.Get("ConfigMap", "kubeflow", gateway.ConfigMapName)
				if s.secret() == nil || configMap == nil || configMap.GetAnnotations()[gateway.AnnotationCA] != result.Proposal.Authority.Fingerprint() {
					t.Errorf("Secret %v, ConfigMap %v", s.secret(), configMap)
				}
			})
		})
	}
}

// TestAnothersSetUpThatIsTakenBackMeanwhileStaysSo: without the CA's key, nobody
// can set up again in its owner's name.
func TestAnothersSetUpThatIsTakenBackMeanwhileStaysSo(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		s.mustRun(t)
		s.removeServer()
		mate := s.another(t)
		mate.onWrite("patch", "gateways", func() {
			s.api.Remove("Secret", "istio-system", gateway.SecretName)
			s.api.Remove("ConfigMap", "kubeflow", gateway.ConfigMapName)
		})
		_, err := mate.run(t.Context())
		wantReason(t, err, fault.Conflict)
		if s.servers() != shipped || s.secret() != nil {
			t.Errorf("servers %s, Secret %v", s.servers(), s.secret())
		}
	})
}

// removeServer lets an installer apply its list again.
func (s *scene) removeServer() {
	s.api.Change("Gateway", "kubeflow", "kubeflow-gateway", "installer", func(object map[string]any) {
		_ = unstructured.SetNestedSlice(object, []any{testutil.HTTP("http", 80, "*")}, "spec", "servers")
	})
}

// TestATeardownSeesWhatASetupHasWrittenMeanwhile: the server came when the
// teardown had looked at the Gateway, and before the Secret was deleted.
func TestATeardownSeesWhatASetupHasWrittenMeanwhile(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		s.mustRun(t)
		withOurs := s.api.Get("Gateway", "kubeflow", "kubeflow-gateway")
		s.removeServer()
		teardown := s.teardown()
		plan, err := teardown.Propose(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		s.onWrite("delete", "configmaps", func() {
			s.api.Change("Gateway", "kubeflow", "kubeflow-gateway", "kubectl-kftls-0-0", func(object map[string]any) {
				object["spec"] = withOurs.Object["spec"]
				object["metadata"].(map[string]any)["annotations"] = withOurs.Object["metadata"].(map[string]any)["annotations"]
			})
		})
		if _, err := teardown.Apply(t.Context(), plan); err != nil {
			t.Fatal(err)
		}
		s.wantAsShipped(t)
	})
}

// TestWhoHasPutTheCAInForceWins: a certificate of the CA of before, which came
// after the ConfigMap, gives way.
func TestWhoHasPutTheCAInForceWins(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		s.mustRun(t)
		renewal := s.later(t, 0)
		renewal.Options.Renew = true
		late, err := renewal.propose(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var lost error
		s.Options.CAChange = ReplaceCA
		s.onWrite("apply", "secrets", func() { _, lost = renewal.Apply(t.Context(), late) })
		won := s.mustRun(t)
		wantReason(t, lost, fault.Conflict)
		leaf, err := wonLeaf(t, s)
		if err != nil || !leaf.IsBelow(won.Proposal.Authority) {
			t.Errorf("the Secret is not of the CA in force: %v", err)
		}
	})
}

func wonLeaf(t *testing.T, s *scene) (*ca.Leaf, error) {
	t.Helper()
	found, err := s.Look(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return found.Installed.Leaf()
}

// TestARunOfTheSameCAThatWasQuickerStays: one of the two says so.
func TestARunOfTheSameCAThatWasQuickerStays(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		s.mustRun(t)
		other := s.later(t, 0)
		s.Options.Renew, other.Options.Renew = true, true
		var won *Result
		s.onWrite("apply", "secrets", func() { won = other.mustRun(t) })
		_, err := s.run(t.Context())
		wantReason(t, err, fault.Conflict)
		leaf, err := wonLeaf(t, s)
		if err != nil || leaf.Fingerprint() != won.Proposal.Leaf {
			t.Errorf("the Secret is not of who was quicker: %v", err)
		}
	})
}

// TestARenewalSetsNothingUp where a teardown was quicker.
func TestARenewalSetsNothingUp(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		s.mustRun(t)
		s.Options.Renew = true
		s.onWrite("apply", "secrets", func() { s.api.Remove("Secret", "istio-system", gateway.SecretName) })
		_, err := s.run(t.Context())
		wantReason(t, err, fault.Conflict)
		if s.secret() != nil {
			t.Error("the Secret is there again")
		}
	})
}
