//go:build linux

package supervisor

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kftls/kubectl-kftls/test/testbed/internal/control"
	"github.com/kftls/kubectl-kftls/test/testbed/internal/controlplane"
	"github.com/kftls/kubectl-kftls/test/testbed/internal/node"
)

func TestDifferencesAreSaidOnce(t *testing.T) {
	pods := []node.PodStatus{
		{Component: "oauth2-proxy", Address: "127.0.71.22", Differences: []string{"listens on 127.0.71.22 in place of 0.0.0.0", "probes: readiness alone"}},
		{Component: "oauth2-proxy", Address: "127.0.71.23", Differences: []string{"listens on 127.0.71.23 in place of 0.0.0.0", "probes: readiness alone"}},
		{Component: "dex", Address: "127.0.71.21", Differences: []string{"storage: in memory"}},
		{Component: "not-started", Differences: []string{"nothing yet"}},
	}
	got := differences(pods, []string{"ConfigMap a/b: c"})
	want := append([]string{
		"dex: storage: in memory",
		"oauth2-proxy: listens on an address of its own in place of 0.0.0.0",
		"oauth2-proxy: probes: readiness alone",
		"ConfigMap a/b: c",
	}, controlplane.Differences()...)
	if !slices.Equal(got, want) {
		t.Errorf("differences %q, want %q", got, want)
	}
}

func TestGatewaysAreCountedByAddress(t *testing.T) {
	pods := []node.PodStatus{
		{Program: node.Envoy, Name: "c", Address: "127.0.71.12"},
		{Program: node.Envoy, Name: "b", Address: "127.0.71.11"},
		{Program: node.Envoy, Name: "old", Address: "127.0.71.13", Waiting: control.Terminating},
		{Program: node.Envoy, Name: "pending"},
		{Program: node.Dex, Name: "dex", Address: "127.0.71.21"},
	}
	if got, want := gatewayURLs(pods), []string{"http://127.0.71.11:8080/", "http://127.0.71.12:8080/"}; !slices.Equal(got, want) {
		t.Errorf("gateways %q, want %q", got, want)
	}
}

func TestLacksRollout(t *testing.T) {
	three := int32(3)
	for _, test := range []struct {
		name       string
		generation int64
		status     appsv1.DeploymentStatus
		want       string
	}{
		{"done", 2, appsv1.DeploymentStatus{ObservedGeneration: 2, Replicas: 3, UpdatedReplicas: 3, AvailableReplicas: 3}, ""},
		{"not looked at", 2, appsv1.DeploymentStatus{ObservedGeneration: 1, Replicas: 3, UpdatedReplicas: 3, AvailableReplicas: 3}, "not looked at"},
		{"new pods to come", 2, appsv1.DeploymentStatus{ObservedGeneration: 2, Replicas: 3, UpdatedReplicas: 1, AvailableReplicas: 3}, "1 of 3 new pods"},
		{"old pods to go", 2, appsv1.DeploymentStatus{ObservedGeneration: 2, Replicas: 4, UpdatedReplicas: 3, AvailableReplicas: 4}, "1 old pods"},
		{"not ready", 2, appsv1.DeploymentStatus{ObservedGeneration: 2, Replicas: 3, UpdatedReplicas: 3, AvailableReplicas: 2}, "2 of 3 pods ready"},
	} {
		d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "dex", Generation: test.generation}, Spec: appsv1.DeploymentSpec{Replicas: &three}, Status: test.status}
		if got := lacksDeployment(d); (got == "") != (test.want == "") || !strings.Contains(got, test.want) {
			t.Errorf("%s: lacks %q, want %q", test.name, got, test.want)
		}
	}
}

func TestLacksRolloutOfAStatefulSet(t *testing.T) {
	for _, test := range []struct {
		name   string
		status appsv1.StatefulSetStatus
		want   string
	}{
		{"done", appsv1.StatefulSetStatus{ObservedGeneration: 2, ReadyReplicas: 1, UpdatedReplicas: 1, CurrentRevision: "b", UpdateRevision: "b"}, ""},
		{"not looked at", appsv1.StatefulSetStatus{ObservedGeneration: 1, ReadyReplicas: 1, CurrentRevision: "b", UpdateRevision: "b"}, "not looked at"},
		{"not ready", appsv1.StatefulSetStatus{ObservedGeneration: 2, CurrentRevision: "b", UpdateRevision: "b"}, "0 of 1 pods ready"},
		{"new pods to come", appsv1.StatefulSetStatus{ObservedGeneration: 2, ReadyReplicas: 1, CurrentRevision: "a", UpdateRevision: "b"}, "0 of 1 new pods"},
	} {
		set := &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Generation: 2}, Status: test.status}
		if got := lacksStatefulSet(set); (got == "") != (test.want == "") || !strings.Contains(got, test.want) {
			t.Errorf("%s: lacks %q, want %q", test.name, got, test.want)
		}
	}
}

