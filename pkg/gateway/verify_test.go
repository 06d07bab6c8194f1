package gateway

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kftls/kubectl-kftls/internal/testutil"
	"github.com/kftls/kubectl-kftls/pkg/ca"
	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/portforward"
	"github.com/kftls/kubectl-kftls/pkg/session"
)

// served is a front door after a setup, and the verification of it.
type served struct {
	*ground
	pods   *testutil.GatewayPods
	verify Verification
}

func newServed(t *testing.T, more ...*unstructured.Unstructured) *served {
	t.Helper()
	g := newGround(t, more...)
	pods := testutil.NewGatewayPods(t, g.api)
	plain, err := g.door(t).AskPlain(t.Context(), pods, "localhost")
	if err != nil {
		t.Fatal(err)
	}
	plan := g.plan(t, Spec{})
	g.apply(t, plan)
	leaf := plan.Changes[1].After.GetAnnotations()[AnnotationLeaf]
	roots := x509.NewCertPool()
	roots.AddCert(authority(t).Certificate)
	return &served{g, pods, Verification{
		Cluster: g.writer.Cluster, Door: g.door(t), Dialer: pods, Port: 443, Leaf: leaf, Roots: roots,
		Names: []string{"localhost", "127.0.0.1", "::1"}, Plain: plain, Now: time.Now,
	}}
}

// patience is how long the tests verify; their bubbles make it a moment.
const patience = 2 * time.Second

// within verifies for at most patience.
func (s *served) within(t *testing.T) (*Verdict, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	return s.verify.Verify(ctx)
}

func TestVerify(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := newServed(t)
		begun := time.Now()
		verdict, err := s.within(t)
		if err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(begun); waited != 0 {
			t.Errorf("waited %s for what is served already", waited)
		}
		want := []Answer{
			{"/", 403, session.SignIn}, {"/jupyter/", 403, session.SignIn}, {"/pipeline/apis/v2beta1/healthz", 401, session.Unauthorized},
		}
		if diff := cmp.Diff(want, verdict.Answers); diff != "" || !verdict.Guarded {
			t.Errorf("guarded %v, answers (-want +got)\n%s", verdict.Guarded, diff)
		}
		if diff := cmp.Diff([]string{"gateway-a", "gateway-b"}, verdict.Pods); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	})
}

func TestVerifyWaitsForALatePod(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := newServed(t)
		begun := time.Now()
		s.pods.Late = func(pod string) bool { return pod == "gateway-b" && time.Since(begun) < time.Second }
		if _, err := s.within(t); err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(begun); waited < time.Second || waited > time.Second+longestWait {
			t.Errorf("waited %s", waited)
		}
	})
}

func TestVerifySeesAPodThatWasReplaced(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := newServed(t)
		s.pods.Fail = func(target portforward.Target) error {
			if target.Pod == "gateway-a" {
				return fault.New(fault.NotFound, "", "pod not found")
			}
			return nil
		}
		s.api.Put(testutil.Endpoints("istio-system", "istio-ingressgateway", "gateway-b", "gateway-c"), "kubelet")
		verdict, err := s.within(t)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"gateway-b", "gateway-c"}, verdict.Pods); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	})
}

