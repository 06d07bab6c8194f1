package gateway

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kftls/kubectl-kftls/internal/testutil"
	"github.com/kftls/kubectl-kftls/pkg/cluster"
	"github.com/kftls/kubectl-kftls/pkg/fault"
)

// ground is an API server with a Kubeflow, and who writes to it.
type ground struct {
	api    *testutil.APIServer
	writer Writer
}

func newGround(t *testing.T, more ...*unstructured.Unstructured) *ground {
	t.Helper()
	api := testutil.NewAPIServer(t, append(testutil.Kubeflow(), more...)...)
	return &ground{api, Writer{Cluster: api.Cluster(t), Manager: FieldManager(authority(t).Fingerprint(), "0a1b2c3d4e5f")}}
}

// door reads the front door.
func (g *ground) door(t *testing.T) *FrontDoor {
	t.Helper()
	door, err := Discover(t.Context(), g.writer.Cluster, DiscoverOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return door
}

// plan plans a setup on what is there.
func (g *ground) plan(t *testing.T, spec Spec) *Plan {
	t.Helper()
	door := g.door(t)
	spec = spec.Resolve(door)
	installed, err := ReadInstalled(t.Context(), g.writer.Cluster, door, spec.SecretName)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := PlanSetup(door, installed, spec, certificates(t))
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

func (g *ground) apply(t *testing.T, plan *Plan) (stored []*unstructured.Unstructured) {
	t.Helper()
	for _, change := range plan.Changes {
		object, err := g.writer.Apply(t.Context(), change)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, object)
	}
	return stored
}

func (g *ground) gateway() *unstructured.Unstructured {
	return g.api.Get("Gateway", "kubeflow", "kubeflow-gateway")
}

// owner is who owns the servers of a Gateway, us included.
func owner(gateway *unstructured.Unstructured) string {
	var owners []string
	for _, entry := range gateway.GetManagedFields() {
		if ownsServers(entry) {
			owners = append(owners, entry.Manager)
		}
	}
	return strings.Join(owners, " ")
}

// inBubble runs a test where time costs nothing and no goroutine may outlive it.
func inBubble(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, test)
}

func TestApplyAndTakeBack(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		g := newGround(t)
		before := g.gateway()
		plan := g.plan(t, Spec{})
		if _, err := g.writer.DryRun(t.Context(), plan); err != nil {
			t.Fatal(err)
		}
		if writes := g.api.Writes(); len(writes) != 0 {
			t.Fatalf("the dry run wrote %v", writes)
		}
		g.apply(t, plan)
		want := []string{
			"apply configmaps kubeflow/kftls-ca", "apply secrets istio-system/kftls-gateway", "patch gateways kubeflow/kubeflow-gateway",
		}
		if diff := cmp.Diff(want, g.api.Writes()); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		if got := owner(g.gateway()); got != g.writer.Manager {
			t.Errorf("%q owns the servers", got)
		}
		door := g.door(t)
		installed, err := ReadInstalled(t.Context(), g.writer.Cluster, door, SecretName)
		if err != nil {
			t.Fatal(err)
		}
		leaf, err := installed.Leaf()
		if err != nil || leaf.Key == nil || installed.CAFingerprint() != authority(t).Fingerprint() {
			t.Errorf("installed: %v, %v", leaf, err)
		}
		back, err := PlanTeardown(door, installed, false)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := g.writer.DryRun(t.Context(), back); err != nil {
			t.Fatal(err)
		}
		g.apply(t, back)
		after := g.gateway()
		if diff := cmp.Diff(before.Object["spec"], after.Object["spec"]); diff != "" {
			t.Errorf("(-before +after)\n%s", diff)
		}
		if owner(after) != "installer" || len(after.GetAnnotations()) != 0 {
			t.Errorf("owner %q, annotations %v", owner(after), after.GetAnnotations())
		}
		if g.api.Get("Secret", "istio-system", SecretName) != nil || g.api.Get("ConfigMap", "kubeflow", ConfigMapName) != nil {
			t.Error("Secret or ConfigMap stay")
		}
	})
}

