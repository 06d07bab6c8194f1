package diagnose

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"k8s.io/client-go/rest"

	"github.com/kftls/kubectl-kftls/internal/testutil"
	"github.com/kftls/kubectl-kftls/pkg/cluster"
	"github.com/kftls/kubectl-kftls/pkg/diagnose/pasted"
	"github.com/kftls/kubectl-kftls/pkg/portforward"
)

// upTo is what of the facts is there at a stage.
func (f *Facts) upTo(stage Stage) *Facts {
	early := *f
	if stage == StageWire {
		return &early
	}
	early.Roads, early.Session, early.Seen, early.verdicts = nil, nil, nil, nil
	early.Log, early.LoginLog = Known[[]pasted.Meaning]{}, Known[[]pasted.Meaning]{}
	switch {
	case stage == StageComputer:
		early.Objects, early.unpublished = nil, nil
	case f.Objects != nil:
		objects := *f.Objects
		objects.MayForward, objects.GatewayReadsSecrets, objects.Certificates = Known[bool]{}, Known[bool]{}, Known[[]unstructuredObject]{}
		early.Objects = &objects
	}
	return &early
}

// TestChecksReadWhatTheySay: who looks before all facts are there says what it
// would say with all of them, or that it cannot tell yet.
func TestChecksReadWhatTheySay(t *testing.T) {
	early := 0
	for _, e := range examples() {
		f := healthy(e.with...)
		f.complete()
		for _, c := range Checks() {
			if c.Code != e.code || c.Reads == "" || c.Reads == StageWire {
				continue
			}
			early++
			got := c.Look(t.Context(), f.upTo(c.Reads))
			if got.Status == Unknown {
				continue
			}
			if diff := cmp.Diff(c.Look(t.Context(), f), got, cmpopts.IgnoreUnexported(Finding{})); diff != "" {
				t.Errorf("%s on %s %s says something else when all is there (-all +early):\n%s", c.Code, e.code, e.cause, diff)
			}
		}
	}
	if early == 0 {
		t.Error("no check looks early")
	}
}

// TestNeedsComeBefore: a check waits for those that it needs, which have to be
// before it in the order.
func TestNeedsComeBefore(t *testing.T) {
	before := map[string]bool{}
	for _, c := range Checks() {
		for _, need := range c.Needs {
			if !before[need] {
				t.Errorf("%s needs %s, which does not come before it", c.Code, need)
			}
		}
		if before[c.Code] {
			t.Errorf("two checks are %s", c.Code)
		}
		if c.Reads != "" && !slices.Contains(Stages(), c.Reads) {
			t.Errorf("%s reads %q", c.Code, c.Reads)
		}
		before[c.Code] = true
	}
}

// kubeconfig leads to an API server in memory.
type kubeconfig struct {
	noRequest

	address string
}

func (k kubeconfig) ToRESTConfig() (*rest.Config, error) { return &rest.Config{Host: k.address}, nil }

// unlocking opens a gate when a check has ended.
type unlocking struct {
	gates  map[string]chan struct{}
	stages []Stage
}

func (u *unlocking) Waiting(stage Stage) { u.stages = append(u.stages, stage) }

func (u *unlocking) Checked(c Check, _ Result) {
	if gate := u.gates[c.Code]; gate != nil {
		close(gate)
	}
}

// TestResultsAppearAsTheyAreFound: the API server answers nothing before a check of
// this computer has ended, and the gateway pods nothing before one of the cluster's
// objects has.
func TestResultsAppearAsTheyAreFound(t *testing.T) {
	watch := &unlocking{gates: map[string]chan struct{}{"KFT104": make(chan struct{}), "KFT314": make(chan struct{})}}
	api := testutil.NewAPIServer(t, testutil.Kubeflow()...)
	api.Put(testutil.Pod("istio-system", "gateway-a", map[string]string{"app": "istio-ingressgateway", "istio": "ingressgateway"}), "kubelet")
	patient := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-watch.gates["KFT104"]:
			api.ServeHTTP(w, r)
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(patient.Close)
	opened, err := cluster.New(kubeconfig{address: patient.URL}, cluster.Options{})
	if err != nil {
		t.Fatal(err)
	}
	d, err := Run(t.Context(), Options{
		Cluster: opened, ClusterWanted: true, Dialer: behind{testutil.NewGatewayPods(t, api), watch.gates["KFT314"]},
		Program: "kubectl kftls", Env: envOf(), ReadFile: noFile, Home: "/home/u",
	}, watch)
	if err != nil {
		t.Fatal(err)
	}
	if !d.Healthy || len(d.Via) != 1 {
		t.Errorf("found %+v, seen %+v, by %v", d.Findings, d.Sightings, d.Via)
	}
	if diff := cmp.Diff(Stages(), watch.stages); diff != "" {
		t.Errorf("stages (-want +got):\n%s", diff)
	}
	codes := make([]string, 0, len(d.Checks))
	for _, c := range d.Checks {
		codes = append(codes, c.Code)
	}
	for i, c := range Checks() {
		if codes[i] != c.Code {
			t.Fatalf("the checks are not in their order: %v", codes)
		}
	}
}

// behind are gateway pods that are reached when a gate is open.
type behind struct {
	*testutil.GatewayPods

	gate chan struct{}
}

func (b behind) DialTarget(ctx context.Context, target portforward.Target) (net.Conn, error) {
	select {
	case <-b.gate:
		return b.GatewayPods.DialTarget(ctx, target)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// TestFileThatDoesNotCome: nobody waits for a pipe that nobody writes to.
func TestFileThatDoesNotCome(t *testing.T) {
	written := make(chan struct{})
	ended := make(chan struct{})
	read := bounded(func(string) ([]byte, error) {
		defer close(ended)
		<-written
		return nil, nil
	})
	began := time.Now()
	if _, err := read("/a/pipe"); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	if took := time.Since(began); took > 3*readLimit {
		t.Errorf("it took %s", took)
	}
	close(written)
	<-ended
}
