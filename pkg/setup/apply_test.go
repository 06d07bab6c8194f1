package setup

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kftls/kubectl-kftls/internal/testutil"
	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/gateway"
)

// never says that no pod serves TLS.
func never(string) bool { return true }

// isWriteOf tells a write of a resource, and not its dry run.
func isWriteOf(r testutil.Request, resource string) bool {
	return r.IsWrite() && r.Resource == resource
}

func TestAServerWithoutGuardIsTakenOut(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		s.pods.Answer = withoutGuard
		result, err := s.run(t.Context())
		wantReason(t, err, fault.Unguarded)
		if s.servers() != shipped || !result.Removed || result.Undone || s.isUnproven() {
			t.Errorf("servers %s, unproven %v, %+v", s.servers(), s.isUnproven(), result)
		}
		if s.secret() == nil || s.api.Get("ConfigMap", "kubeflow", gateway.ConfigMapName) == nil {
			t.Error("Secret or ConfigMap are gone")
		}
	})
}

func TestAServerThatIsNotProvenIsTakenOut(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		s.pods.Late = never
		begun := time.Now()
		result, err := s.run(t.Context())
		wantReason(t, err, fault.Timeout)
		if s.servers() != shipped || !result.Removed || s.isUnproven() {
			t.Errorf("servers %s, unproven %v, %+v", s.servers(), s.isUnproven(), result)
		}
		if waited := time.Since(begun); waited > s.Options.Timeout+time.Second {
			t.Errorf("took %s", waited)
		}
	})
}

func TestAnInterruptedRunTakesItsServerOut(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		ctx, cancel := context.WithCancel(t.Context())
		s.intercept(func(r testutil.Request) int {
			if isWriteOf(r, "gateways") && !strings.Contains(s.servers(), "https") {
				cancel()
			}
			return 0
		})
		result, err := s.run(ctx)
		wantReason(t, err, fault.Interrupted)
		if len(result.Done) != 3 || s.servers() != shipped || !result.Removed || s.isUnproven() {
			t.Errorf("servers %s, unproven %v, %+v", s.servers(), s.isUnproven(), result)
		}
	})
}

func TestARunInterruptedBeforeTheGatewayTakesNothingOut(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		ctx, cancel := context.WithCancel(t.Context())
		s.intercept(func(r testutil.Request) int {
			if isWriteOf(r, "secrets") {
				cancel()
			}
			return 0
		})
		result, err := s.run(ctx)
		wantReason(t, err, fault.Interrupted)
		if len(result.Done) != 2 || result.Removed || s.isUnproven() || s.servers() != shipped {
			t.Errorf("servers %s, unproven %v, %+v", s.servers(), s.isUnproven(), result)
		}
	})
}

// TestAServerThatCannotBeTakenOut ends with the error that must be heard.
func TestAServerThatCannotBeTakenOut(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		s.pods.Late = never
		s.intercept(func(r testutil.Request) int {
			if isWriteOf(r, "gateways") && strings.Contains(s.servers(), "https") {
				return http.StatusForbidden
			}
			return 0
		})
		result, err := s.run(t.Context())
		if s.servers() != withServer || result.Removed || !s.isUnproven() {
			t.Errorf("servers %s, unproven %v, %+v", s.servers(), s.isUnproven(), result)
		}
		wantReason(t, err, fault.Unguarded)
		if hint := fault.HintOf(err); hint != "kubectl kftls teardown" {
			t.Errorf("hint %q", hint)
		}
		if !strings.Contains(err.Error(), "our server is still on the Gateway, and whether the login guards it is not proven") {
			t.Errorf("got %v", err)
		}
	})
}

// TestAServerIsTakenOutOnceTheAPIServerIsBack: one that restarts may be away just
// when our server has to go.
func TestAServerIsTakenOutOnceTheAPIServerIsBack(t *testing.T) {
	for name, test := range map[string]struct {
		away    time.Duration
		removed bool
	}{
		"for a while": {5 * time.Second, true},
		"for good":    {time.Hour, false},
	} {
		t.Run(name, func(t *testing.T) {
			inScene(t, func(t *testing.T, s *scene) {
				s.pods.Late = never
				begun := time.Now()
				back := begun.Add(s.Options.Timeout + test.away)
				s.intercept(func(_ testutil.Request) int {
					if time.Since(begun) >= s.Options.Timeout && time.Now().Before(back) {
						return http.StatusBadGateway
					}
					return 0
				})
				result, err := s.run(t.Context())
				if result.Removed != test.removed || s.isUnproven() == test.removed || strings.Contains(s.servers(), "https") == test.removed {
					t.Errorf("servers %s, unproven %v, %+v", s.servers(), s.isUnproven(), result)
				}
				if !test.removed && (fault.HintOf(err) != "kubectl kftls teardown" || time.Since(begun) > s.Options.Timeout+2*safetyTimeout) {
					t.Errorf("after %s: %v", time.Since(begun), err)
				}
			})
		})
	}
}

