package setup

import (
	"errors"
	"io/fs"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/kftls/kubectl-kftls/internal/testutil"
	"github.com/kftls/kubectl-kftls/pkg/ca"
	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/gateway"
	"github.com/kftls/kubectl-kftls/pkg/state"
)

var kubeflowOrigin = state.Origin{Server: "http://api.test", Gateway: "kubeflow/kubeflow-gateway"}

// prepare is a dry run that prints its objects.
func (s *scene) prepare(t *testing.T) (*Proposal, []*unstructured.Unstructured) {
	t.Helper()
	p, err := s.propose(t.Context())
	if err == nil {
		err = s.Prepare(p)
	}
	if err != nil {
		t.Fatal(err)
	}
	objects, err := p.Objects(nil)
	if err != nil {
		t.Fatal(err)
	}
	if writes := s.api.Writes(); len(writes) != 0 {
		t.Errorf("a dry run wrote %v", writes)
	}
	return p, objects
}

// applyByHand is a person's kubectl apply of objects, or of those of some kinds.
func (s *scene) applyByHand(objects []*unstructured.Unstructured, kinds ...string) {
	for _, object := range objects {
		for _, kind := range kinds {
			if object.GetKind() == kind {
				s.api.Put(object, "kubectl")
			}
		}
	}
}

func text(t *testing.T, objects []*unstructured.Unstructured) string {
	t.Helper()
	all := ""
	for _, object := range objects {
		body, err := yaml.Marshal(object.Object)
		if err != nil {
			t.Fatal(err)
		}
		all += "---\n" + string(body)
	}
	return all
}

func TestWhatADryRunShowedIsWhatComes(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		first, shown := s.prepare(t)
		if first.CAIsPrepared() || first.LeafIsPrepared {
			t.Errorf("prepared before the first: %+v", first)
		}
		second, again := s.prepare(t)
		if text(t, again) != text(t, shown) || !second.CAIsPrepared() || !second.LeafIsPrepared || second.Outdated() {
			t.Errorf("the second dry run shows\n%s\nafter\n%s", text(t, again), text(t, shown))
		}
		if got := s.state(t); got != NotSetUp {
			t.Errorf("state %s", got)
		}
		if kept, err := s.Home.Authorities(); err != nil || len(kept) != 0 {
			t.Errorf("what is prepared counts as kept: %v, %v", kept, err)
		}
		if !s.isUnproven() {
			t.Error("who has the objects may apply them, and nothing would notice an open door")
		}

		result := s.mustRun(t)
		if result.Proposal.Leaf != first.Leaf || result.Proposal.Authority.Fingerprint() != first.Authority.Fingerprint() {
			t.Error("another certificate came than was shown")
		}
		written, err := result.Objects()
		if err != nil || text(t, written) != text(t, shown) {
			t.Errorf("%v; written was\n%s\nand shown\n%s", err, text(t, written), text(t, shown))
		}
		if s.Home.HasPrepared(kubeflowOrigin) || s.isUnproven() {
			t.Error("what was used is still prepared")
		}
		if kept, err := s.Home.Authority(first.Authority.Fingerprint()); err != nil || kept.Key == nil {
			t.Errorf("the CA's key is not kept: %v", err)
		}
		if _, now := s.prepare(t); text(t, now) != text(t, shown) || s.Home.HasPrepared(kubeflowOrigin) {
			t.Errorf("afterwards the objects are\n%s", text(t, now))
		}
	})
}

func TestWhatIsPreparedForOthersIsMadeAnew(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, s *scene) *scene{
		"another name": func(_ *testing.T, s *scene) *scene {
			s.Options.Names.DNS = append(s.Options.Names.DNS, "ml.example.com")
			return s
		},
		"another key": func(_ *testing.T, s *scene) *scene {
			s.Options.KeyAlgorithm = ca.ECDSAP384
			return s
		},
		"a CA that is wider": func(_ *testing.T, s *scene) *scene {
			s.Options.Authority.PermitDNS = []string{"example.com"}
			return s
		},
		"a CA on purpose": func(_ *testing.T, s *scene) *scene {
			s.Options.CAChange = ReplaceCA
			return s
		},
	} {
		t.Run(name, func(t *testing.T) {
			inScene(t, func(t *testing.T, s *scene) {
				first, _ := s.prepare(t)
				s = change(t, s)
				second, shown := s.prepare(t)
				if !second.Outdated() || second.Leaf == first.Leaf || second.Authority.Fingerprint() == first.Authority.Fingerprint() {
					t.Errorf("got %+v", second)
				}
				if _, again := s.prepare(t); text(t, again) != text(t, shown) {
					t.Error("the new one is not kept")
				}
				if result := s.mustRun(t); result.Proposal.Leaf != second.Leaf {
					t.Error("another certificate came than was shown last")
				}
			})
		})
	}
}

