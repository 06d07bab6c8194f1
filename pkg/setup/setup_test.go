package setup

import (
	"bytes"
	"crypto/tls"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kftls/kubectl-kftls/internal/testutil"
	"github.com/kftls/kubectl-kftls/pkg/ca"
	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/gateway"
	"github.com/kftls/kubectl-kftls/pkg/portforward"
)

func TestSetupForTheFirstTime(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		var order []string
		s.intercept(func(r testutil.Request) int {
			if r.IsWrite() {
				order = append(order, r.String())
				if s.isUnproven() != (r.Resource == "gateways") {
					t.Errorf("at %s, the mark is %v", r, s.isUnproven())
				}
			}
			return 0
		})
		result, err := s.run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		want := []string{
			"apply configmaps kubeflow/kftls-ca", "apply secrets istio-system/kftls-gateway", "patch gateways kubeflow/kubeflow-gateway",
		}
		if diff := cmp.Diff(want, order); diff != "" {
			t.Errorf("writes (-want +got)\n%s", diff)
		}
		p := result.Proposal
		if !p.IsNew || p.LeafReason != "there is none" || p.Pair == nil || len(result.Done) != 3 || !result.Verdict.Guarded {
			t.Errorf("got %+v, %+v", p, result)
		}
		if s.servers() != withServer || s.isUnproven() {
			t.Errorf("servers %s, unproven %v", s.servers(), s.isUnproven())
		}
		if pem, err := os.ReadFile(result.CertificatePath); err != nil || !bytes.Equal(pem, p.Authority.CertificatePEM()) {
			t.Errorf("ca.crt: %v", err)
		}
		if kept, err := s.Home.Authority(p.Authority.Fingerprint()); err != nil || kept.Key == nil {
			t.Errorf("the key is not kept: %v", err)
		}
		for _, step := range s.steps {
			if strings.Contains(step, "PRIVATE KEY") || !strings.HasSuffix(step, "<nil>") {
				t.Errorf("step %q", step)
			}
		}
	})
}

func TestSetupAgainChangesNothing(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		first := s.mustRun(t)
		result, err := s.run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if asked := s.api.Requests(); len(s.api.Writes()) != 0 || len(asked) > 15 {
			t.Errorf("%d requests, writes %v: %v", len(asked), s.api.Writes(), asked)
		}
		p := result.Proposal
		if p.IsNew || p.LeafReason != "" || p.Leaf != first.Proposal.Leaf || !p.Plan.Empty() {
			t.Errorf("got %+v", p)
		}
	})
}

// TestSetupAgainWithFlags holds that a flag once given need not be given again.
func TestSetupAgainWithFlags(t *testing.T) {
	tests := []struct {
		name  string
		spec  gateway.Spec
		names []string
	}{
		{"hosts and port", gateway.Spec{Port: 9443, Hosts: []string{"localhost"}}, nil},
		{"a Secret of another name", gateway.Spec{SecretName: "mine"}, nil},
		{"further names", gateway.Spec{}, []string{"kubeflow.example.com", "*.apps.example.com"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inScene(t, func(t *testing.T, s *scene) {
				names, err := ca.ParseNames(test.names)
				if err != nil {
					t.Fatal(err)
				}
				s.Options.Spec, s.Options.Names = test.spec, ca.DefaultNames().Union(names)
				s.mustRun(t)
				before := s.servers()
				s.Options.Spec, s.Options.Names = gateway.Spec{}, ca.DefaultNames()
				result, err := s.run(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if len(result.Done) != 0 || s.servers() != before {
					t.Errorf("done %v, servers %s", result.Done, s.servers())
				}
			})
		})
	}
}

func TestSetupTakesTheCAThatIsThere(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		first := s.mustRun(t)
		takeBack(t, s)
		second := s.mustRun(t)
		if second.Proposal.IsNew || second.Proposal.Authority.Fingerprint() != first.Proposal.Authority.Fingerprint() {
			t.Error("another CA was made")
		}
		if second.Proposal.Leaf == first.Proposal.Leaf {
			t.Error("the old leaf came back")
		}
	})
}

