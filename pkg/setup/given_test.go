package setup

import (
	"bytes"
	"crypto/x509"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kftls/kubectl-kftls/internal/testutil"
	"github.com/kftls/kubectl-kftls/pkg/ca"
	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/gateway"
	"github.com/kftls/kubectl-kftls/pkg/state"
)

// give writes a company's CA into a folder, and has setup sign with it.
func (s *scene) give(t *testing.T, company *testutil.Company) (keyFile string) {
	t.Helper()
	chain, key := company.Write(t, t.TempDir())
	source := state.Source{Certificates: chain, Key: key}
	authority, err := source.Read()
	if err != nil {
		t.Fatal(err)
	}
	s.Options.Given = &Given{Authority: authority, Source: source}
	return key
}

// requireNoKeys fails the test if a private key lies in this computer's folder.
func (s *scene) requireNoKeys(t *testing.T) {
	t.Helper()
	err := filepath.WalkDir(s.Home.Dir(), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if strings.Contains(string(data), "PRIVATE KEY") {
			t.Errorf("%s holds a private key", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestSetupWithACompanysCA(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		company := testutil.NewCompany(t, bubbleTime, nil)
		keyFile := s.give(t, company)
		s.intercept(func(testutil.Request) int { s.requireNoKeys(t); return 0 })
		result := s.mustRun(t)
		p := result.Proposal
		if p.IsNew || p.Given == nil || len(p.Pair.Issuers) != 2 || p.Pair.Issuers[0].Subject.CommonName != "Example Issuing" {
			t.Errorf("got %+v", p)
		}
		configMap := s.api.Get("ConfigMap", "kubeflow", gateway.ConfigMapName)
		if data, _ := configMap.Object["data"].(map[string]any); data[gateway.ConfigMapKey] != string(company.Root) {
			t.Errorf("clients are given %v", data)
		}
		if got := configMap.GetAnnotations()[gateway.AnnotationKey]; got != gateway.KeyGiven {
			t.Errorf("the ConfigMap says of the key: %q", got)
		}
		s.requireNoKeys(t)
		if pem, err := os.ReadFile(result.CertificatePath); err != nil || !bytes.Equal(pem, company.Root) {
			t.Errorf("ca.crt: %v", err)
		}

		// Without being told again, it finds the key where it lies.
		s.Options.Given, s.Options.Renew = nil, true
		again := s.mustRun(t)
		if len(again.Done) != 1 || again.Proposal.Leaf == p.Leaf || again.Proposal.Given.Source.Key != keyFile {
			t.Errorf("renewed: %+v", again.Proposal)
		}
		s.requireNoKeys(t)

		// Nobody else does, but who is given the files.
		elsewhere := s.another(t)
		elsewhere.Options.Renew = true
		_, err := elsewhere.run(t.Context())
		wantReason(t, err, fault.Certificate)
		if hint := fault.HintOf(err); !strings.Contains(hint, "--accept-ca "+p.Authority.Fingerprint()) {
			t.Errorf("a CA without name constraints is taken: %v, hint %q", err, hint)
		}
		elsewhere.Options.AcceptCA = p.Authority.Fingerprint()
		_, err = elsewhere.run(t.Context())
		wantReason(t, err, fault.Certificate)
		if want := "is kept by who gave it to computer " + p.Computer + ", which set it up"; !strings.Contains(err.Error(), want) {
			t.Errorf("got %v", err)
		}
		elsewhere.give(t, company)
		elsewhere.mustRun(t)

		// The files are gone, or another CA's.
		if err := os.Remove(keyFile); err != nil {
			t.Fatal(err)
		}
		_, err = s.run(t.Context())
		wantReason(t, err, fault.Certificate)
		if !strings.Contains(err.Error(), keyFile) {
			t.Errorf("got %v", err)
		}
		testutil.NewCompany(t, bubbleTime, nil).Write(t, filepath.Dir(keyFile))
		_, err = s.run(t.Context())
		wantReason(t, err, fault.Certificate)
		if !strings.Contains(err.Error(), "holds another CA by now") {
			t.Errorf("got %v", err)
		}
		if writes := s.api.Writes(); len(writes) != 0 {
			t.Errorf("writes %v", writes)
		}
	})
}

func TestSetupRefusesACompanysCA(t *testing.T) {
	for name, test := range map[string]struct {
		change func(issuing *x509.Certificate)
		before func(t *testing.T, s *scene)
		says   string
		hint   string
	}{
		"expired": {func(c *x509.Certificate) { c.NotAfter = bubbleTime.Add(-time.Hour) }, nil, `the CA that was given: the certificate authority "Example Issuing"`, ""},
		"forbids a name": {func(c *x509.Certificate) {
			c.PermittedDNSDomains = []string{"example.com"}
		}, nil, "(permitted: example.com) do not permit localhost", "--no-default-sans"},
		"another is in force": {nil, func(t *testing.T, s *scene) { s.another(t).mustRun(t) }, "is not the CA in force", "kubectl kftls setup --new-ca --ca-cert CHAIN --ca-key KEY"},
	} {
		t.Run(name, func(t *testing.T) {
			inScene(t, func(t *testing.T, s *scene) {
				if test.before != nil {
					test.before(t, s)
				}
				s.give(t, testutil.NewCompany(t, bubbleTime, test.change))
				s.api.Forget()
				_, err := s.run(t.Context())
				wantReason(t, err, fault.Certificate)
				if !strings.Contains(err.Error(), test.says) || !strings.Contains(fault.HintOf(err), test.hint) {
					t.Errorf("got %v, hint %q", err, fault.HintOf(err))
				}
				if writes := s.api.Writes(); len(writes) != 0 {
					t.Errorf("writes %v", writes)
				}
			})
		})
	}
}

func TestSetupThatDiscardsTheKey(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		s.Options.DiscardKey = true
		s.intercept(func(testutil.Request) int { s.requireNoKeys(t); return 0 })
		first := s.mustRun(t)
		s.requireNoKeys(t)
		s.Options.DiscardKey = false
		if again := s.mustRun(t); len(again.Done) != 0 || again.CertificatePath == "" {
			t.Errorf("again: %+v", again)
		}
		s.Options.Renew = true
		_, err := s.run(t.Context())
		wantReason(t, err, fault.Certificate)
		if want := "was thrown away (--discard-ca-key) by computer " + first.Proposal.Computer; !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
		if writes := s.api.Writes(); len(writes) != 0 {
			t.Errorf("writes %v", writes)
		}
	})
}