func TestAPreparedCertificateNearItsEndIsMadeAnew(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		first, _ := s.prepare(t)
		s = s.later(t, 300*24*time.Hour)
		second, _ := s.prepare(t)
		if !second.Outdated() || !second.CAIsPrepared() || second.Leaf == first.Leaf || second.Authority.Fingerprint() != first.Authority.Fingerprint() {
			t.Errorf("got %+v", second)
		}
		third, _ := s.prepare(t)
		if third.Leaf != second.Leaf || third.Outdated() {
			t.Error("the new one is not kept beside its CA")
		}
	})
}

func TestObjectsThatWereAppliedByHandAreAdopted(t *testing.T) {
	for name, test := range map[string]struct {
		kinds  []string
		writes string
	}{
		"all":            {[]string{"ConfigMap", "Secret", "Gateway"}, ""},
		"all but Secret": {[]string{"ConfigMap", "Gateway"}, "apply secrets istio-system/kftls-gateway"},
		"ConfigMap":      {[]string{"ConfigMap"}, "apply secrets istio-system/kftls-gateway patch gateways kubeflow/kubeflow-gateway"},
	} {
		t.Run(name, func(t *testing.T) {
			inScene(t, func(t *testing.T, s *scene) {
				s.Options.Names.DNS = append(s.Options.Names.DNS, "ml.example.com")
				first, shown := s.prepare(t)
				s.applyByHand(shown, test.kinds...)
				s.Options.Names = ca.DefaultNames() // who applied them need not name all names again
				s.Options.Wait = true
				s.api.Forget()

				result, err := s.run(t.Context())
				if err != nil || !result.Verdict.Guarded {
					t.Fatal(err)
				}
				writes := ""
				for i, write := range s.api.Writes() {
					if i > 0 {
						writes += " "
					}
					writes += write
				}
				if writes != test.writes || result.Proposal.Leaf != first.Leaf || result.Proposal.IsForeign {
					t.Errorf("writes %q, got %+v", writes, result.Proposal)
				}
				if kept, err := s.Home.Authority(first.Authority.Fingerprint()); err != nil || kept.Key == nil {
					t.Errorf("the CA's key is not adopted: %v", err)
				}
				if s.Home.HasPrepared(kubeflowOrigin) || s.isUnproven() || s.state(t) != Serving {
					t.Errorf("left prepared %v, unproven %v, state %s", s.Home.HasPrepared(kubeflowOrigin), s.isUnproven(), s.state(t))
				}
				if done := takeBack(t, s); len(done) != 3 || s.servers() != shipped {
					t.Errorf("taken back: %v", done)
				}
			})
		})
	}
}

func TestObjectsThatOpenTheDoorAreTakenOut(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		_, shown := s.prepare(t)
		s.applyByHand(shown, "ConfigMap", "Secret", "Gateway")
		s.pods.Answer = withoutGuard
		result, err := s.run(t.Context())
		wantReason(t, err, fault.Unguarded)
		if !result.Removed || s.servers() != shipped || !s.Home.HasPrepared(kubeflowOrigin) {
			t.Errorf("got %+v, servers %s", result, s.servers())
		}
	})
}

func TestAPreparedCAWhoseKeyIsThrownAwayNeverHasOneOnTheDisk(t *testing.T) {
	for name, apply := range map[string][]string{"by setup": nil, "by hand": {"ConfigMap"}} {
		t.Run(name, func(t *testing.T) {
			inScene(t, func(t *testing.T, s *scene) {
				s.Options.DiscardKey = true
				first, shown := s.prepare(t)
				if prepared, err := s.Home.Prepared(kubeflowOrigin); err != nil || prepared.Authority.Key != nil || prepared.Leaf.Key == nil {
					t.Fatalf("prepared %+v, %v", prepared, err)
				}
				if _, again := s.prepare(t); text(t, again) != text(t, shown) {
					t.Errorf("again\n%s\nafter\n%s", text(t, again), text(t, shown))
				}
				s.applyByHand(shown, apply...)
				result := s.mustRun(t)
				object := s.api.Get("ConfigMap", "kubeflow", gateway.ConfigMapName)
				if result.Proposal.Leaf != first.Leaf || object.GetAnnotations()[gateway.AnnotationKey] != gateway.KeyDiscarded {
					t.Errorf("got %+v, annotations %v", result.Proposal, object.GetAnnotations())
				}
				if kept, err := s.Home.Authority(first.Authority.Fingerprint()); err != nil || kept.Key != nil {
					t.Errorf("kept %+v, %v", kept, err)
				}
			})
		})
	}
}