func TestSetupMakesANewCAForNamesThatTheOldOneMayNotSign(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		s.mustRun(t)
		names, err := ca.ParseNames([]string{"kubeflow.example.com"})
		if err != nil {
			t.Fatal(err)
		}
		s.Options.Names = s.Options.Names.Union(names)
		_, err = s.run(t.Context())
		wantReason(t, err, fault.Certificate)
		if !strings.Contains(fault.HintOf(err), "kubectl kftls setup --new-ca --san") {
			t.Errorf("hint %q", fault.HintOf(err))
		}
		takeBack(t, s)
		if result := s.mustRun(t); !result.Proposal.IsNew {
			t.Error("the old CA was taken")
		}
	})
}

func TestSetupRenewsALeafNearItsEnd(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		s.Options.KeyAlgorithm = ca.ECDSAP384
		names, err := ca.ParseNames([]string{"localhost", "extra.localhost"})
		if err != nil {
			t.Fatal(err)
		}
		s.Options.Names = names
		first := s.mustRun(t)

		again := s.later(t, 300*24*time.Hour)
		again.Options.KeyAlgorithm = ""
		result, err := again.run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		p := result.Proposal
		if !strings.HasPrefix(p.LeafReason, "it is near its end on ") || p.Leaf == first.Proposal.Leaf || p.IsNew {
			t.Errorf("got %+v", p)
		}
		if diff := cmp.Diff([]string{"apply secrets istio-system/kftls-gateway"}, s.api.Writes()); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		if got := ca.AlgorithmOf(p.Pair.Key.Public()); got != ca.ECDSAP384 {
			t.Errorf("the new key is %s", got)
		}
		if missing := !p.Pair.Names().Covers("extra.localhost"); missing {
			t.Error("a name was lost")
		}
	})
}

func TestSetupMakesALeafWhereTheSecretIsBroken(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		s.mustRun(t)
		s.api.Change("Secret", "istio-system", gateway.SecretName, "somebody", func(object map[string]any) {
			_ = unstructured.SetNestedField(object, "eA==", "data", "tls.key")
		})
		result, err := s.run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(result.Proposal.LeafReason, "the one in the Secret is broken: ") || len(s.api.Writes()) != 1 {
			t.Errorf("reason %q, writes %v", result.Proposal.LeafReason, s.api.Writes())
		}
	})
}

// TestSetupMovesToAnotherSecret and says what becomes of the former one.
func TestSetupMovesToAnotherSecret(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		s.mustRun(t)
		s.Options.Spec.SecretName = "mine"
		result := s.mustRun(t)
		want := []string{"Secret istio-system/kftls-gateway: served until now; delete it afterwards: kubectl kftls teardown --secret-name kftls-gateway"}
		if diff := cmp.Diff(want, result.Proposal.Plan.Left); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		if s.servers() != "http:80: https-kftls:443:mine" {
			t.Errorf("servers %s", s.servers())
		}
		former := s.teardown()
		former.SecretName = gateway.SecretName
		plan, err := former.Propose(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := former.Apply(t.Context(), plan); err != nil {
			t.Fatal(err)
		}
		if s.secret() != nil || s.servers() != "http:80: https-kftls:443:mine" || s.api.Get("ConfigMap", "kubeflow", gateway.ConfigMapName) == nil {
			t.Errorf("servers %s", s.servers())
		}
		if again := s.mustRun(t); len(again.Done) != 0 {
			t.Errorf("again: %v", again.Done)
		}
		if done := takeBack(t, s); len(done) != 3 {
			t.Errorf("done %v", done)
		}
	})
}

