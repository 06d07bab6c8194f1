package setup

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kftls/kubectl-kftls/internal/testutil"
	"github.com/kftls/kubectl-kftls/pkg/ca"
	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/gateway"
)

const day = 24 * time.Hour

// renewal is a run of renew on the computer and at the time of a scene.
func (s *scene) renewal() *Renewal {
	plain := *s.Setup
	plain.Options = Options{Timeout: 2 * time.Second, Spec: gateway.Spec{SecretName: s.Options.Spec.SecretName}}
	return &Renewal{Setup: &plain}
}

// forbidSecrets takes the rights on Secrets away.
func (s *scene) forbidSecrets() {
	s.intercept(func(r testutil.Request) int {
		if r.Resource == "secrets" {
			return http.StatusForbidden
		}
		return 0
	})
}

func TestRenew(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		s.Options.KeyAlgorithm = ca.ECDSAP384
		s.Options.Names = parsed(t, "localhost", "kubeflow.localhost", "192.0.2.7")
		first := s.mustRun(t).Proposal
		r := s.renewal()
		r.Options.Names = parsed(t, "more.localhost")
		p, err := r.Propose(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		result, err := r.Apply(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"apply secrets istio-system/kftls-gateway"}, s.api.Writes()); diff != "" {
			t.Errorf("writes (-want +got)\n%s", diff)
		}
		if got := strings.Join(p.Pair.Names().Strings(), " "); got != "localhost kubeflow.localhost more.localhost 192.0.2.7" {
			t.Errorf("names %s", got)
		}
		if p.Authority.Fingerprint() != first.Authority.Fingerprint() || p.Leaf == first.Leaf || ca.AlgorithmOf(p.Pair.Key.Public()) != ca.ECDSAP384 {
			t.Errorf("got %+v", p)
		}
		if len(result.Verdict.Pods) != 2 || !result.Verdict.Guarded || s.isUnproven() {
			t.Errorf("verified %+v", result.Verdict)
		}
	})
}

func TestRenewIfNeeded(t *testing.T) {
	for name, test := range map[string]struct {
		after, before time.Duration
		names         []string
		reason        string
	}{
		"fresh":                        {0, 0, nil, ""},
		"just before its last third":   {264 * day, 0, nil, ""},
		"in its last third":            {265 * day, 0, nil, "it is near its end on 2001-01-31T22:59:59Z"},
		"early, as asked":              {100 * day, 300 * day, nil, "it is near its end on 2001-01-31T22:59:59Z"},
		"late, as asked":               {300 * day, 30 * day, nil, ""},
		"over":                         {400 * day, 0, nil, "it ended on 2001-01-31T22:59:59Z"},
		"a name that it has":           {0, 0, []string{"localhost"}, ""},
		"a name that it does not have": {0, 0, []string{"my.localhost"}, "it lacks my.localhost"},
	} {
		t.Run(name, func(t *testing.T) {
			inScene(t, func(t *testing.T, s *scene) {
				s.mustRun(t)
				r := s.later(t, test.after).renewal()
				r.IfNeeded, r.Options.Before, r.Options.Names = true, test.before, parsed(t, test.names...)
				p, err := r.Propose(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				status, err := s.later(t, test.after).inspectorBefore(test.before).Inspect(t.Context())
				isDue := err == nil && status.Renewal != nil && status.Renewal.Due
				if want := strings.Contains(test.reason, " end"); isDue != want {
					t.Errorf("status says that it is due: %v, %v", isDue, err)
				}
				switch {
				case p == nil && test.reason == "":
				case p == nil || p.LeafReason != test.reason:
					t.Errorf("got %+v, want it because %q", p, test.reason)
				}
			})
		})
	}
}

func (s *scene) inspectorBefore(before time.Duration) Inspector {
	i := s.inspector()
	i.Before = before
	return i
}

func TestRenewRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		before func(t *testing.T, s *scene)
		change func(t *testing.T, r *Renewal)
		reason fault.Reason
		says   string
	}{
		"nothing is set up": {func(*testing.T, *scene) {}, nil, fault.NotFound, "there is no certificate to renew"},
		"the server is gone": {func(t *testing.T, s *scene) {
			s.mustRun(t)
			s.api.Change("Gateway", "kubeflow", "kubeflow-gateway", "installer", func(object map[string]any) {
				_ = unstructured.SetNestedSlice(object, []any{testutil.HTTP("http", 80, "*")}, "spec", "servers")
			})
		}, nil, fault.NotFound, "our server is gone from Gateway kubeflow/kubeflow-gateway"},
		"the Secret is somebody's": {func(t *testing.T, s *scene) {
			s.mustRun(t)
			s.api.Put(tlsSecret(t, gateway.SecretName, leafOf(t, systemCA, "localhost")), "somebody")
		}, nil, fault.NotOurs, "kubectl kftls did not make it"},
		"the key is elsewhere": {func(t *testing.T, s *scene) { s.another(t).mustRun(t) }, nil, fault.Certificate, `is not on this computer but on "`},
		"a name that the CA does not permit": {func(t *testing.T, s *scene) { s.mustRun(t) }, func(t *testing.T, r *Renewal) {
			r.Options.Names = parsed(t, "kubeflow.example.com")
		}, fault.Certificate, "do not permit kubeflow.example.com"},
		"the Secret may not be read":  {func(t *testing.T, s *scene) { s.mustRun(t); s.forbidSecrets() }, nil, fault.Forbidden, "the certificate cannot be renewed (it is to be renewed): read Secret"},
		"nor is what it holds served": {func(t *testing.T, s *scene) { s.mustRun(t); s.forbidSecrets(); s.pods.Late = never }, nil, fault.Verification, "no gateway pod shows its certificate"},
		"the Secret is broken":        {func(t *testing.T, s *scene) { s.mustRun(t); s.breakSecret() }, nil, fault.Certificate, "private key"},
		"the ConfigMap's CA is somebody's": {func(t *testing.T, s *scene) {
			s.mustRun(t)
			s.api.Change("ConfigMap", "kubeflow", gateway.ConfigMapName, "somebody", func(object map[string]any) {
				_ = unstructured.SetNestedField(object, "x", "data", gateway.ConfigMapKey)
			})
		}, nil, fault.Certificate, "read the CA of ConfigMap"},
	} {
		t.Run(name, func(t *testing.T) {
			inScene(t, func(t *testing.T, s *scene) {
				test.before(t, s)
				s.api.Forget()
				r := s.renewal()
				if test.change != nil {
					test.change(t, r)
				}
				_, err := r.Propose(t.Context())
				wantReason(t, err, test.reason)
				if !strings.Contains(err.Error(), test.says) {
					t.Errorf("got %v", err)
				}
				if writes := s.api.Writes(); len(writes) != 0 {
					t.Errorf("writes %v", writes)
				}
			})
		})
	}
}