func TestANewCAIsPreparedToo(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		old := s.mustRun(t).Proposal.Authority.Fingerprint()
		s.Options.CAChange = AnnounceCA
		first, shown := s.prepare(t)
		second, again := s.prepare(t)
		next := first.Announced.Fingerprint()
		if next == old || second.Announced.Fingerprint() != next || !second.CAIsPrepared() || text(t, again) != text(t, shown) {
			t.Errorf("announced %s after %s", second.Announced.Fingerprint(), next)
		}
		s.applyByHand(shown, "ConfigMap")

		result := s.change(t, ReplaceCA)
		if result.Proposal.Authority.Fingerprint() != next || s.Home.HasPrepared(kubeflowOrigin) {
			t.Errorf("in force %s, shown %s", result.Proposal.Authority.Fingerprint(), next)
		}
		wantPublished(t, s, next, "", next, old)
	})
}

func TestACertificateOfAGivenCAIsPreparedWithoutTheCA(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		s.give(t, testutil.NewCompany(t, bubbleTime, nil))
		first, shown := s.prepare(t)
		if prepared, err := s.Home.Prepared(kubeflowOrigin); err != nil || prepared.Authority != nil {
			t.Fatalf("prepared %+v, %v", prepared, err)
		}
		if second, again := s.prepare(t); !second.LeafIsPrepared || text(t, again) != text(t, shown) {
			t.Errorf("got %+v", second)
		}
		if result := s.mustRun(t); result.Proposal.Leaf != first.Leaf {
			t.Error("another certificate came than was shown")
		}
	})
}

func TestAFailedRunKeepsWhatIsPrepared(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		first, _ := s.prepare(t)
		s.Options.RollbackOnFailure = true
		answer := s.pods.Answer
		s.pods.Answer = withoutGuard
		_, err := s.run(t.Context())
		wantReason(t, err, fault.Unguarded)
		s.pods.Answer, s.Options.RollbackOnFailure = answer, false
		if result := s.mustRun(t); result.Proposal.Leaf != first.Leaf {
			t.Error("another certificate came than was shown")
		}
	})
}

func TestTeardownOnThisComputerForgetsWhatIsPrepared(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		_, shown := s.prepare(t)
		teardown := s.teardown()
		plan, err := teardown.ProposeLocal(t.Context(), false)
		if err != nil || !plan.Prepared || len(plan.Authorities) != 0 {
			t.Fatalf("%+v, %v", plan, err)
		}
		s.applyByHand(shown, "ConfigMap")
		_, err = teardown.ProposeLocal(t.Context(), false)
		wantReason(t, err, fault.LocalState) // it is in force by now
		if plan, err = teardown.ProposeLocal(t.Context(), true); err != nil {
			t.Fatal(err)
		}
		if err := teardown.ForgetLocal(plan); err != nil || s.Home.HasPrepared(kubeflowOrigin) {
			t.Errorf("it is still prepared, %v", err)
		}
	})
}

func TestTeardownForgetsWhatIsPrepared(t *testing.T) {
	forget := func(t *testing.T, s *scene) bool {
		t.Helper()
		teardown := s.teardown()
		plan, err := teardown.Propose(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		was, err := teardown.ForgetPrepared(plan)
		if err != nil {
			t.Fatal(err)
		}
		return was
	}
	inScene(t, func(t *testing.T, s *scene) {
		first, _ := s.prepare(t)
		if !forget(t, s) || forget(t, s) || s.Home.HasPrepared(kubeflowOrigin) || s.isUnproven() {
			t.Error("it is still prepared")
		}
		if _, err := s.Home.Authority(first.Authority.Fingerprint()); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a CA that nobody trusts is kept: %v", err)
		}

		first, shown := s.prepare(t)
		s.applyByHand(shown, "ConfigMap", "Secret", "Gateway")
		takeBack(t, s)
		if s.Home.HasPrepared(kubeflowOrigin) {
			t.Error("it is still prepared")
		}
		if kept, err := s.Home.Authority(first.Authority.Fingerprint()); err != nil || kept.Key == nil {
			t.Errorf("a CA that people may trust is lost: %v", err)
		}
	})
	inScene(t, func(t *testing.T, s *scene) {
		s.keepByArgo()
		_, shown := s.prepare(t)
		s.applyByHand(shown, "ConfigMap", "Secret", "Gateway")
		if forget(t, s) || !s.Home.HasPrepared(kubeflowOrigin) {
			t.Error("the CA in force, which a source keeps, is lost")
		}
	})
}