// TestVerifyTimesOut also holds that the error tells what was seen, and not
// that the last look was cut short.
func TestVerifyTimesOut(t *testing.T) {
	another, err := authority(t).NewLeaf(ca.LeafOptions{Names: ca.DefaultNames(), Now: testTime})
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := ca.NewAuthority(ca.AuthorityOptions{Permit: ca.DefaultNames(), Now: testTime})
	if err != nil {
		t.Fatal(err)
	}
	foreignLeaf, err := foreign.NewLeaf(ca.LeafOptions{Names: ca.DefaultNames(), Now: testTime})
	if err != nil {
		t.Fatal(err)
	}
	pair := func(leaf *ca.Leaf) func(pod, name string) *tls.Certificate {
		return func(string, string) *tls.Certificate {
			return &tls.Certificate{Certificate: [][]byte{leaf.Certificate.Raw, leaf.Issuers[0].Raw}, PrivateKey: leaf.Key}
		}
	}
	tests := []struct {
		name    string
		change  func(s *served)
		want    string
		guarded bool
	}{
		{
			"no listener", func(s *served) { s.pods.Late = func(string) bool { return true } },
			"does not serve TLS on port 443 yet: TLS handshake for localhost: ", false,
		},
		{
			"no listener on one pod", func(s *served) { s.pods.Late = func(pod string) bool { return pod == "gateway-b" } },
			"1 of 2 gateway pods serve it: pod gateway-b does not serve TLS on port 443 yet: ", true,
		},
		{
			"tunnels that are cut", func(s *served) {
				s.pods.Fail = func(portforward.Target) error { return portforward.ErrLost }
			}, "could not be asked: ", false,
		},
		{"another leaf", func(s *served) { s.pods.Serves = pair(another) }, "serves another certificate for ", true},
		{"a CA that the client does not trust", func(s *served) {
			s.pods.Serves, s.verify.Leaf = pair(foreignLeaf), foreignLeaf.Fingerprint()
		}, "a client with the CA refuses what pod gateway-", true},
		{
			"a name that the leaf lacks", func(s *served) { s.verify.Names = append(s.verify.Names, "*.example.com") },
			"serves for *.example.com: x509: certificate is valid for localhost, not kftls-check.example.com", true,
		},
		{"no answer to a request", func(s *served) {
			s.pods.Answer = func(testutil.PodRequest) testutil.PodAnswer {
				return testutil.PodAnswer{Status: http.StatusServiceUnavailable, Body: "no healthy upstream"}
			}
		}, "the answer of the HTTPS server to GET / (503, not recognised) does not prove that the login guards it", false},
		{"no pod is ready", func(s *served) {
			s.api.Put(testutil.Endpoints("istio-system", "istio-ingressgateway", "!gateway-a"), "kubelet")
			s.pods.Late = func(string) bool { return true }
		}, "no gateway pod is ready", false},
		{
			"a stalled pod", func(s *served) { s.pods.Stall = func(t portforward.Target) bool { return t.Pod == "gateway-b" } },
			"pod gateway-b does not serve TLS on port 443 yet: TLS handshake for localhost: context deadline exceeded", true,
		},
		{"a port that no pod can listen on", func(s *served) { s.verify.Port = 445 }, "does not publish port 445", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				s := newServed(t)
				test.change(s)
				begun := time.Now()
				verdict, err := s.within(t)
				wantReason(t, err, fault.Timeout)
				if waited := time.Since(begun); waited != patience {
					t.Errorf("waited %s", waited)
				}
				if !strings.HasPrefix(err.Error(), "the front door was not seen to serve it in time: ") || !strings.Contains(err.Error(), test.want) {
					t.Errorf("got %q, want %q in it", err, test.want)
				}
				if verdict.Guarded != test.guarded {
					t.Errorf("guarded %v", verdict.Guarded)
				}
			})
		})
	}
}

// TestVerifyHints: what helps is another thing where all pods, one pod or the road
// is the trouble.
func TestVerifyHints(t *testing.T) {
	for hint, change := range map[string]func(*served){
		"logs deploy/istiod": func(s *served) { s.pods.Late = func(string) bool { return true } },
		"kubectl -n istio-system delete pod gateway-b": func(s *served) {
			s.pods.Late = func(pod string) bool { return pod == "gateway-b" }
		},
		"ends the connections to pods": func(s *served) {
			s.pods.Fail = func(portforward.Target) error { return portforward.ErrLost }
		},
	} {
		inBubble(t, func(t *testing.T) {
			s := newServed(t)
			change(s)
			_, err := s.within(t)
			if got := fault.HintOf(err); !strings.Contains(got, hint) {
				t.Errorf("hint %q, want %q in it", got, hint)
			}
		})
	}
}

func TestVerifyIsInterrupted(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := newServed(t)
		s.pods.Late = func(string) bool { return true }
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		begun := time.Now()
		_, err := s.verify.Verify(ctx)
		wantReason(t, err, fault.Interrupted)
		if waited := time.Since(begun); waited != time.Second {
			t.Errorf("ended %s after it was interrupted", waited-time.Second)
		}
	})
}

// TestVerifyReportsAMissingGuardAtOnce has one pod that lets everybody in,
// beside one that does not answer.
func TestVerifyReportsAMissingGuardAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := newServed(t)
		s.pods.Answer = func(r testutil.PodRequest) testutil.PodAnswer {
			if r.IsTLS && r.Pod == "gateway-a" && r.Path == "/jupyter/" {
				return testutil.Open(r)
			}
			return testutil.LoginWall(r)
		}
		s.pods.Stall = func(t portforward.Target) bool { return t.Pod == "gateway-b" }
		begun := time.Now()
		verdict, err := s.within(t)
		wantReason(t, err, fault.Unguarded)
		if waited := time.Since(begun); waited != 0 || verdict.Guarded {
			t.Errorf("after %s, guarded %v", waited, verdict.Guarded)
		}
	})
}