func TestRollBack(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		g := newGround(t)
		before := g.gateway()
		plan := g.plan(t, Spec{HTTPSRedirect: yes()})
		stored := g.apply(t, plan)
		for i := len(stored) - 1; i >= 0; i-- {
			if _, err := g.writer.Apply(t.Context(), plan.Changes[i].Inverse(stored[i])); err != nil {
				t.Fatal(err)
			}
		}
		after := g.gateway()
		if diff := cmp.Diff(before.Object["spec"], after.Object["spec"]); diff != "" || owner(after) != "installer" {
			t.Errorf("owner %q, (-before +after)\n%s", owner(after), diff)
		}
		if g.api.Get("Secret", "istio-system", SecretName) != nil || g.api.Get("ConfigMap", "kubeflow", ConfigMapName) != nil {
			t.Error("Secret or ConfigMap stay")
		}
	})
}

func TestRollBackOfARenewalGivesTheOldOneBack(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		g := newGround(t)
		g.apply(t, g.plan(t, Spec{}))
		before := dataOf(g.api.Get("Secret", "istio-system", SecretName))
		renewal := g.plan(t, Spec{}) // each plan of this test has a new leaf
		if order(renewal) != "change Secret istio-system/kftls-gateway" {
			t.Fatalf("plans %s", order(renewal))
		}
		stored := g.apply(t, renewal)
		if cmp.Equal(before, dataOf(g.api.Get("Secret", "istio-system", SecretName))) {
			t.Fatal("nothing was renewed")
		}
		if _, err := g.writer.Apply(t.Context(), renewal.Changes[0].Inverse(stored[0])); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(before, dataOf(g.api.Get("Secret", "istio-system", SecretName))); diff != "" {
			t.Error("the Secret is not as before")
		}
	})
}

func TestOneOfTwoWins(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		g := newGround(t)
		mine, theirs := g.plan(t, Spec{}), g.plan(t, Spec{})
		other := g.writer
		other.Manager = FieldManager("ffffffffffff", "ffffffffffff")
		if _, err := other.Apply(t.Context(), theirs.Changes[1]); err != nil {
			t.Fatal(err)
		}
		_, err := g.writer.Apply(t.Context(), mine.Changes[1])
		wantReason(t, err, fault.Conflict)
	})
}

func TestAStaleReadIsAConflict(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		g := newGround(t)
		g.apply(t, g.plan(t, Spec{}))
		renewal := g.plan(t, Spec{HTTPSRedirect: yes()})
		door := g.door(t)
		installed, err := ReadInstalled(t.Context(), g.writer.Cluster, door, SecretName)
		if err != nil {
			t.Fatal(err)
		}
		deletion, err := PlanTeardown(door, installed, false)
		if err != nil {
			t.Fatal(err)
		}
		for _, object := range [][3]string{
			{"Secret", "istio-system", SecretName}, {"ConfigMap", "kubeflow", ConfigMapName}, {"Gateway", "kubeflow", "kubeflow-gateway"},
		} {
			g.api.Change(object[0], object[1], object[2], "somebody", func(object map[string]any) {
				_ = unstructured.SetNestedField(object, "x", "metadata", "labels", "touched")
			})
		}
		for _, change := range append(renewal.Changes, deletion.Changes...) {
			_, err := g.writer.Apply(t.Context(), change)
			if fault.ReasonOf(err) != fault.Conflict {
				t.Errorf("%s: %v", change, err)
			}
		}
	})
}

// TestAPathThatIsGoneIsAConflict has the record removed by somebody after it
// was read: the patch would remove it once more.
func TestAPathThatIsGoneIsAConflict(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		g := newGround(t)
		g.apply(t, g.plan(t, Spec{}))
		plan, err := PlanTeardown(g.door(t), &Installed{SecretName: SecretName}, false)
		if err != nil {
			t.Fatal(err)
		}
		g.api.Change("Gateway", "kubeflow", "kubeflow-gateway", "somebody", func(object map[string]any) {
			unstructured.RemoveNestedField(object, "metadata", "annotations")
		})
		_, err = g.writer.Apply(t.Context(), plan.Changes[0])
		wantReason(t, err, fault.Conflict)

		g.api.Intercept = func(r testutil.Request) int {
			if r.Verb == "patch" {
				return http.StatusUnprocessableEntity // a webhook's refusal of what nobody changed
			}
			return 0
		}
		plan, err = PlanTeardown(g.door(t), &Installed{SecretName: SecretName}, false)
		if err != nil {
			t.Fatal(err)
		}
		_, err = g.writer.Apply(t.Context(), plan.Changes[0])
		wantReason(t, err, fault.Internal)
	})
}