// TestSetupPutsBackWhatAnInstallerRemoved is the life of a Gateway that is
// applied again and again.
func TestSetupPutsBackWhatAnInstallerRemoved(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		s.mustRun(t)
		s.api.Change("Gateway", "kubeflow", "kubeflow-gateway", "installer", func(object map[string]any) {
			_ = unstructured.SetNestedSlice(object, []any{testutil.HTTP("http", 80, "*")}, "spec", "servers")
		})
		result := s.mustRun(t)
		if len(result.Done) != 1 || s.servers() != withServer {
			t.Errorf("done %v, servers %s", result.Done, s.servers())
		}
	})
}

func TestSetupOnAnotherComputer(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		first := s.mustRun(t)
		other := s.another(t)
		result, err := other.run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(s.api.Writes()) != 0 || !result.Proposal.IsForeign || result.Proposal.Leaf != first.Proposal.Leaf || !result.Verdict.Guarded {
			t.Errorf("writes %v, %+v", s.api.Writes(), result)
		}
		if pem, err := os.ReadFile(result.CertificatePath); err != nil || !bytes.Equal(pem, first.Proposal.Authority.CertificatePEM()) {
			t.Errorf("ca.crt: %v", err)
		}
		if again := other.mustRun(t); again.Proposal.IsForeign {
			t.Error("the CA is new to this computer for the second time")
		}
		names, err := ca.ParseNames([]string{"x.localhost"})
		if err != nil {
			t.Fatal(err)
		}
		other.Options.Names = names
		_, err = other.run(t.Context())
		wantReason(t, err, fault.Certificate)
		if want := `is not on this computer but on "` + first.Proposal.Computer + `"`; !strings.Contains(err.Error(), want) {
			t.Errorf("got %q, want %q in it", err, want)
		}
	})
}

func TestSetupWithoutTheRightToReadTheSecret(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		refuse := func(r testutil.Request) int {
			if r.Resource == "secrets" {
				return http.StatusForbidden
			}
			return 0
		}
		s.intercept(refuse)
		_, err := s.run(t.Context())
		wantReason(t, err, fault.Forbidden)

		s.intercept(nil)
		first := s.mustRun(t)
		s.intercept(refuse)
		result, err := s.run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if p := result.Proposal; p.Pair != nil || p.Leaf != first.Proposal.Leaf || len(s.api.Writes()) != 0 {
			t.Errorf("got %+v, writes %v", p, s.api.Writes())
		}

		again := s.later(t, 300*24*time.Hour)
		_, err = again.run(t.Context())
		wantReason(t, err, fault.Forbidden)
		if !strings.Contains(err.Error(), "a new certificate is needed (it is near its end") {
			t.Errorf("got %q", err)
		}
	})
}

func TestSetupAndTheClocks(t *testing.T) {
	tests := []struct {
		name  string
		ahead time.Duration
		want  fault.Reason
	}{
		{"in step", 0, ""},
		{"a minute and a half ahead", 90 * time.Second, ""},
		{"half an hour behind", -30 * time.Minute, ""},
		{"two hours ahead", 2 * time.Hour, fault.ClockSkew},
		{"two hours behind", -2 * time.Hour, fault.ClockSkew},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inScene(t, func(t *testing.T, s *scene) {
				s.api.Date = func() time.Time { return time.Now().Add(test.ahead) }
				result, err := s.run(t.Context())
				wantReason(t, err, test.want)
				if test.want != "" {
					if len(s.api.Writes()) != 0 {
						t.Errorf("writes %v", s.api.Writes())
					}
					return
				}
				earlier := time.Now().Add(min(test.ahead, 0))
				for _, begins := range []time.Time{result.Proposal.Pair.Certificate.NotBefore, result.Proposal.Authority.Certificate.NotBefore} {
					if off := begins.Sub(earlier.Add(-time.Hour)).Abs(); off > 2*time.Second {
						t.Errorf("begins %s, which is %s off", begins, off)
					}
				}
				if off := (result.Proposal.Finding.Skew - test.ahead).Abs(); off > time.Second {
					t.Errorf("skew %s", result.Proposal.Finding.Skew)
				}
			})
		})
	}
}