func TestVerifyTakesOnePodWithoutGuardForAll(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := newServed(t)
		s.pods.Answer = func(r testutil.PodRequest) testutil.PodAnswer {
			if r.IsTLS && r.Pod == "gateway-b" {
				<-time.After(patience / 4) // the other one has answered by then
				return testutil.Open(r)
			}
			return testutil.LoginWall(r)
		}
		verdict, err := s.within(t)
		wantReason(t, err, fault.Unguarded)
		if verdict.Guarded {
			t.Error("counts as guarded")
		}
	})
}

// TestVerifyHeedsHalfAnAnswer has a pod that lets everybody in and then falls
// silent.
func TestVerifyHeedsHalfAnAnswer(t *testing.T) {
	for name, test := range map[string]struct {
		first func(testutil.PodRequest) testutil.PodAnswer
		want  fault.Reason
	}{
		"let through":    {testutil.Open, fault.Unguarded},
		"guarded so far": {testutil.LoginWall, fault.Timeout},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				s := newServed(t)
				release := make(chan struct{})
				s.pods.Answer = func(r testutil.PodRequest) testutil.PodAnswer {
					if r.Path != "/" {
						<-release
					}
					return test.first(r)
				}
				verdict, err := s.within(t)
				close(release)
				wantReason(t, err, test.want)
				if verdict.Guarded {
					t.Error("counts as guarded")
				}
			})
		})
	}
}

func TestVerifyRemembersAGuardThatWasSeen(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := newServed(t)
		s.verify.Names = append(s.verify.Names, "*.example.com") // never served: it goes on until the end
		begun := time.Now()
		s.pods.Stall = func(portforward.Target) bool { return time.Since(begun) > patience/2 } // in a look
		verdict, err := s.within(t)
		wantReason(t, err, fault.Timeout)
		if !verdict.Guarded || !strings.Contains(err.Error(), "*.example.com") {
			t.Errorf("guarded %v, %v", verdict.Guarded, err)
		}
	})
}

func TestAskPlain(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		g := newGround(t)
		pods := testutil.NewGatewayPods(t, g.api)
		door := g.door(t)
		answers, err := door.AskPlain(t.Context(), pods, "localhost")
		if err != nil || len(answers) != len(guardedPaths) || answers[0].Wall != session.SignIn {
			t.Errorf("got %v, %v", answers, err)
		}
		none := frontDoor(testutil.Gateway("kubeflow", "kubeflow-gateway"))
		if answers, err := none.AskPlain(t.Context(), pods, "localhost"); answers != nil || err != nil {
			t.Errorf("no plain server: %v, %v", answers, err)
		}
		unpublished := frontDoor(testutil.Gateway("kubeflow", "kubeflow-gateway", testutil.HTTP("http", 81, "*")))
		if answers, err := unpublished.AskPlain(t.Context(), pods, "localhost"); answers != nil || err != nil {
			t.Errorf("a plain server without a listener: %v, %v", answers, err)
		}
		dead := door.ReadyPods()[0].Name
		pods.Stall = func(target portforward.Target) bool { return target.Pod == dead }
		answers, err = door.AskPlain(t.Context(), pods, "localhost")
		if err != nil || len(answers) != len(guardedPaths) {
			t.Errorf("with a dead pod among the ready ones: %v, %v", answers, err)
		}
		pods.Stall = func(portforward.Target) bool { return true }
		begun := time.Now()
		_, err = door.AskPlain(t.Context(), pods, "localhost")
		each := time.Duration(len(door.ReadyPods())) * probeTimeout
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != each ||
			!strings.HasPrefix(err.Error(), "ask the plain HTTP server on port 80: GET /: ") {
			t.Errorf("after %s: %v", time.Since(begun), err)
		}
	})
}

func TestAsk(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := newServed(t)
		var hosts []string
		var dials atomic.Int32
		s.pods.Answer = func(r testutil.PodRequest) testutil.PodAnswer {
			hosts = append(hosts, r.Host)
			return testutil.PodAnswer{Status: 302, Location: "/dex/auth?client_id=x"}
		}
		road := func(ctx context.Context) (net.Conn, error) {
			dials.Add(1)
			return s.pods.DialTarget(ctx, portforward.Target{Pod: "gateway-a", Port: 8443})
		}
		answers, err := Ask(t.Context(), road, true, "::1")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"[::1]", "[::1]", "[::1]"}, hosts); diff != "" {
			t.Errorf("hosts (-want +got)\n%s", diff)
		}
		if answers[2].Wall != session.ToDex || dials.Load() != 1 {
			t.Errorf("got %v over %d connections", answers, dials.Load())
		}
		refused := errors.New("refused")
		_, err = Ask(t.Context(), func(context.Context) (net.Conn, error) { return nil, refused }, true, "localhost")
		if !errors.Is(err, refused) || !strings.HasPrefix(err.Error(), "GET /: ") {
			t.Errorf("got %v", err)
		}
	})
}