// TestAfterAKill is the run after one that was killed between the write of the
// Gateway and the proof: the mark tells.
func TestAfterAKill(t *testing.T) {
	tests := []struct {
		name  string
		pods  func(s *scene)
		want  fault.Reason
		stays bool
	}{
		{"guarded", func(*scene) {}, "", true},
		{"not guarded", func(s *scene) { s.pods.Answer = withoutGuard }, fault.Unguarded, false},
		{"not served", func(s *scene) { s.pods.Late = never }, fault.Timeout, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inScene(t, func(t *testing.T, s *scene) {
				door := s.mustRun(t).Proposal.Finding.Door
				if err := s.Home.MarkUnproven(s.origin(door)); err != nil {
					t.Fatal(err)
				}
				test.pods(s)
				result, err := s.run(t.Context())
				wantReason(t, err, test.want)
				if stays := s.servers() == withServer; stays != test.stays || result.Removed == test.stays || s.isUnproven() {
					t.Errorf("servers %s, unproven %v, %+v", s.servers(), s.isUnproven(), result)
				}
			})
		})
	}
}

// TestAnUnprovenServerGoesAlsoWhenAWriteIsRefused: that nothing was written
// proves nothing of what stood there.
func TestAnUnprovenServerGoesAlsoWhenAWriteIsRefused(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		door := s.mustRun(t).Proposal.Finding.Door
		if err := s.Home.MarkUnproven(s.origin(door)); err != nil {
			t.Fatal(err)
		}
		s.Options.Spec.Port = 9443
		refused := false
		s.intercept(func(r testutil.Request) int {
			if isWriteOf(r, "gateways") && !refused {
				refused = true
				return http.StatusForbidden
			}
			return 0
		})
		result, err := s.run(t.Context())
		wantReason(t, err, fault.Forbidden)
		if s.servers() != shipped || !result.Removed || s.isUnproven() {
			t.Errorf("servers %s, unproven %v, %+v", s.servers(), s.isUnproven(), result)
		}
	})
}

// TestAProvenServerStays when a later run is cut short or refused.
func TestAProvenServerStays(t *testing.T) {
	renewed := func(s *scene) { s.Options.Spec.Port = 9443 }
	tests := []struct {
		name   string
		before func(s *scene)
		want   fault.Reason
	}{
		{"nothing to write, and a time-out", func(s *scene) { s.pods.Late = never }, fault.Timeout},
		{"the write is refused", func(s *scene) {
			renewed(s)
			s.intercept(func(r testutil.Request) int {
				if isWriteOf(r, "gateways") {
					return http.StatusForbidden
				}
				return 0
			})
		}, fault.Forbidden},
		{"somebody changes the Gateway each time", func(s *scene) {
			renewed(s)
			s.intercept(func(r testutil.Request) int {
				if isWriteOf(r, "gateways") {
					return http.StatusConflict
				}
				return 0
			})
		}, fault.Conflict},
		{"the dry run is refused", func(s *scene) {
			renewed(s)
			s.intercept(func(r testutil.Request) int {
				if r.DryRun {
					return http.StatusForbidden
				}
				return 0
			})
		}, fault.Forbidden},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inScene(t, func(t *testing.T, s *scene) {
				s.mustRun(t)
				test.before(s)
				result, err := s.run(t.Context())
				wantReason(t, err, test.want)
				if s.servers() != withServer || result.Removed || s.isUnproven() {
					t.Errorf("servers %s, unproven %v, %+v", s.servers(), s.isUnproven(), result)
				}
			})
		})
	}
}

