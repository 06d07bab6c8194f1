package setup

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kftls/kubectl-kftls/internal/testutil"
	"github.com/kftls/kubectl-kftls/pkg/fault"
)

// forbid refuses what begins with one of the prefixes, when asked and when done.
func (s *scene) forbid(prefixes ...string) {
	isForbidden := func(right string) bool {
		for _, prefix := range prefixes {
			if strings.HasPrefix(right, prefix) {
				return true
			}
		}
		return false
	}
	s.api.Denies = isForbidden
	s.intercept(func(r testutil.Request) int {
		if r.Verb != "review" && isForbidden(strings.TrimSuffix(r.String(), " (dry run)")) {
			return http.StatusForbidden
		}
		return 0
	})
}

// wantLack fails the test unless an error lists exactly these rights.
func wantLack(t *testing.T, err error, want ...string) *LackError {
	t.Helper()
	wantReason(t, err, fault.Forbidden)
	lack, ok := errors.AsType[*LackError](err)
	if !ok {
		t.Fatalf("got %v", err)
	}
	if diff := cmp.Diff(want, byObject(lack.Missing)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	return lack
}

func TestAllMissingRightsAreReportedAtOnce(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		s.forbid("patch gateways", "create secrets")
		p, err := s.propose(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		lack := wantLack(t, s.RequireRights(t.Context(), p),
			"create secrets istio-system/kftls-gateway", "patch gateways.networking.istio.io kubeflow/kubeflow-gateway")
		for _, part := range []string{"name: somebody@example.com", "- delete", "- pods/portforward", "- kftls-gateway"} {
			if !strings.Contains(lack.Roles, part) {
				t.Errorf("the Roles lack %q:\n%s", part, lack.Roles)
			}
		}
		if len(s.api.Writes()) != 0 {
			t.Errorf("writes %v", s.api.Writes())
		}
	})
}

func TestRollingBackNeedsTheRightToDelete(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		s.Options.RollbackOnFailure = true
		s.forbid("delete ")
		p, err := s.propose(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		wantLack(t, s.RequireRights(t.Context(), p), "delete configmaps kubeflow/kftls-ca", "delete secrets istio-system/kftls-gateway")
	})
}

func TestALookThatIsRefused(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		s.forbid("get gateways", "list endpointslices", "patch gateways")
		found, refusal := s.Look(t.Context())
		lack := wantLack(t, s.LookRefused(t.Context(), found, refusal), "get, patch gateways.networking.istio.io kubeflow/kubeflow-gateway")
		if !errors.Is(lack, refusal) || !strings.Contains(lack.Error(), refusal.Error()) {
			t.Errorf("the refusal is lost: %v", lack)
		}
		s.forbid("get gateways", "list endpointslices", "list pods")
		found, refusal = s.Look(t.Context())
		wantLack(t, s.LookRefused(t.Context(), found, refusal),
			"get gateways.networking.istio.io kubeflow/kubeflow-gateway", "list endpointslices.discovery.k8s.io in namespace istio-system")
	})
}

// TestWhoOnlyLooksIsToldOfNoMore holds that Roles to write are not asked for
// where all is set up.
func TestWhoOnlyLooksIsToldOfNoMore(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		s.mustRun(t)
		s.forbid("get configmaps", "patch ", "create ")
		found, refusal := s.Look(t.Context())
		lack := wantLack(t, s.LookRefused(t.Context(), found, refusal), "get configmaps kubeflow/kftls-ca", "create pods/portforward in namespace istio-system")
		if strings.Contains(lack.Roles, "secrets") || strings.Contains(lack.Roles, "- patch") {
			t.Errorf("the Roles give more than was needed:\n%s", lack.Roles)
		}
	})
}

func TestAProposalThatIsRefused(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		s.forbid("get secrets", "create secrets")
		found, err := s.Look(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		_, refusal := s.Propose(found)
		wantLack(t, s.ProposalRefused(t.Context(), found, refusal), "get, create secrets istio-system/kftls-gateway")
	})
}

func TestAGatewayThatIsHandedOverNeedsNoRightToChangeIt(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		s.keepByArgo()
		s.forbid("get secrets", "patch gateways")
		found, err := s.Look(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		_, refusal := s.Propose(found)
		wantLack(t, s.ProposalRefused(t.Context(), found, refusal), "get secrets istio-system/kftls-gateway")
	})
}

func TestRefusalsThatAreNotOfRights(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		other := fault.New(fault.Overlap, "", "x")
		if err := s.LookRefused(t.Context(), nil, other); !errors.Is(err, other) {
			t.Errorf("got %v", err)
		}
		policy := fault.New(fault.Forbidden, "", "a policy forbids it")
		if err := s.LookRefused(t.Context(), nil, policy); !errors.Is(err, policy) || strings.Contains(err.Error(), "this user may not") {
			t.Errorf("with all rights: got %v", err)
		}
		s.intercept(func(r testutil.Request) int {
			if r.Verb == "review" {
				return http.StatusForbidden
			}
			return 0
		})
		p, err := s.propose(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := s.RequireRights(t.Context(), p); err != nil {
			t.Errorf("where rights may not be asked for, the dry run tells: %v", err)
		}
	})
}

func TestTeardownAsksForItsRights(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		s.mustRun(t)
		s.forbid("delete ", "patch gateways")
		teardown := &Teardown{Cluster: s.Cluster, Home: s.Home, Progress: s.progress}
		plan, err := teardown.Propose(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		wantLack(t, teardown.RequireRights(t.Context(), plan),
			"patch gateways.networking.istio.io kubeflow/kubeflow-gateway", "delete secrets istio-system/kftls-gateway", "delete configmaps kubeflow/kftls-ca")
	})
}

func TestNothingIsAskedForAnEmptyPlan(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		s.mustRun(t)
		p, err := s.propose(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		s.api.Forget()
		if err := s.RequireRights(t.Context(), p); err != nil || len(s.api.Requests()) != 0 {
			t.Errorf("%v, asked %v", err, s.api.Requests())
		}
	})
}