func TestAskOfAnEndlessBody(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		road := func(context.Context) (net.Conn, error) {
			client, server := net.Pipe()
			go func() {
				defer server.Close()
				if _, err := server.Read(make([]byte, 1<<10)); err != nil {
					return
				}
				chunk := []byte("HTTP/1.1 200 OK\r\n\r\n")
				for {
					if _, err := server.Write(chunk); err != nil {
						return
					}
					chunk = make([]byte, 1<<10)
					select {
					case <-time.After(20 * time.Millisecond): // of the bubble: else no time passes
					case <-t.Context().Done():
						return
					}
				}
			}()
			return client, nil
		}
		begun := time.Now()
		_, err := Ask(t.Context(), road, false, "localhost")
		if waited := time.Since(begun); waited > 3*probeTimeout {
			t.Errorf("took %s, %v", waited, err)
		}
	})
}

func TestHandshakeSendsNoAddressAsName(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := newServed(t)
		road, err := s.verify.Door.Tunnel(s.pods, pod("gateway-a"), 443)
		if err != nil {
			t.Fatal(err)
		}
		for _, test := range []struct{ name, sni string }{{"localhost", "localhost"}, {"127.0.0.1", ""}, {"::1", ""}} {
			got := "nothing"
			s.pods.Serves = func(_, serverName string) *tls.Certificate { got = serverName; return nil }
			chain, err := Handshake(t.Context(), road, test.name)
			if err != nil || got != test.sni {
				t.Errorf("%s: name %q was sent, %v", test.name, got, err)
			}
			if !EndsIn(chain, authority(t).Fingerprint()) {
				t.Errorf("%s: the chain does not end in the CA", test.name)
			}
		}
	})
}

func TestHandshakeClosesTheRoad(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		client, server := net.Pipe()
		go func() { _, _ = server.Read(make([]byte, 1)); _ = server.Close() }()
		_, err := Handshake(t.Context(), func(context.Context) (net.Conn, error) { return client, nil }, "localhost")
		if err == nil || !strings.HasPrefix(err.Error(), "TLS handshake for localhost: ") {
			t.Errorf("got %v", err)
		}
		synctest.Wait()
		if _, err := client.Write([]byte("x")); err == nil {
			t.Error("the connection is still open")
		}
	})
}

func TestAccepts(t *testing.T) {
	leaf := newLeaf(t)
	chain := append([]*x509.Certificate{leaf.Certificate}, leaf.Issuers...)
	ours, empty := x509.NewCertPool(), x509.NewCertPool()
	ours.AddCert(authority(t).Certificate)
	tests := []struct {
		name  string
		chain []*x509.Certificate
		roots *x509.CertPool
		host  string
		now   time.Time
		want  string
	}{
		{"a name", chain, ours, "localhost", testTime, ""},
		{"an address", chain, ours, "::1", testTime, ""},
		{"any name", chain, ours, "", testTime, ""},
		{"another name", chain, ours, "example.com", testTime, "not example.com"},
		{"another CA", chain, empty, "localhost", testTime, "unknown authority"},
		{"a CA that the system does not know", chain, nil, "localhost", testTime, "unknown authority"},
		{"too late", chain, ours, "localhost", testTime.AddDate(2, 0, 0), "expired"},
		{"too early", chain, ours, "localhost", testTime.AddDate(-1, 0, 0), "not yet valid"},
		{"nothing", nil, ours, "localhost", testTime, "no certificate was served"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := Accepts(test.chain, test.roots, test.host, test.now)
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
	if EndsIn(nil, "") || EndsIn(chain[:1], leaf.Fingerprint()) || !EndsIn(chain, authority(t).Fingerprint()) {
		t.Error("EndsIn is wrong")
	}
}

func TestSampleName(t *testing.T) {
	for name, want := range map[string]string{"*.example.com": "kftls-check.example.com", "localhost": "localhost", "::1": "::1"} {
		if got := SampleName(name); got != want {
			t.Errorf("of %q: %q", name, got)
		}
	}
}