// TestAProvenServerThatLosesItsGuard goes, although this run wrote nothing.
func TestAProvenServerThatLosesItsGuard(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		s.mustRun(t)
		s.pods.Answer = withoutGuard
		result, err := s.run(t.Context())
		wantReason(t, err, fault.Unguarded)
		if s.servers() != shipped || !result.Removed {
			t.Errorf("servers %s, %+v", s.servers(), result)
		}
	})
}

// TestAWriteOfUnknownEnd has the answer of the Gateway's write lost, after the
// API server made it.
func TestAWriteOfUnknownEnd(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		lost := false
		s.intercept(func(r testutil.Request) int {
			if isWriteOf(r, "gateways") && !lost {
				lost = true
				s.addOurs()
				return http.StatusGatewayTimeout
			}
			return 0
		})
		_, err := s.run(t.Context())
		if err == nil || s.servers() != shipped || s.isUnproven() {
			t.Errorf("%v, servers %s, unproven %v", err, s.servers(), s.isUnproven())
		}
	})
}

// addOurs adds our server as setup would.
func (s *scene) addOurs() {
	s.api.Change("Gateway", "kubeflow", "kubeflow-gateway", "kubectl-kftls-x-y", func(object map[string]any) {
		servers, _, _ := unstructured.NestedSlice(object, "spec", "servers")
		servers = append(servers, testutil.HTTPS(gateway.ServerName, 443, gateway.SecretName, "*"))
		_ = unstructured.SetNestedSlice(object, servers, "spec", "servers")
	})
}

func TestRollbackTakesAllBack(t *testing.T) {
	tests := []struct {
		name   string
		before func(s *scene)
		want   fault.Reason
	}{
		{"not served", func(s *scene) { s.pods.Late = never }, fault.Timeout},
		{"not guarded", func(s *scene) { s.pods.Answer = withoutGuard }, fault.Unguarded},
		{"the Gateway is refused", func(s *scene) {
			s.intercept(func(r testutil.Request) int {
				if isWriteOf(r, "gateways") {
					return http.StatusForbidden
				}
				return 0
			})
		}, fault.Forbidden},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inScene(t, func(t *testing.T, s *scene) {
				s.Options.RollbackOnFailure = true
				test.before(s)
				result, err := s.run(t.Context())
				wantReason(t, err, test.want)
				if !result.Undone || result.Removed || s.isUnproven() || s.servers() != shipped {
					t.Errorf("servers %s, unproven %v, %+v", s.servers(), s.isUnproven(), result)
				}
				if s.secret() != nil || s.api.Get("ConfigMap", "kubeflow", gateway.ConfigMapName) != nil {
					t.Error("Secret or ConfigMap stay")
				}
				writes := s.api.Writes()
				want := []string{"delete secrets istio-system/kftls-gateway", "delete configmaps kubeflow/kftls-ca"}
				if diff := cmp.Diff(want, writes[len(writes)-2:]); diff != "" {
					t.Errorf("the last writes (-want +got)\n%s", diff)
				}
			})
		})
	}
}

func TestRollbackOfARenewal(t *testing.T) {
	tests := []struct {
		name     string
		unproven bool
		answer   func(testutil.PodRequest) testutil.PodAnswer
		want     fault.Reason
		stays    bool
	}{
		{"to a server that is proven", false, nil, fault.Timeout, true},
		{"to a server that was never proven", true, nil, fault.Timeout, false},
		{"to a server that is not guarded", false, withoutGuard, fault.Unguarded, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inScene(t, func(t *testing.T, s *scene) {
				door := s.mustRun(t).Proposal.Finding.Door
				before := s.secret().Object["data"]
				if test.unproven {
					if err := s.Home.MarkUnproven(s.origin(door)); err != nil {
						t.Fatal(err)
					}
				}
				again := s.later(t, 300*24*time.Hour)
				again.Options.RollbackOnFailure = true
				s.pods.Answer = test.answer
				if test.answer == nil {
					s.pods.Late = never
				}
				result, err := again.run(t.Context())
				wantReason(t, err, test.want)
				if !result.Undone || !cmp.Equal(before, s.secret().Object["data"]) {
					t.Errorf("the Secret is not as before: %+v", result)
				}
				if stays := s.servers() == withServer; stays != test.stays || result.Removed == test.stays || s.isUnproven() {
					t.Errorf("servers %s, unproven %v, %+v", s.servers(), s.isUnproven(), result)
				}
			})
		})
	}
}

