package setup

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kftls/kubectl-kftls/internal/testutil"
	"github.com/kftls/kubectl-kftls/pkg/ca"
	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/gateway"
)

// change runs setup with a change of the CA.
func (s *scene) change(t *testing.T, change CAChange) *Result {
	t.Helper()
	s.Options.CAChange = change
	defer func() { s.Options.CAChange = KeepCA }()
	return s.mustRun(t)
}

// published are the fingerprints in the ConfigMap: of the CA in force, of the
// announced one, and of all in its bundle.
func (s *scene) published(t *testing.T) (inForce, announced string, bundle []string) {
	t.Helper()
	object := s.api.Get("ConfigMap", "kubeflow", gateway.ConfigMapName)
	pem, _, _ := unstructured.NestedString(object.Object, "data", gateway.ConfigMapKey)
	all, err := ca.ParseBundle([]byte(pem))
	if err != nil {
		t.Fatal(err)
	}
	for _, authority := range all {
		bundle = append(bundle, authority.Fingerprint())
	}
	return object.GetAnnotations()[gateway.AnnotationCA], object.GetAnnotations()[gateway.AnnotationAnnounced], bundle
}

func wantPublished(t *testing.T, s *scene, inForce, announced string, bundle ...string) {
	t.Helper()
	gotInForce, gotAnnounced, got := s.published(t)
	if gotInForce != inForce || gotAnnounced != announced || strings.Join(got, " ") != strings.Join(bundle, " ") {
		t.Errorf("in force %.8s, announced %.8s, bundle %v; want %.8s, %.8s, %v", gotInForce, gotAnnounced, got, inForce, announced, bundle)
	}
}

func TestANewCAIsAnnouncedThenServedThenTheOldOneForgotten(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		first := s.mustRun(t)
		old := first.Proposal.Authority.Fingerprint()

		announcing := s.change(t, AnnounceCA)
		next := announcing.Proposal.Announced.Fingerprint()
		wantPublished(t, s, old, next, old, next)
		if len(announcing.Done) != 1 || announcing.Proposal.Leaf != first.Proposal.Leaf {
			t.Errorf("what is served changed: %+v", announcing.Done)
		}
		if kept, err := s.Home.Authority(next); err != nil || kept.Key == nil {
			t.Errorf("the key is not kept: %v", err)
		}
		if again := s.change(t, AnnounceCA); len(again.Done) != 0 {
			t.Errorf("announced again: %v", again.Done)
		}
		if plain := s.mustRun(t); len(plain.Done) != 0 {
			t.Errorf("a plain setup changed %v", plain.Done)
		}
		wantPublished(t, s, old, next, old, next)

		serving := s.change(t, ReplaceCA)
		wantPublished(t, s, next, "", next, old)
		if serving.Proposal.IsNew || serving.Proposal.Replaced.Fingerprint() != old || !serving.Verdict.Guarded || len(serving.Done) != 2 {
			t.Errorf("got %+v", serving)
		}
		if plain := s.mustRun(t); len(plain.Done) != 0 {
			t.Errorf("a plain setup changed %v", plain.Done)
		}

		s.change(t, ForgetOldCAs)
		wantPublished(t, s, next, "", next)
	})
}

func TestANewCAAtOnce(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		old := s.mustRun(t).Proposal.Authority.Fingerprint()
		result := s.change(t, ReplaceCA)
		if !result.Proposal.IsNew {
			t.Error("no new CA was made")
		}
		wantPublished(t, s, result.Proposal.Authority.Fingerprint(), "", result.Proposal.Authority.Fingerprint(), old)
	})
}

// Who replaces a CA need not know which names were once asked for.
func TestANewCAKeepsTheNamesThatAreServed(t *testing.T) {
	for name, tc := range map[string]struct {
		defaults ca.Names
		kept     bool
	}{
		"usually":                  {ca.DefaultNames(), true},
		"not when names are given": {ca.Names{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			inScene(t, func(t *testing.T, s *scene) {
				asked, err := ca.ParseNames([]string{"kubeflow.example.com"})
				if err != nil {
					t.Fatal(err)
				}
				s.Options.Names = ca.DefaultNames().Union(asked)
				s.mustRun(t)

				other := s.another(t)
				other.Options.Names, other.Options.Defaults = ca.DefaultNames(), tc.defaults
				p := other.change(t, ReplaceCA).Proposal
				if got := p.Pair.Names().Covers("kubeflow.example.com"); got != tc.kept {
					t.Errorf("the new leaf has the name: %t, want %t", got, tc.kept)
				}
				if got := p.Authority.Permits(asked) == nil; got != tc.kept {
					t.Errorf("the new CA may sign it: %t, want %t", got, tc.kept)
				}
			})
		})
	}
}

func TestAnotherComputerReplacesTheCA(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		old := s.mustRun(t).Proposal.Authority.Fingerprint()
		other := s.another(t)
		result := other.change(t, ReplaceCA)
		wantPublished(t, s, result.Proposal.Authority.Fingerprint(), "", result.Proposal.Authority.Fingerprint(), old)
		owner := s.api.Get("ConfigMap", "kubeflow", gateway.ConfigMapName).GetAnnotations()[gateway.AnnotationComputer]
		if owner != result.Proposal.Computer || result.Proposal.IsForeign {
			t.Errorf("the CA belongs to %q, want %q", owner, result.Proposal.Computer)
		}
		if again := s.mustRun(t); !again.Proposal.IsForeign {
			t.Error("the first computer knows the new CA")
		}
	})
}

