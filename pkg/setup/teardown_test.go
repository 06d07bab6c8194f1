package setup

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kftls/kubectl-kftls/internal/testutil"
	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/gateway"
	"github.com/kftls/kubectl-kftls/pkg/state"
)

// teardown is one on the computer of a scene.
func (s *scene) teardown() *Teardown {
	return &Teardown{
		Cluster: s.Cluster, Home: s.Home, Progress: s.progress,
		Writer: gateway.Writer{Cluster: s.Cluster, Manager: gateway.FieldManager("teardown", "0a1b2c3d4e5f"), Now: s.Now},
	}
}

// takeBack tears down, which has to succeed.
func takeBack(t *testing.T, s *scene) []gateway.Change {
	t.Helper()
	teardown := s.teardown()
	plan, err := teardown.Propose(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	done, err := teardown.Apply(t.Context(), plan)
	if err != nil {
		t.Fatal(err)
	}
	s.api.Forget()
	return done
}

func TestTeardown(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		before := s.api.Get("Gateway", "kubeflow", "kubeflow-gateway")
		s.mustRun(t)
		if err := s.Home.MarkUnproven(state.Origin{Server: "http://api.test", Gateway: "kubeflow/kubeflow-gateway"}); err != nil {
			t.Fatal(err)
		}
		if done := takeBack(t, s); len(done) != 3 {
			t.Errorf("done %v", done)
		}
		after := s.api.Get("Gateway", "kubeflow", "kubeflow-gateway")
		if diff := cmp.Diff(before.Object["spec"], after.Object["spec"]); diff != "" || len(after.GetAnnotations()) != 0 {
			t.Errorf("annotations %v, (-before +after)\n%s", after.GetAnnotations(), diff)
		}
		if fields := after.GetManagedFields(); len(fields) != 1 || fields[0].Manager != "installer" {
			t.Errorf("managed fields %v", fields)
		}
		if s.secret() != nil || s.api.Get("ConfigMap", "kubeflow", gateway.ConfigMapName) != nil {
			t.Error("Secret or ConfigMap stay")
		}
		if s.isUnproven() {
			t.Error("the mark stays")
		}
		if done := takeBack(t, s); len(done) != 0 || len(s.api.Writes()) != 0 {
			t.Errorf("again: %v, writes %v", done, s.api.Writes())
		}
	})
}

func TestTeardownWithoutGatewayPods(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		s.mustRun(t)
		s.api.Remove("EndpointSlice", "istio-system", "istio-ingressgateway-1")
		s.api.Remove("Service", "istio-system", "istio-ingressgateway")
		if done := takeBack(t, s); len(done) != 3 {
			t.Errorf("done %v", done)
		}
	})
}

func TestTeardownOfASecretWithAnotherName(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		s.Options.Spec.SecretName = "mine"
		s.mustRun(t)
		if done := takeBack(t, s); len(done) != 3 || s.api.Get("Secret", "istio-system", "mine") != nil {
			t.Errorf("done %v", done)
		}
	})
}

// TestTeardownMeetsAChange lets somebody edit the Gateway after it was read.
func TestTeardownMeetsAChange(t *testing.T) {
	for _, when := range []string{"before the dry run", "before the write"} {
		t.Run(when, func(t *testing.T) {
			inScene(t, func(t *testing.T, s *scene) {
				s.mustRun(t)
				teardown := s.teardown()
				plan, err := teardown.Propose(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				edited := false
				s.intercept(func(r testutil.Request) int {
					isMoment := r.Resource == "gateways" && (r.IsWrite() || when == "before the dry run" && r.DryRun)
					if isMoment && !edited {
						edited = true
						s.addServer()
					}
					return 0
				})
				done, err := teardown.Apply(t.Context(), plan)
				if err != nil || len(done) != 3 || s.servers() != "http:80: https-team:8443:team" {
					t.Errorf("done %v, %v, servers %s", done, err, s.servers())
				}
			})
		})
	}
}

// addServer adds a server to Kubeflow's Gateway as somebody would.
func (s *scene) addServer() {
	s.api.Change("Gateway", "kubeflow", "kubeflow-gateway", "somebody", func(object map[string]any) {
		servers, _, _ := unstructured.NestedSlice(object, "spec", "servers")
		servers = append(servers, testutil.HTTPS("https-team", 8443, "team", "team.example.com"))
		_ = unstructured.SetNestedSlice(object, servers, "spec", "servers")
	})
}

func TestTeardownThatIsRefused(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		s.mustRun(t)
		teardown := s.teardown()
		plan, err := teardown.Propose(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		s.intercept(func(r testutil.Request) int {
			if r.DryRun && r.Verb == "delete" {
				return http.StatusForbidden
			}
			return 0
		})
		done, err := teardown.Apply(t.Context(), plan)
		wantReason(t, err, fault.Forbidden)
		if len(done) != 0 || len(s.api.Writes()) != 0 {
			t.Errorf("done %v, writes %v", done, s.api.Writes())
		}

		s.intercept(func(r testutil.Request) int {
			if r.IsWrite() && r.Resource == "secrets" {
				return http.StatusConflict
			}
			return 0
		})
		done, err = teardown.Apply(t.Context(), plan)
		wantReason(t, err, fault.Conflict)
		if len(done) != 1 || s.servers() != shipped {
			t.Errorf("done %v, servers %s", done, s.servers())
		}

		s.intercept(nil)
		if rest := takeBack(t, s); len(rest) != 3 {
			t.Errorf("the rest: %v", rest)
		}
		s.wantAsShipped(t)
	})
}