func TestLacksPods(t *testing.T) {
	app := map[string]string{"app": "dex"}
	pod := func(ready corev1.ConditionStatus, change func(*corev1.Pod)) corev1.Pod {
		p := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "auth", Labels: app}}
		p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: ready}}
		if change != nil {
			change(&p)
		}
		return p
	}
	dex := workload{kind: kindDeployment, namespace: "auth", name: "dex", wanted: 1, selector: &metav1.LabelSelector{MatchLabels: app}}
	for name, test := range map[string]struct {
		pods []corev1.Pod
		done bool
	}{
		"ready":                {[]corev1.Pod{pod(corev1.ConditionTrue, nil)}, true},
		"not ready":            {[]corev1.Pod{pod(corev1.ConditionFalse, nil)}, false},
		"none":                 {nil, false},
		"ready and ending":     {[]corev1.Pod{pod(corev1.ConditionTrue, func(p *corev1.Pod) { p.DeletionTimestamp = &metav1.Time{} })}, false},
		"another's":            {[]corev1.Pod{pod(corev1.ConditionTrue, func(p *corev1.Pod) { p.Labels = nil })}, false},
		"in another namespace": {[]corev1.Pod{pod(corev1.ConditionTrue, func(p *corev1.Pod) { p.Namespace = "x" })}, false},
	} {
		if got := dex.lacksPods(test.pods); (got == "") != test.done {
			t.Errorf("%s: lacks %q", name, got)
		}
	}
}

func TestPollTellsWhatWasNotSo(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	err := poll(ctx, func(context.Context) (string, error) { return "Deployment auth/dex has 0 of 1 pods ready", nil })
	if !errors.Is(err, context.DeadlineExceeded) || err.Error() != "time is up: Deployment auth/dex has 0 of 1 pods ready" {
		t.Errorf("error %v", err)
	}
	broken := errors.New("forbidden")
	if err := poll(t.Context(), func(context.Context) (string, error) { return "", broken }); !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
}

func TestOneTestbedInAFolder(t *testing.T) {
	l := Layout{Dir: filepath.Join(t.TempDir(), "bed")}
	lock, err := l.Lock()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Lock(); !errors.Is(err, ErrRunning) {
		t.Errorf("a second one: %v", err)
	}
	if err := os.WriteFile(l.Kubeconfig(), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := l.Clean(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(l.Kubeconfig()); err != nil {
		t.Error("the secrets of a running testbed are gone")
	}
	lock.Close()
	if err := l.Clean(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(l.Kubeconfig()); !errors.Is(err, os.ErrNotExist) {
		t.Error("the secrets of a killed testbed stay")
	}
	if info, err := os.Stat(l.Dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder: %v, %v", info.Mode(), err)
	}
}

func TestAFolderOfSomebodyElsesIsLeftAlone(t *testing.T) {
	l := Layout{Dir: t.TempDir()}
	if err := os.WriteFile(filepath.Join(l.Dir, "thesis.tex"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Lock(); err == nil || !strings.Contains(err.Error(), "thesis.tex") {
		t.Errorf("error %v", err)
	}
	if err := l.Clean(); err != nil {
		t.Errorf("down in it: %v", err)
	}
}

func TestTheSupervisorIsFoundAgain(t *testing.T) {
	l := Layout{Dir: t.TempDir()}
	if found, err := l.Supervisor(); found != nil || err != nil {
		t.Errorf("never: %v, %v", found, err)
	}
	if err := l.writeRecord(); err != nil {
		t.Fatal(err)
	}
	if found, err := l.Supervisor(); err != nil || found == nil || found.PID != os.Getpid() {
		t.Errorf("running: %v, %v", found, err)
	}
	if err := os.WriteFile(l.recordFile(), []byte(`{"pid":`+"1"+`,"startTicks":1}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if found, err := l.Supervisor(); found != nil || err != nil {
		t.Errorf("another process with that id: %v, %v", found, err)
	}
}

func TestNeededPortsCoverASurge(t *testing.T) {
	seen := map[int]bool{}
	for _, p := range neededPorts(2) {
		seen[p.Host] = true
	}
	for _, host := range []int{1, 11, 12, 13} {
		if !seen[host] {
			t.Errorf("no port of .%d is looked at", host)
		}
	}
}