func TestWhatIsGoneNeedsNoDeletion(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		g := newGround(t)
		g.apply(t, g.plan(t, Spec{}))
		door := g.door(t)
		installed, err := ReadInstalled(t.Context(), g.writer.Cluster, door, SecretName)
		if err != nil {
			t.Fatal(err)
		}
		plan, err := PlanTeardown(door, installed, false)
		if err != nil {
			t.Fatal(err)
		}
		g.api.Remove("Secret", "istio-system", SecretName) // another teardown was quicker
		if _, err := g.writer.DryRun(t.Context(), plan); err != nil {
			t.Error(err)
		}
		g.apply(t, plan)
	})
}

func TestDryRunStopsBeforeTheFirstWrite(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		g := newGround(t)
		plan := g.plan(t, Spec{})
		g.api.Intercept = func(r testutil.Request) int {
			if r.DryRun && r.Resource == "gateways" {
				return http.StatusForbidden
			}
			return 0
		}
		_, err := g.writer.DryRun(t.Context(), plan)
		wantReason(t, err, fault.Forbidden)
		if want := "try to change Gateway kubeflow/kubeflow-gateway: "; !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %q", err)
		}
	})
}

func TestAWriteIsNotInterrupted(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		g := newGround(t)
		plan := g.plan(t, Spec{})
		ctx, cancel := context.WithCancel(t.Context())
		g.api.Intercept = func(r testutil.Request) int {
			if r.IsWrite() {
				cancel()
				synctest.Wait()
			}
			return 0
		}
		if _, err := g.writer.Apply(ctx, plan.Changes[0]); err != nil {
			t.Errorf("the write in flight: %v", err)
		}
		_, err := g.writer.Apply(ctx, plan.Changes[1])
		wantReason(t, err, fault.Interrupted)
		if got := g.api.Writes(); len(got) != 1 {
			t.Errorf("writes %v", got)
		}
	})
}

func TestAWriteEnds(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		g := newGround(t)
		plan := g.plan(t, Spec{})
		release := make(chan struct{})
		g.api.Intercept = func(r testutil.Request) int {
			if r.IsWrite() {
				<-release
			}
			return 0
		}
		begun := time.Now()
		_, err := g.writer.Apply(t.Context(), plan.Changes[0])
		close(release)
		wantReason(t, err, fault.Timeout)
		if waited := time.Since(begun); waited > cluster.DefaultRequestTimeout {
			t.Errorf("waited %s", waited)
		}
	})
}

// TestGiveBackMeetsAChange lets a GitOps controller touch the Gateway between
// our two writes.
func TestGiveBackMeetsAChange(t *testing.T) {
	tests := []struct {
		name    string
		servers bool
		want    string
	}{
		{"of something else", false, "installer"},
		{"of the servers, which are its own then", true, "argocd"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				g := newGround(t)
				g.apply(t, g.plan(t, Spec{}))
				door := g.door(t)
				plan, err := PlanTeardown(door, &Installed{SecretName: SecretName}, false)
				if err != nil {
					t.Fatal(err)
				}
				patches := 0
				g.api.Intercept = func(r testutil.Request) int {
					if !r.IsWrite() {
						return 0
					}
					if patches++; patches == 2 {
						g.api.Change("Gateway", "kubeflow", "kubeflow-gateway", "argocd", func(object map[string]any) {
							_ = unstructured.SetNestedField(object, "x", "metadata", "labels", "touched")
							if test.servers {
								_ = unstructured.SetNestedSlice(object, []any{testutil.HTTP("http", 80, "a.example.com")}, "spec", "servers")
							}
						})
					}
					return 0
				}
				g.apply(t, plan)
				if got := owner(g.gateway()); got != test.want {
					t.Errorf("%q owns the servers", got)
				}
			})
		})
	}
}