func (s *scene) breakSecret() {
	s.api.Change("Secret", "istio-system", gateway.SecretName, "somebody", func(object map[string]any) {
		_ = unstructured.SetNestedField(object, "eA==", "data", "tls.key")
	})
}

// TestRenewIfNeededWithoutRights is content with what is served.
func TestRenewIfNeededWithoutRights(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		s.mustRun(t)
		s.forbidSecrets()
		r := s.renewal()
		r.IfNeeded = true
		if p, err := r.Propose(t.Context()); p != nil || err != nil {
			t.Errorf("got %+v, %v", p, err)
		}
	})
}

// TestRenewMendsNothingElse leaves it to setup where more than the Secret would
// change.
func TestRenewMendsNothingElse(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		s.mustRun(t)
		s.api.Change("ConfigMap", "kubeflow", gateway.ConfigMapName, "somebody", func(object map[string]any) {
			unstructured.RemoveNestedField(object, "metadata", "annotations", gateway.AnnotationComputer)
		})
		_, err := s.renewal().Propose(t.Context())
		wantReason(t, err, fault.Conflict)
		if !strings.Contains(err.Error(), "ConfigMap kubeflow/kftls-ca") {
			t.Errorf("got %v", err)
		}
	})
}

func TestLocalStatus(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		made := s.mustRun(t).Proposal.Authority.Fingerprint()
		status := s.inspector().LocalOnly(fault.New(fault.Unreachable, "", "nobody answers"))
		if status.State != Unknown || status.Problem != "nobody answers" || len(status.Local.Authorities) != 1 {
			t.Fatalf("got %+v, %+v", status, status.Local)
		}
		authority := status.Local.Authorities[0]
		if authority.Fingerprint != made || !authority.KeyHere || authority.NotAfter == nil || authority.Origins[0].Gateway != "kubeflow/kubeflow-gateway" {
			t.Errorf("got %+v", authority)
		}
		text, err := json.Marshal(status)
		if err != nil || !strings.HasPrefix(string(text), `{"apiVersion":"kftls.github.io/v1alpha1","kind":"Status","state":"Unknown","problem":"nobody answers"`) ||
			strings.Contains(string(text), "PRIVATE") {
			t.Errorf("as JSON: %s, %v", text, err)
		}
	})
}

func parsed(t *testing.T, names ...string) ca.Names {
	t.Helper()
	result, err := ca.ParseNames(names)
	if err != nil {
		t.Fatal(err)
	}
	return result
}