func TestLookRefuses(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		s.Options.Spec.Port = 445
		_, err := s.Look(t.Context())
		wantReason(t, err, fault.NoServicePort)

		s.Options.Spec = gateway.Spec{Hosts: []string{"kubeflow.example.com"}}
		_, err = s.Look(t.Context())
		wantReason(t, err, fault.Usage)
		if !strings.Contains(err.Error(), "the server's hosts [kubeflow.example.com] admit none of the names [localhost 127.0.0.1 ::1]") {
			t.Errorf("got %q", err)
		}

		s.Options.Spec = gateway.Spec{Hosts: []string{"localhost"}}
		s.Options.URL = "https://127.0.0.1:8443"
		_, err = s.Look(t.Context())
		wantReason(t, err, fault.Usage)
		if want := "the server would not answer for the name of --url https://127.0.0.1:8443"; err.Error() != want {
			t.Errorf("got %q", err)
		}

		s.Options.Spec, s.Options.URL = gateway.Spec{}, ""
		for _, reason := range []fault.Reason{fault.Forbidden, fault.Unauthorized, fault.Unreachable, fault.NotFound} {
			s.pods.Fail = func(target portforward.Target) error {
				if target.Port == 8443 {
					return fault.New(reason, "", "no road")
				}
				return nil
			}
			_, err = s.Look(t.Context())
			wantReason(t, err, reason)
		}
		synctest.Wait()
		s.api.WithoutIstio = true
		_, err = s.Look(t.Context())
		wantReason(t, err, fault.NoIstio)
		if len(s.api.Writes()) != 0 {
			t.Errorf("writes %v", s.api.Writes())
		}
	})
}

func TestNamesThatTheHostsDoNotAdmit(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		names, err := ca.ParseNames([]string{"kubeflow.example.com", "*.example.com"})
		if err != nil {
			t.Fatal(err)
		}
		s.Options.Names = s.Options.Names.Union(names)
		s.Options.Spec.Hosts = []string{"kubeflow.example.com"}
		result := s.mustRun(t)
		if diff := cmp.Diff([]string{"localhost", "*.example.com", "127.0.0.1", "::1"}, result.Proposal.Finding.Dropped); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		if diff := cmp.Diff([]string{"kubeflow.example.com"}, result.Proposal.Pair.Names().Strings()); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	})
}