// TestDiscardOfAKeyThatIsKept throws it away only once all is well.
func TestDiscardOfAKeyThatIsKept(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		fingerprint := s.mustRun(t).Proposal.Authority.Fingerprint()
		s.Options.DiscardKey = true
		s.pods.Late = never
		_, err := s.run(t.Context())
		wantReason(t, err, fault.Timeout)
		if kept, err := s.Home.Authority(fingerprint); err != nil || kept.Key == nil {
			t.Fatalf("after a failure: %v", err)
		}
		s.pods.Late = nil
		if result := s.mustRun(t); result.Proposal.Authority.Fingerprint() != fingerprint {
			t.Error("another CA was made")
		}
		s.requireNoKeys(t)
		if got := s.api.Get("ConfigMap", "kubeflow", gateway.ConfigMapName).GetAnnotations()[gateway.AnnotationKey]; got != gateway.KeyDiscarded {
			t.Errorf("the ConfigMap says of the key: %q", got)
		}
	})
}

// TestADiscardThatWasCutShort leaves a CA that nobody can sign with, and that has
// signed nothing: the next run takes another one.
func TestADiscardThatWasCutShort(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		s.Options.DiscardKey = true
		s.intercept(func(r testutil.Request) int {
			if r.IsWrite() && r.Resource == "secrets" {
				return http.StatusInternalServerError
			}
			return 0
		})
		first, err := s.run(t.Context())
		if err == nil || len(first.Done) != 1 {
			t.Fatalf("done %v, %v", first.Done, err)
		}
		s.intercept(nil)
		s.Options.DiscardKey = false
		second := s.mustRun(t)
		fingerprint := second.Proposal.Authority.Fingerprint()
		if !second.Proposal.IsNew || fingerprint == first.Proposal.Authority.Fingerprint() {
			t.Errorf("got %+v", second.Proposal)
		}
		status, err := s.inspector().Inspect(t.Context())
		if err != nil || status.State != Serving || status.CA.Fingerprint != fingerprint || !status.CA.KeyHere || status.SetUpBy.CAKey != "kept" {
			t.Errorf("status %+v, %v", status, err)
		}
	})
}

