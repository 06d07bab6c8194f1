package setup

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kftls/kubectl-kftls/internal/testutil"
	"github.com/kftls/kubectl-kftls/pkg/ca"
	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/gateway"
	"github.com/kftls/kubectl-kftls/pkg/session"
)

func (s *scene) inspector() Inspector {
	return Inspector{Cluster: s.Cluster, Home: s.Home, Dialer: s.pods, Now: s.Now}
}

func TestInspect(t *testing.T) {
	other, err := ca.NewAuthority(ca.AuthorityOptions{Unconstrained: true, Now: bubbleTime})
	if err != nil {
		t.Fatal(err)
	}
	foreign := pairOf(leafOf(t, other, "localhost"))
	tests := []struct {
		name   string
		before func(t *testing.T, s *scene)
		want   State
		check  func(t *testing.T, status *Status)
	}{
		{"nothing", func(*testing.T, *scene) {}, NotSetUp, func(t *testing.T, status *Status) {
			if status.Port != 0 || status.CA != nil || status.Certificate != nil || len(status.Pods) != 2 || status.Pods[0].Serves {
				t.Errorf("got %+v", status)
			}
		}},
		{"serving", func(t *testing.T, s *scene) { s.mustRun(t) }, Serving, func(t *testing.T, status *Status) {
			if status.Port != 443 || !status.CA.KeyHere || status.CA.Path == "" || strings.Join(status.Certificate.Names, " ") != "localhost 127.0.0.1 ::1" ||
				!status.Pods[1].Serves || status.Certificate.NearEnd || status.Login != session.EraOAuth2Proxy {
				t.Errorf("got %+v", status)
			}
		}},
		{"set up by another computer", func(t *testing.T, s *scene) { s.another(t).mustRun(t) }, Serving, func(t *testing.T, status *Status) {
			if status.CA.KeyHere || status.CA.Path != "" {
				t.Errorf("got %+v", status.CA)
			}
		}},
		{"with a Secret of another name", func(t *testing.T, s *scene) { s.Options.Spec.SecretName = "mine"; s.mustRun(t) }, Serving, nil},
		{"one pod late", func(t *testing.T, s *scene) {
			s.mustRun(t)
			s.pods.Late = func(pod string) bool { return pod == "gateway-b" }
		}, NotServing, func(t *testing.T, status *Status) {
			if !status.Pods[0].Serves || status.Pods[1].Serves || !strings.HasPrefix(status.Pods[1].Problem, "TLS handshake for localhost: ") {
				t.Errorf("got %+v", status.Pods)
			}
		}},
		{"another certificate", func(t *testing.T, s *scene) {
			s.mustRun(t)
			s.pods.Serves = pods(foreign)
		}, NotServing, func(t *testing.T, status *Status) {
			if status.Pods[0].Problem != "serves another certificate: CN=localhost" {
				t.Errorf("got %+v", status.Pods)
			}
		}},
		{"the Secret may not be read", func(t *testing.T, s *scene) {
			s.mustRun(t)
			s.intercept(func(r testutil.Request) int {
				if r.Resource == "secrets" {
					return http.StatusForbidden
				}
				return 0
			})
		}, Serving, func(t *testing.T, status *Status) {
			if status.Certificate == nil || status.Renewal == nil || !status.Pods[1].Serves || !strings.HasPrefix(status.SecretUnknown, "read Secret istio-system/kftls-gateway: ") {
				t.Errorf("got %+v", status)
			}
		}},
		{"another CA, and the Secret may not be read", func(t *testing.T, s *scene) {
			s.mustRun(t)
			s.pods.Serves = pods(foreign)
			s.intercept(func(r testutil.Request) int {
				if r.Resource == "secrets" {
					return http.StatusForbidden
				}
				return 0
			})
		}, NotServing, func(t *testing.T, status *Status) {
			if !strings.HasPrefix(status.Pods[0].Problem, "serves a certificate of another CA: ") {
				t.Errorf("got %+v", status.Pods)
			}
		}},
		{"an installer took the server away", func(t *testing.T, s *scene) {
			s.mustRun(t)
			s.api.Change("Gateway", "kubeflow", "kubeflow-gateway", "installer", func(object map[string]any) {
				_ = unstructured.SetNestedSlice(object, []any{testutil.HTTP("http", 80, "*")}, "spec", "servers")
			})
		}, ServerMissing, nil},
		{"broken certificates", func(t *testing.T, s *scene) {
			s.mustRun(t)
			s.api.Change("ConfigMap", "kubeflow", gateway.ConfigMapName, "somebody", func(object map[string]any) {
				_ = unstructured.SetNestedField(object, "x", "data", gateway.ConfigMapKey)
			})
			s.api.Change("Secret", "istio-system", gateway.SecretName, "somebody", func(object map[string]any) {
				_ = unstructured.SetNestedField(object, "eA==", "data", "tls.key")
			})
			s.pods.Late = never
		}, NotServing, func(t *testing.T, status *Status) {
			if len(status.Notes) != 2 || !strings.HasPrefix(status.Notes[0], "read the CA of ConfigMap kubeflow/kftls-ca: ") ||
				!strings.HasPrefix(status.Notes[1], "the certificate in the Secret is broken: ") {
				t.Errorf("notes %q", status.Notes)
			}
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inScene(t, func(t *testing.T, s *scene) {
				test.before(t, s)
				s.api.Forget()
				status, err := s.inspector().Inspect(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if status.State != test.want || status.Gateway != "kubeflow/kubeflow-gateway" || status.Server != "http://api.test" || status.Context != "test" {
					t.Errorf("got %+v, want state %s", status, test.want)
				}
				if test.check != nil {
					test.check(t, status)
				}
				if writes := s.api.Writes(); len(writes) != 0 {
					t.Errorf("writes %v", writes)
				}
				text, err := json.Marshal(status)
				if err != nil || strings.Contains(string(text), "PRIVATE") || !strings.HasPrefix(string(text), `{"apiVersion":"kftls.github.io/v1alpha1","kind":"Status"`) {
					t.Errorf("as JSON: %s, %v", text, err)
				}
			})
		})
	}
}

func TestInspectNearTheEnd(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		s.mustRun(t)
		status, err := s.later(t, 300*24*time.Hour).inspector().Inspect(t.Context())
		if err != nil || !status.Certificate.NearEnd || status.CA.NearEnd {
			t.Errorf("got %+v, %v", status, err)
		}
	})
}