func TestNoChangeOfACAThatIsNotThere(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		for _, change := range []CAChange{AnnounceCA, ForgetOldCAs} {
			s.Options.CAChange = change
			_, err := s.propose(t.Context())
			wantReason(t, err, fault.Usage)
		}
		if result := s.change(t, ReplaceCA); !result.Proposal.IsNew {
			t.Errorf("got %+v", result.Proposal)
		}
	})
}

// TestAPlantedCAIsNotTakenAlong neither by a plain setup elsewhere nor into the
// bundle of a new CA.
func TestAPlantedCAIsNotTakenAlong(t *testing.T) {
	planted, err := ca.NewAuthority(ca.AuthorityOptions{Permit: ca.DefaultNames(), Now: bubbleTime})
	if err != nil {
		t.Fatal(err)
	}
	for name, also := range map[string]func(s *scene){
		"while ours is served":  func(*scene) {},
		"while none is served":  func(s *scene) { s.pods.Late = never },
		"in place of all bytes": func(s *scene) { s.plant("x", "y") },
	} {
		t.Run(name, func(t *testing.T) {
			inScene(t, func(t *testing.T, s *scene) {
				s.mustRun(t)
				s.plant(string(planted.CertificatePEM()), planted.Fingerprint())
				also(s)
				other := s.another(t)
				found, err := other.Look(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if _, err = other.Propose(found); fault.ReasonOf(err) != fault.Verification && fault.ReasonOf(err) != fault.Certificate {
					t.Fatalf("the planted CA was taken: %v", err)
				}
				other.Options.CAChange = ReplaceCA
				p, err := other.Propose(found)
				if err != nil {
					t.Fatal(err)
				}
				if p.Replaced != nil || strings.Contains(string(p.bundle), string(planted.CertificatePEM())) {
					t.Error("the planted CA stays trusted")
				}
			})
		})
	}
}

func (s *scene) plant(pem, fingerprint string) {
	s.api.Change("ConfigMap", "kubeflow", gateway.ConfigMapName, "somebody", func(object map[string]any) {
		_ = unstructured.SetNestedField(object, pem, "data", gateway.ConfigMapKey)
		_ = unstructured.SetNestedField(object, fingerprint, "metadata", "annotations", gateway.AnnotationCA)
	})
}

func TestALargeCAIsBelievedByItsFingerprintAlone(t *testing.T) {
	large, err := ca.NewAuthority(ca.AuthorityOptions{Unconstrained: true, Now: bubbleTime})
	if err != nil {
		t.Fatal(err)
	}
	inScene(t, func(t *testing.T, s *scene) {
		s.mustRun(t)
		s.plant(string(large.CertificatePEM()), large.Fingerprint())
		served := leafOf(t, large, "localhost", "127.0.0.1", "::1")
		s.api.Put(tlsSecret(t, gateway.SecretName, served), "somebody")
		s.api.Change("Secret", "istio-system", gateway.SecretName, "somebody", func(object map[string]any) {
			_ = unstructured.SetNestedField(object, gateway.ManagedBy, "metadata", "labels", gateway.LabelManagedBy)
			_ = unstructured.SetNestedField(object, served.Fingerprint(), "metadata", "annotations", gateway.AnnotationLeaf)
		})
		other := s.another(t)
		for accepted, want := range map[string]fault.Reason{"": fault.Certificate, strings.Repeat("0", 64): fault.Certificate, large.Fingerprint(): ""} {
			other.Options.AcceptCA = accepted
			_, err := other.propose(t.Context())
			wantReason(t, err, want)
			if accepted == "" && !strings.Contains(fault.HintOf(err), "setup --accept-ca "+large.Fingerprint()) {
				t.Errorf("hint %q", fault.HintOf(err))
			}
		}
	})
}

// TestATeammatePutsAVanishedServerBack believes the certificate in the Secret,
// which is what will be served.
func TestATeammatePutsAVanishedServerBack(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		first := s.mustRun(t)
		s.api.Change("Gateway", "kubeflow", "kubeflow-gateway", "installer", func(object map[string]any) {
			_ = unstructured.SetNestedSlice(object, []any{testutil.HTTP("http", 80, "*")}, "spec", "servers")
		})
		result := s.another(t).mustRun(t)
		if result.Proposal.Leaf != first.Proposal.Leaf || len(result.Done) != 1 || !result.Proposal.IsForeign {
			t.Errorf("got %+v", result)
		}
	})
}

func TestTeardownOfWhatAnotherComputerSetUp(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		owner := s.mustRun(t).Proposal.Computer
		for name, test := range map[string]struct {
			by    *scene
			force bool
			want  fault.Reason
		}{
			"its own":          {s, false, ""},
			"another":          {s.another(t), false, fault.NotOurs},
			"another by force": {s.another(t), true, ""},
		} {
			teardown := test.by.teardown()
			teardown.Force = test.force
			plan, err := teardown.Propose(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			err = teardown.RequireOwn(plan)
			if fault.ReasonOf(err) != test.want || err != nil && !strings.Contains(err.Error(), `computer "`+owner+`" set this up on `) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}