// wantAsShipped wants the Gateway to be as the installer left it.
func (s *scene) wantAsShipped(t *testing.T) {
	t.Helper()
	door := s.api.Get("Gateway", "kubeflow", "kubeflow-gateway")
	if fields := door.GetManagedFields(); s.servers() != shipped || len(fields) != 1 || fields[0].Manager != "installer" || len(door.GetAnnotations()) != 0 {
		t.Errorf("servers %s, managed fields %v, annotations %v", s.servers(), fields, door.GetAnnotations())
	}
}

// TestTeardownOfWhatIsHalfTakenBack lets a teardown end after each of its
// writes, the last of which takes the record off the Gateway: only that knows
// the Secret's name, and whose the servers were.
func TestTeardownOfWhatIsHalfTakenBack(t *testing.T) {
	for after := range 4 {
		t.Run(fmt.Sprintf("after %d writes", after), func(t *testing.T) {
			inScene(t, func(t *testing.T, s *scene) {
				s.Options.Spec.SecretName = "mine"
				s.mustRun(t)
				teardown := s.teardown()
				plan, err := teardown.Propose(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				writes := 0
				s.intercept(func(r testutil.Request) int {
					if r.IsWrite() {
						writes++
					}
					if writes > after {
						return http.StatusInternalServerError
					}
					return 0
				})
				if _, err := teardown.Apply(t.Context(), plan); err == nil {
					t.Error("it did not end there")
				}
				s.intercept(nil)
				takeBack(t, s)
				s.wantAsShipped(t)
				if s.api.Get("Secret", "istio-system", "mine") != nil || s.api.Get("ConfigMap", "kubeflow", gateway.ConfigMapName) != nil {
					t.Error("Secret or ConfigMap stay")
				}
			})
		})
	}
}

// TestSetupBesideATeardown lets somebody set up again before a teardown takes
// the record off the Gateway: it stays theirs.
func TestSetupBesideATeardown(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		s.mustRun(t)
		teardown := s.teardown()
		plan, err := teardown.Propose(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		writes := 0
		s.intercept(func(r testutil.Request) int {
			if !r.IsWrite() {
				return 0
			}
			if writes++; writes == 4 {
				s.intercept(nil)
				s.another(t).mustRun(t)
			}
			return 0
		})
		if _, err := teardown.Apply(t.Context(), plan); err != nil {
			t.Fatal(err)
		}
		if s.servers() == shipped || s.secret() == nil {
			t.Errorf("servers %s", s.servers())
		}
		s.intercept(nil)
		takeBack(t, s)
		s.wantAsShipped(t)
	})
}

func TestTeardownIsInterrupted(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		s.mustRun(t)
		teardown := s.teardown()
		plan, err := teardown.Propose(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		s.intercept(func(r testutil.Request) int {
			if r.IsWrite() {
				cancel()
			}
			return 0
		})
		done, err := teardown.Apply(ctx, plan)
		wantReason(t, err, fault.Interrupted)
		if len(done) != 1 || s.servers() != shipped {
			t.Errorf("done %v, servers %s", done, s.servers())
		}
	})
}

func TestTeardownLocal(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		first := s.mustRun(t)
		teardown := s.teardown()
		_, err := teardown.ProposeLocal(t.Context(), false)
		wantReason(t, err, fault.LocalState)
		plan, err := teardown.ProposeLocal(t.Context(), true)
		if err != nil || len(plan.Authorities) != 1 || plan.Authorities[0].Fingerprint() != first.Proposal.Authority.Fingerprint() {
			t.Errorf("by force: %v, %v", plan, err)
		}

		s.intercept(func(testutil.Request) int { return http.StatusServiceUnavailable })
		_, err = teardown.ProposeLocal(t.Context(), false)
		wantReason(t, err, fault.LocalState)
		if plan, err := teardown.ProposeLocal(t.Context(), true); err != nil || len(plan.Authorities) != 1 {
			t.Errorf("by force, of a cluster that does not answer: %v, %v", plan, err)
		}
		s.intercept(nil)

		takeBack(t, s)
		if plan, err := teardown.ProposeLocal(t.Context(), false); err != nil || len(plan.Authorities) != 1 {
			t.Errorf("after teardown: %v, %v", plan, err)
		}
		s.api.WithoutIstio = true
		if plan, err := teardown.ProposeLocal(t.Context(), false); err != nil || len(plan.Authorities) != 1 {
			t.Errorf("of a cluster without Istio: %v, %v", plan, err)
		}
		teardown.Gateway = gateway.KubeflowGateway
		teardown.Gateway.Name = "another"
		if plan, err := teardown.ProposeLocal(t.Context(), false); err != nil || len(plan.Authorities) != 0 {
			t.Errorf("of another Gateway: %v, %v", plan, err)
		}
	})
}
