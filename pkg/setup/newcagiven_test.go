package setup

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/kftls/kubectl-kftls/internal/testutil"
	"github.com/kftls/kubectl-kftls/pkg/ca"
	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/gateway"
)

func keyState(s *scene) string {
	return s.api.Get("ConfigMap", "kubeflow", gateway.ConfigMapName).GetAnnotations()[gateway.AnnotationKey]
}

func TestACompanysCATakesThePlaceOfOurs(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		old := s.mustRun(t).Proposal.Authority.Fingerprint()
		s.give(t, testutil.NewCompany(t, bubbleTime, nil))
		next := s.Options.Given.Authority.Fingerprint()
		result := s.change(t, ReplaceCA)
		wantPublished(t, s, next, "", next, old)
		if result.Proposal.IsNew || result.Proposal.Given == nil || result.Proposal.Replaced.Fingerprint() != old || keyState(s) != gateway.KeyGiven {
			t.Errorf("got %+v, key %q", result.Proposal, keyState(s))
		}
		if kept, err := s.Home.Authority(next); err != nil || kept.Key != nil {
			t.Errorf("its key is copied: %v", err)
		}
		if again := s.change(t, ReplaceCA); len(again.Done) != 0 {
			t.Errorf("again: %v", again.Done)
		}

		// And the other way round: the ConfigMap no longer says that the key is theirs.
		s.Options.Given = nil
		ours := s.change(t, ReplaceCA).Proposal.Authority.Fingerprint()
		wantPublished(t, s, ours, "", ours, next)
		status, err := s.inspector().Inspect(t.Context())
		if err != nil || status.SetUpBy.CAKey != "kept" || !status.CA.KeyHere {
			t.Errorf("status %+v, %v", status, err)
		}
	})
}

func TestACompanysCAIsAnnounced(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		first := s.mustRun(t).Proposal
		old := first.Authority.Fingerprint()
		keyFile := s.give(t, testutil.NewCompany(t, bubbleTime, nil))
		next := s.Options.Given.Authority.Fingerprint()
		announcing := s.change(t, AnnounceCA).Proposal
		wantPublished(t, s, old, next, old, next)
		if announcing.Given != nil || announcing.AnnouncedGiven == nil || announcing.Leaf != first.Leaf || keyState(s) != "" {
			t.Errorf("got %+v, key %q", announcing, keyState(s))
		}
		if kept, err := s.Home.Authority(next); err != nil || kept.Key != nil {
			t.Errorf("its key is copied: %v", err)
		}

		// The next run finds the key, or says that it is gone.
		s.Options.Given = nil
		key, err := os.ReadFile(keyFile)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(keyFile); err != nil {
			t.Fatal(err)
		}
		s.Options.CAChange = ReplaceCA
		_, err = s.propose(t.Context())
		wantReason(t, err, fault.Certificate)
		if !strings.Contains(err.Error(), "was announced, and is no longer where it was given") || fault.HintOf(err) != filesHint {
			t.Errorf("got %v, hint %q", err, fault.HintOf(err))
		}
		if err := os.WriteFile(keyFile, key, 0o600); err != nil {
			t.Fatal(err)
		}
		serving := s.change(t, ReplaceCA).Proposal
		wantPublished(t, s, next, "", next, old)
		if serving.IsNew || serving.Given.Source.Key != keyFile || keyState(s) != gateway.KeyGiven {
			t.Errorf("got %+v, key %q", serving, keyState(s))
		}
	})
}

// TestOptionsForTheCAShapeTheNextOne and are not asked of the one in force.
func TestOptionsForTheCAShapeTheNextOne(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		s.mustRun(t)
		s.Options.Authority = ca.AuthorityOptions{ConstrainIPs: true}
		next := s.change(t, AnnounceCA).Proposal.Announced
		if !next.ConstrainsIPs() {
			t.Error("the CA that is announced does not constrain IP addresses")
		}
		s.Options.Authority = ca.AuthorityOptions{}
		if serving := s.change(t, ReplaceCA).Proposal; serving.Authority.Fingerprint() != next.Fingerprint() {
			t.Error("asked for without the flag, the CA that was announced is not the one that serves")
		}
	})
}

// TestACAFollowsOneWhoseKeyIsGone is announced while the certificate is near its
// end, which is when the key is missed.
func TestACAFollowsOneWhoseKeyIsGone(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		s.Options.DiscardKey = true
		first := s.mustRun(t).Proposal
		s.Options.DiscardKey = false
		s = s.later(t, 300*24*time.Hour)
		_, err := s.propose(t.Context())
		wantReason(t, err, fault.Certificate)
		if !strings.Contains(fault.HintOf(err), "setup --new-ca --stage") {
			t.Errorf("hint %q", fault.HintOf(err))
		}
		if announcing := s.change(t, AnnounceCA).Proposal; announcing.Leaf != first.Leaf {
			t.Error("what is served changed")
		}
		s.Options.DiscardKey = true
		next := s.change(t, ReplaceCA).Proposal
		wantPublished(t, s, next.Authority.Fingerprint(), "", next.Authority.Fingerprint(), first.Authority.Fingerprint())
		if next.IsNew || keyState(s) != gateway.KeyDiscarded {
			t.Errorf("got %+v, key %q", next, keyState(s))
		}
		s.requireNoKeys(t)
	})
}