func TestAnotherHTTPSServer(t *testing.T) {
	own, err := ca.NewAuthority(ca.AuthorityOptions{Unconstrained: true, Now: bubbleTime})
	if err != nil {
		t.Fatal(err)
	}
	theirs := func(hosts ...string) *unstructured.Unstructured {
		return testutil.KubeflowGateway(testutil.HTTPS("https", 443, "theirs", hosts...))
	}
	secret := tlsSecret(t, "theirs", leafOf(t, own, "localhost", "kubeflow.example.com", "127.0.0.1"))

	t.Run("the choices are listed", func(t *testing.T) {
		inScene(t, func(t *testing.T, s *scene) {
			_, err := s.run(t.Context())
			wantReason(t, err, fault.Overlap)
			if len(s.api.Writes()) != 0 {
				t.Errorf("writes %v", s.api.Writes())
			}
		}, secret, theirs("*"))
	})
	t.Run("also where its hosts admit none of our names", func(t *testing.T) {
		inScene(t, func(t *testing.T, s *scene) {
			_, err := s.run(t.Context())
			wantReason(t, err, fault.Overlap)
		}, secret, theirs("kubeflow.example.com"))
	})
	t.Run("with force, its certificate is swapped", func(t *testing.T) {
		inScene(t, func(t *testing.T, s *scene) {
			s.Options.Spec.Force = true
			s.mustRun(t)
			if s.servers() != "http:80: https:443:kftls-gateway" {
				t.Errorf("servers %s", s.servers())
			}
			s.Options.Spec.Force = false
			if again := s.mustRun(t); len(again.Done) != 0 {
				t.Errorf("again: %v", again.Done)
			}
			if p, err := s.renewal().Propose(t.Context()); err != nil || len(p.Plan.Changes) != 1 {
				t.Errorf("renewed: %+v, %v", p, err)
			}
			takeBack(t, s)
			if s.servers() != "http:80: https:443:theirs" {
				t.Errorf("servers %s", s.servers())
			}
		}, secret, theirs("*"))
	})
	t.Run("with force, its hosts count", func(t *testing.T) {
		inScene(t, func(t *testing.T, s *scene) {
			s.Options.Spec.Force = true
			_, err := s.run(t.Context())
			wantReason(t, err, fault.Usage)
		}, secret, theirs("kubeflow.example.com"))
	})
	t.Run("one of a Gateway that may not be listed", func(t *testing.T) {
		inScene(t, func(t *testing.T, s *scene) {
			s.intercept(func(r testutil.Request) int {
				if r.Verb == "list" && r.Resource == "gateways" {
					return http.StatusForbidden
				}
				return 0
			})
			_, err := s.run(t.Context())
			wantReason(t, err, fault.Overlap)
			if !strings.Contains(err.Error(), "port 443 already serves a certificate for ") {
				t.Errorf("got %q", err)
			}
			s.Options.Spec.Port = 9443
			s.mustRun(t)
			s.Options.Spec.Port = 443 // ours on 9443 says nothing about 443
			_, err = s.run(t.Context())
			wantReason(t, err, fault.Overlap)
		}, secret, testutil.Gateway("team", "own", testutil.HTTPS("https", 443, "theirs", "*")))
	})
}

func TestAFrontDoorThatIsTrustedIsLeftAlone(t *testing.T) {
	trusted := tlsSecret(t, "theirs", leafOf(t, systemCA, "localhost", "127.0.0.1", "::1"))
	server := testutil.KubeflowGateway(testutil.HTTPS("https", 443, "theirs", "*"))
	inScene(t, func(t *testing.T, s *scene) {
		proposal, err := s.propose(t.Context())
		if err != nil || !proposal.Trusted || proposal.Plan != nil {
			t.Errorf("got %+v, %v", proposal, err)
		}
		names, err := ca.ParseNames([]string{"kubeflow.example.com"}) // which their certificate lacks
		if err != nil {
			t.Fatal(err)
		}
		s.Options.Names = s.Options.Names.Union(names)
		_, err = s.propose(t.Context())
		wantReason(t, err, fault.Overlap)
	}, trusted, server)
}

func TestObjectsThatAreNotOurs(t *testing.T) {
	own, err := ca.NewAuthority(ca.AuthorityOptions{Unconstrained: true, Now: bubbleTime})
	if err != nil {
		t.Fatal(err)
	}
	inScene(t, func(t *testing.T, s *scene) {
		s.Options.Spec.Force = true
		_, err := s.run(t.Context())
		wantReason(t, err, fault.NotOurs)
		s.Options.Spec.SecretName = "kftls-gateway-2"
		s.mustRun(t)
	}, tlsSecret(t, gateway.SecretName, leafOf(t, own, "localhost")))

	inScene(t, func(t *testing.T, s *scene) {
		_, err := s.run(t.Context())
		wantReason(t, err, fault.NotOurs)
	}, testutil.Object("v1", "ConfigMap", "kubeflow", gateway.ConfigMapName, nil))
}

func TestABrokenCAOfOurs(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		s.mustRun(t)
		s.api.Change("ConfigMap", "kubeflow", gateway.ConfigMapName, "somebody", func(object map[string]any) {
			_ = unstructured.SetNestedField(object, "x", "data", gateway.ConfigMapKey)
		})
		_, err := s.run(t.Context())
		wantReason(t, err, fault.Certificate)
		if !strings.HasPrefix(err.Error(), "read the CA of ConfigMap kubeflow/kftls-ca: ") {
			t.Errorf("got %q", err)
		}
	})
}