// TestRollbackThatFails leaves at least no server that is not proven.
func TestRollbackThatFails(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		s.Options.RollbackOnFailure = true
		s.pods.Late = never
		refused := false
		s.intercept(func(r testutil.Request) int {
			if isWriteOf(r, "gateways") && strings.Contains(s.servers(), "https") && !refused {
				refused = true
				s.addServer() // somebody's edit: the Gateway is not as this run left it
			}
			return 0
		})
		result, err := s.run(t.Context())
		wantReason(t, err, fault.Timeout)
		if result.Undone || !result.Removed || s.servers() != "http:80: https-team:8443:team" || s.isUnproven() {
			t.Errorf("servers %s, unproven %v, %+v", s.servers(), s.isUnproven(), result)
		}
		if !strings.Contains(err.Error(), "take back what was written: ") {
			t.Errorf("got %v", err)
		}
	})
}

// TestSomebodyChangesTheGateway while setup is at work: it is planned again,
// and nothing of theirs is lost.
func TestSomebodyChangesTheGateway(t *testing.T) {
	for _, when := range []string{"before the dry run", "before the write"} {
		t.Run(when, func(t *testing.T) {
			inScene(t, func(t *testing.T, s *scene) {
				edited := false
				s.intercept(func(r testutil.Request) int {
					isMoment := r.Resource == "gateways" && (r.IsWrite() || when == "before the dry run" && r.DryRun)
					if isMoment && !edited {
						edited = true
						s.addServer()
					}
					return 0
				})
				result, err := s.run(t.Context())
				if err != nil || len(result.Done) != 3 || s.servers() != "http:80: https-team:8443:team https-kftls:443:kftls-gateway" {
					t.Errorf("%v, servers %s", err, s.servers())
				}
			})
		})
	}
}

func TestSomebodyElseSetsItUp(t *testing.T) {
	t.Run("wins the ConfigMap", func(t *testing.T) {
		inScene(t, func(t *testing.T, s *scene) {
			proposal, err := s.propose(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			s.another(t).mustRun(t)
			_, err = s.Apply(t.Context(), proposal)
			wantReason(t, err, fault.Conflict)
			if writes := s.api.Writes(); len(writes) != 0 {
				t.Errorf("writes %v", writes)
			}
			result := s.mustRun(t) // the other's certificate is taken
			if len(result.Done) != 0 || result.Proposal.Authority.Key != nil {
				t.Errorf("%+v", result)
			}
		})
	})
	t.Run("in the moment of the write", func(t *testing.T) {
		inScene(t, func(t *testing.T, s *scene) {
			other := s.another(t)
			raced := false
			s.intercept(func(r testutil.Request) int {
				if isWriteOf(r, "configmaps") && !raced {
					raced = true
					other.mustRun(t)
				}
				return 0
			})
			_, err := s.run(t.Context())
			wantReason(t, err, fault.Conflict)
			if s.servers() != withServer || s.isUnproven() {
				t.Errorf("servers %s", s.servers())
			}
		})
	})
	t.Run("with a server that overlaps", func(t *testing.T) {
		inScene(t, func(t *testing.T, s *scene) {
			edited := false
			s.intercept(func(r testutil.Request) int {
				if isWriteOf(r, "gateways") && !edited {
					edited = true
					s.api.Change("Gateway", "kubeflow", "kubeflow-gateway", "somebody", func(object map[string]any) {
						_ = unstructured.SetNestedSlice(object, []any{testutil.HTTPS("https", 443, "theirs", "*")}, "spec", "servers")
					})
				}
				return 0
			})
			result, err := s.run(t.Context())
			wantReason(t, err, fault.Overlap)
			if s.servers() != "https:443:theirs" || result.Removed || s.isUnproven() {
				t.Errorf("servers %s, %+v", s.servers(), result)
			}
		})
	})
}

func TestTheConflictOfAnotherObjectEndsSoon(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		s.intercept(func(r testutil.Request) int {
			if r.DryRun && r.Resource == "secrets" {
				return http.StatusConflict
			}
			return 0
		})
		_, err := s.run(t.Context())
		wantReason(t, err, fault.Conflict)
		if asked := s.api.Requests(); len(asked) > 25 {
			t.Errorf("%d requests", len(asked))
		}
	})
}