func TestGiveBackThatFailsSaysWhatItMeans(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		g := newGround(t)
		g.apply(t, g.plan(t, Spec{}))
		plan, err := PlanTeardown(g.door(t), &Installed{SecretName: SecretName}, false)
		if err != nil {
			t.Fatal(err)
		}
		patches := 0
		g.api.Intercept = func(r testutil.Request) int {
			if r.IsWrite() {
				if patches++; patches > 1 {
					return http.StatusConflict
				}
			}
			return 0
		}
		_, err = g.writer.Apply(t.Context(), plan.Changes[0])
		wantReason(t, err, fault.Conflict)
		if !strings.Contains(fault.HintOf(err), "--force-conflicts") {
			t.Errorf("hint %q", fault.HintOf(err))
		}
		if patches > 1+giveBackAttempts {
			t.Errorf("%d patches", patches)
		}
	})
}

func TestTakeOut(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		other := testutil.Gateway("team", "own", testutil.HTTPS("x", 443, "theirs", "*"))
		g := newGround(t, other)
		before := g.api.Get("Gateway", "team", "own")
		g.apply(t, g.plan(t, Spec{Force: true}))
		g.apply(t, g.plan(t, Spec{Port: 9443}))
		door := g.door(t)
		conflicts := 0
		g.api.Intercept = func(r testutil.Request) int {
			if r.IsWrite() && conflicts < 3 {
				conflicts++
				return http.StatusConflict
			}
			return 0
		}
		if err := TakeOut(t.Context(), g.writer, door, SecretName); err != nil {
			t.Fatal(err)
		}
		if got := Servers(g.gateway()); len(got) != 1 {
			t.Errorf("left %v", got)
		}
		if diff := cmp.Diff(before.Object["spec"], g.api.Get("Gateway", "team", "own").Object["spec"]); diff != "" {
			t.Errorf("(-before +after)\n%s", diff)
		}
		g.api.Forget()
		if err := TakeOut(t.Context(), g.writer, door, SecretName); err != nil || len(g.api.Writes()) != 0 {
			t.Errorf("again: %v, %v", err, g.api.Writes())
		}
		g.api.Remove("Gateway", "team", "own")
		if err := TakeOut(t.Context(), g.writer, door, SecretName); err != nil {
			t.Errorf("of a Gateway that is gone: %v", err)
		}
		g.api.Intercept = func(testutil.Request) int { return http.StatusForbidden }
		wantReason(t, TakeOut(t.Context(), g.writer, door, SecretName), fault.Forbidden)
	})
}

func TestReadInstalled(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		g := newGround(t)
		door := g.door(t)
		refuse := map[string]int{}
		g.api.Intercept = func(r testutil.Request) int { return refuse[r.Resource] }

		installed, err := ReadInstalled(t.Context(), g.writer.Cluster, door, SecretName)
		if err != nil || installed.Secret != nil || installed.ConfigMap != nil || installed.CAFingerprint() != "" || installed.CABundle() != nil {
			t.Errorf("nothing: %+v, %v", installed, err)
		}
		if leaf, err := installed.Leaf(); leaf != nil || err != nil {
			t.Errorf("leaf of nothing: %v, %v", leaf, err)
		}
		refuse["secrets"] = http.StatusForbidden
		installed, err = ReadInstalled(t.Context(), g.writer.Cluster, door, SecretName)
		if err != nil || fault.ReasonOf(installed.SecretUnknown) != fault.Forbidden {
			t.Errorf("Secret forbidden: %+v, %v", installed, err)
		}
		refuse["secrets"] = http.StatusInternalServerError
		_, err = ReadInstalled(t.Context(), g.writer.Cluster, door, SecretName)
		wantReason(t, err, fault.Internal)
		refuse["configmaps"], refuse["secrets"] = http.StatusForbidden, 0
		_, err = ReadInstalled(t.Context(), g.writer.Cluster, door, SecretName)
		wantReason(t, err, fault.Forbidden)
	})
}