// TestABundleOfTwoCAs is the ConfigMap while one CA follows another.
func TestABundleOfTwoCAs(t *testing.T) {
	next, err := ca.NewAuthority(ca.AuthorityOptions{Permit: ca.DefaultNames(), Now: bubbleTime})
	if err != nil {
		t.Fatal(err)
	}
	inScene(t, func(t *testing.T, s *scene) {
		first := s.mustRun(t)
		s.api.Change("ConfigMap", "kubeflow", gateway.ConfigMapName, "somebody", func(object map[string]any) {
			_ = unstructured.SetNestedField(object, string(next.CertificatePEM())+string(first.Proposal.Authority.CertificatePEM()), "data", gateway.ConfigMapKey)
		})
		result := s.mustRun(t)
		if len(result.Done) != 0 || result.Proposal.Authority.Fingerprint() != first.Proposal.Authority.Fingerprint() {
			t.Errorf("done %v, CA %s", result.Done, result.Proposal.Authority.Fingerprint())
		}
	})
}

func TestDryRun(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		proposal, err := s.propose(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.DryRun(t.Context(), proposal); err != nil || len(s.api.Writes()) != 0 || s.servers() != shipped {
			t.Errorf("%v, writes %v, servers %s", err, s.api.Writes(), s.servers())
		}
		if kept, err := s.Home.AuthoritiesFor(s.origin(proposal.Finding.Door)); err != nil || len(kept) != 0 {
			t.Errorf("a CA was kept: %v, %v", kept, err)
		}
	})
}

func TestServedChainsAreFound(t *testing.T) {
	own, err := ca.NewAuthority(ca.AuthorityOptions{Unconstrained: true, Now: bubbleTime})
	if err != nil {
		t.Fatal(err)
	}
	leaf := leafOf(t, own, "localhost")
	inScene(t, func(t *testing.T, s *scene) {
		s.pods.Serves = func(_, name string) *tls.Certificate {
			if name == "localhost" {
				return pairOf(leaf)
			}
			return nil
		}
		found, err := s.Look(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(found.Served) != 1 || ca.Fingerprint(found.Served["localhost"][0]) != leaf.Fingerprint() {
			t.Errorf("got %v", found.Served)
		}
	}, testutil.KubeflowGateway(testutil.HTTPS("https", 443, "missing", "*")))
}

// TestAServerThatIsOnItsWayOut is served for a moment after it was removed.
func TestAServerThatIsOnItsWayOut(t *testing.T) {
	own, err := ca.NewAuthority(ca.AuthorityOptions{Unconstrained: true, Now: bubbleTime})
	if err != nil {
		t.Fatal(err)
	}
	for _, stays := range []time.Duration{300 * time.Millisecond, time.Hour} {
		inScene(t, func(t *testing.T, s *scene) {
			begun := time.Now()
			s.pods.Serves = func(string, string) *tls.Certificate {
				if time.Since(begun) < stays {
					return pairOf(leafOf(t, own, "localhost"))
				}
				return nil
			}
			s.intercept(func(r testutil.Request) int {
				if r.Verb == "list" && r.Resource == "gateways" {
					return http.StatusForbidden
				}
				return 0
			})
			found, err := s.Look(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if waited := time.Since(begun); waited > settleLimit || waited < min(stays, settleLimit) {
				t.Errorf("waited %s", waited)
			}
			_, err = s.Propose(found)
			if isGone := stays < settleLimit; isGone != (err == nil) {
				t.Errorf("after %s: %v", stays, err)
			}
		}, testutil.Gateway("team", "own", testutil.HTTPS("https", 443, "theirs", "*")))
	}
}