func TestInspectFails(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		s.api.WithoutIstio = true
		_, err := s.inspector().Inspect(t.Context())
		wantReason(t, err, fault.NoIstio)
		synctest.Wait()
		s.api.WithoutIstio = false
		s.intercept(func(r testutil.Request) int {
			if r.Resource == "configmaps" {
				return http.StatusForbidden
			}
			return 0
		})
		_, err = s.inspector().Inspect(t.Context())
		wantReason(t, err, fault.Forbidden)
		_, err = s.inspector().Authority(t.Context())
		wantReason(t, err, fault.Forbidden)
	})
}

func TestAuthorityInForce(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		_, err := s.inspector().Authority(t.Context())
		wantReason(t, err, fault.NotFound)

		made := s.mustRun(t).Proposal.Authority.Fingerprint()
		here, err := s.inspector().Authority(t.Context())
		if err != nil || here.IsNew || here.Key == nil || here.Fingerprint() != made || here.Origin.Gateway != "kubeflow/kubeflow-gateway" {
			t.Errorf("here: %+v, %v", here, err)
		}
		elsewhere, err := s.another(t).inspector().Authority(t.Context())
		if err != nil || !elsewhere.IsNew || elsewhere.Key != nil || elsewhere.Fingerprint() != made {
			t.Errorf("elsewhere: %+v, %v", elsewhere, err)
		}

		s.pods.Late = never
		_, err = s.another(t).inspector().Authority(t.Context())
		wantReason(t, err, fault.Verification)
		s.api.Put(testutil.Endpoints("istio-system", "istio-ingressgateway"), "kubelet")
		_, err = s.another(t).inspector().Authority(t.Context())
		wantReason(t, err, fault.Verification)
		if _, err = s.inspector().Authority(t.Context()); err != nil {
			t.Errorf("where it is known, nothing needs to be served: %v", err)
		}
	})
}

// TestAuthorityThatTheSystemTrusts may be a company's, which has no constraints.
func TestAuthorityThatTheSystemTrusts(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		s.Options.Given = &Given{Authority: systemCA}
		s.mustRun(t)
		elsewhere, err := s.another(t).inspector().Authority(t.Context())
		if err != nil || !elsewhere.IsNew || elsewhere.Fingerprint() != systemCA.Fingerprint() {
			t.Errorf("got %+v, %v", elsewhere, err)
		}
	})
}

// TestAPlantedCA is a ConfigMap into which somebody put a CA of their own.
func TestAPlantedCA(t *testing.T) {
	constrained, err := ca.NewAuthority(ca.AuthorityOptions{Permit: ca.DefaultNames(), Now: bubbleTime})
	if err != nil {
		t.Fatal(err)
	}
	unlimited, err := ca.NewAuthority(ca.AuthorityOptions{Unconstrained: true, Now: bubbleTime})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name    string
		planted *ca.Authority
		serves  func(t *testing.T, s *scene)
		want    fault.Reason
		says    string
	}{
		{"that signs nothing here", constrained, func(*testing.T, *scene) {}, fault.Verification, "does not vouch for what the gateway serves"},
		{"that lies in the chain without having signed", constrained, func(t *testing.T, s *scene) {
			chain := pairOf(leafOf(t, unlimited, "localhost"))
			chain.Certificate[1] = constrained.Certificate.Raw
			s.pods.Serves = pods(chain)
		}, fault.Verification, "does not vouch for what the gateway serves"},
		{"that could sign for any name", unlimited, func(t *testing.T, s *scene) {
			s.pods.Serves = pods(pairOf(leafOf(t, unlimited, "localhost")))
		}, fault.Certificate, "could sign for any name"},
		{"that is not readable", nil, func(*testing.T, *scene) {}, fault.Certificate, "read the CA of ConfigMap kubeflow/kftls-ca: "},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inScene(t, func(t *testing.T, s *scene) {
				s.mustRun(t)
				pem, fingerprint := "x", ""
				if test.planted != nil {
					pem, fingerprint = string(test.planted.CertificatePEM()), test.planted.Fingerprint()
				}
				s.api.Change("ConfigMap", "kubeflow", gateway.ConfigMapName, "somebody", func(object map[string]any) {
					_ = unstructured.SetNestedField(object, pem, "data", gateway.ConfigMapKey)
					_ = unstructured.SetNestedField(object, fingerprint, "metadata", "annotations", gateway.AnnotationCA)
				})
				test.serves(t, s)
				found, err := s.another(t).inspector().Authority(t.Context())
				wantReason(t, err, test.want)
				if found != nil || !strings.Contains(err.Error(), test.says) {
					t.Errorf("got %v, %q", found, err)
				}
			})
		})
	}
}