func TestSetupWithOptionsForTheCA(t *testing.T) {
	for name, options := range map[string]ca.AuthorityOptions{
		"a wider name":        {PermitDNS: []string{"example.com"}},
		"constrained IPs":     {ConstrainIPs: true},
		"without constraints": {Unconstrained: true},
	} {
		t.Run(name, func(t *testing.T) {
			inScene(t, func(t *testing.T, s *scene) {
				usual := s.mustRun(t).Proposal.Authority.Fingerprint()
				s.Options.Authority = options
				_, err := s.run(t.Context())
				wantReason(t, err, fault.Certificate)
				if !strings.Contains(err.Error(), "is not as asked for: it ") {
					t.Errorf("got %v", err)
				}
				takeBack(t, s)
				made := s.mustRun(t).Proposal
				if !made.IsNew || made.Authority.Fingerprint() == usual || options.Unmet(made.Authority) != "" {
					t.Errorf("the CA %s is taken", made.Authority.Certificate.Subject)
				}
				s.Options.Authority = ca.AuthorityOptions{}
				if again := s.mustRun(t); len(again.Done) != 0 {
					t.Errorf("without the flag: %v", again.Done)
				}
				takeBack(t, s)
				if got := s.mustRun(t).Proposal.Authority.Fingerprint(); options.PermitDNS == nil && got != usual {
					t.Error("after a teardown, the CA that was made as nobody asks for now is taken")
				}
			})
		})
	}
}

// TestSomebodysSecretDecidesNothing about the names.
func TestSomebodysSecretDecidesNothing(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		s.mustRun(t)
		s.api.Put(tlsSecret(t, gateway.SecretName, leafOf(t, systemCA, "their.example.com")), "somebody")
		s.Options.Defaults = ca.DefaultNames()
		_, err := s.run(t.Context())
		wantReason(t, err, fault.NotOurs)
	})
}

// TestDefaultNamesAreLeftOutForGood where they were left out once.
func TestDefaultNamesAreLeftOutForGood(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		own, err := ca.ParseNames([]string{"kubeflow.example.com"})
		if err != nil {
			t.Fatal(err)
		}
		s.Options.Names = own
		s.mustRun(t)
		s.Options.Names, s.Options.Defaults = ca.DefaultNames(), ca.DefaultNames()
		check := func(what string) {
			t.Helper()
			result, err := s.run(t.Context())
			if err != nil || len(result.Done) != 0 || strings.Join(result.Proposal.Finding.Names.Strings(), " ") != "kubeflow.example.com" {
				t.Errorf("%s: %+v, %v", what, result, err)
			}
		}
		check("again")
		s.intercept(func(r testutil.Request) int {
			if r.Resource == "secrets" {
				return http.StatusForbidden
			}
			return 0
		})
		check("without rights on Secrets")
		s.intercept(nil)
		s.Options.Defaults = ca.Names{}
		_, err = s.run(t.Context())
		wantReason(t, err, fault.Certificate)
	})
}
