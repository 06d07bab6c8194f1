//go:build linux

package node

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

// TestMain lets this test binary be the program of a pod: like the testbed's own, it
// listens where its --address says until SIGTERM.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "upstream" {
		os.Exit(upstream(os.Args[len(os.Args)-1]))
	}
	// The thread from which processes are started has to stay (package proc).
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/kftls/kubectl-kftls/test/testbed/internal/proc.init.func1.1"))
}

func upstream(flag string) int {
	listener, err := net.Listen("tcp4", strings.TrimPrefix(flag, "--address="))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println("listening on", listener.Addr())
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			conn.Close()
		}
	}()
	<-stop
	fmt.Println("asked to end")
	return 0
}

// testNode is a node on a fake cluster whose pods run this test binary.
func testNode(t *testing.T, lag time.Duration) (*Node, *fake.Clientset) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	client := fake.NewClientset()
	client.PrependReactor("create", "pods", func(action clienttesting.Action) (bool, runtime.Object, error) {
		if action.GetSubresource() != "binding" {
			return false, nil, nil
		}
		binding := action.(clienttesting.CreateAction).GetObject().(*corev1.Binding)
		gvr := corev1.SchemeGroupVersion.WithResource("pods")
		object, err := client.Tracker().Get(gvr, binding.Namespace, binding.Name)
		if err != nil {
			return true, nil, err
		}
		pod := object.(*corev1.Pod).DeepCopy()
		pod.Spec.NodeName = binding.Target.Name
		return true, binding, client.Tracker().Update(gvr, pod, binding.Namespace)
	})
	entries := dynamicfake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), map[schema.GroupVersionResource]string{workloadEntries: "WorkloadEntryList"})
	network, err := parseSubnet(freeSubnet(t))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	n := assemble(ctx, Config{
		Dir: t.TempDir(), ReadinessLag: lag, Programs: map[string]string{Upstream: self},
		Logf: t.Logf, Now: time.Now, NameProxy: "http://unused",
	}, network, client, entries)
	t.Cleanup(func() {
		cancel()
		n.Wait()
	})
	if err := n.follow(ctx); err != nil {
		t.Fatal(err)
	}
	return n, client
}

// freeSubnet finds a loopback network whose first pod address is free on the test's port.
func freeSubnet(t *testing.T) string {
	t.Helper()
	for third := 201; third < 255; third++ {
		subnet := fmt.Sprintf("127.0.%d", third)
		listener, err := net.Listen("tcp4", fmt.Sprintf("%s.%d:%d", subnet, firstOtherOctet, testPort))
		if err == nil {
			listener.Close()
			return subnet
		}
	}
	t.Fatal("no loopback network is free")
	return ""
}

const testPort = 8082

// until follows the pod until it is as wanted, or gone when wanted is nil.
func until(t *testing.T, client *fake.Clientset, what string, wanted func(*corev1.Pod) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	watch, err := client.CoreV1().Pods("kubeflow").Watch(ctx, metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer watch.Stop()
	if pod, err := client.CoreV1().Pods("kubeflow").Get(ctx, "dash", metav1.GetOptions{}); wanted == nil && err != nil || wanted != nil && err == nil && wanted(pod) {
		return
	}
	for {
		select {
		case event := <-watch.ResultChan():
			pod, ok := event.Object.(*corev1.Pod)
			if ok && (wanted == nil && event.Type == "DELETED" || wanted != nil && wanted(pod)) {
				return
			}
		case <-ctx.Done():
			t.Fatalf("waited 30 s for the pod to be %s", what)
		}
	}
}

func createPod(t *testing.T, client *fake.Clientset, image string) *corev1.Pod {
	t.Helper()
	pod, err := client.CoreV1().Pods("kubeflow").Create(t.Context(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "kubeflow", Name: "dash", UID: types.UID("uid-" + image), Labels: map[string]string{"app": "dash"}},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{
			Name: "dash", Image: image, Ports: []corev1.ContainerPort{{ContainerPort: testPort}},
		}}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return pod
}

const dashboardImage = "kubeflow/central-dashboard:1"

// A pod's life: bound, started, ready, crashed and told so late, started again, deleted.
func TestPodLife(t *testing.T) {
	const lag = 300 * time.Millisecond
	n, client := testNode(t, lag)
	createPod(t, client, dashboardImage)
	until(t, client, "ready", isReady)
	status := n.Status()[0]
	// The node notes what it has told after the write that others see at once.
	for limit := time.Now().Add(10 * time.Second); !status.Ready && time.Now().Before(limit); status = n.Status()[0] {
		<-time.After(10 * time.Millisecond)
	}
	if !status.Ready || status.PID == 0 || status.Address != n.subnet.at(firstOtherOctet).String() || status.PodIP != "10.244.0.21" {
		t.Fatalf("status %+v", status)
	}

	crash := time.Now()
	if err := n.Kill("kubeflow", "dash"); err != nil {
		t.Fatal(err)
	}
	until(t, client, "not ready", func(p *corev1.Pod) bool { return !isReady(p) })
	if took := time.Since(crash); took < lag {
		t.Errorf("the cluster learnt of the crash after %v, want at least the lag, %v", took, lag)
	}
	until(t, client, "ready again", func(p *corev1.Pod) bool {
		return isReady(p) && p.Status.ContainerStatuses[0].RestartCount == 1 && p.Status.ContainerStatuses[0].LastTerminationState.Terminated.ExitCode == 137
	})

	if log, err := os.ReadFile(filepath.Join(n.logDir("kubeflow", "dash", "dash"), "1.log")); err != nil || !strings.HasPrefix(string(log), "listening on") {
		t.Errorf("log of the second start: %q, %v", log, err)
	}
	pid := n.Status()[0].PID
	if err := client.CoreV1().Pods("kubeflow").Delete(t.Context(), "dash", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	untilEnded(t, n)
	if err := syscall.Kill(pid, 0); err == nil {
		t.Errorf("process %d outlived its pod", pid)
	}
	if _, err := os.Stat(filepath.Join(n.config.Dir, "pods", "kubeflow_dash")); err == nil {
		t.Error("the pod's folder, with its secrets, is still there")
	}
	if err := n.Kill("kubeflow", "dash"); err == nil {
		t.Error("Kill of a pod that is gone gives no error")
	}
}

// untilEnded waits until the node runs no pod.
func untilEnded(t *testing.T, n *Node) {
	t.Helper()
	for _, r := range n.snapshot() {
		select {
		case <-r.ended:
		case <-time.After(30 * time.Second):
			t.Fatal("waited 30 s for a pod to end")
		}
	}
}

// A deletion with grace ends the process by SIGTERM, and then confirms.
func TestGracefulDeletion(t *testing.T) {
	n, client := testNode(t, 0)
	createPod(t, client, dashboardImage)
	until(t, client, "ready", isReady)
	pod, err := client.CoreV1().Pods("kubeflow").Get(t.Context(), "dash", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	pod.DeletionTimestamp, pod.DeletionGracePeriodSeconds = &metav1.Time{Time: time.Now()}, new(int64(30))
	if _, err := client.CoreV1().Pods("kubeflow").Update(t.Context(), pod, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	until(t, client, "gone", nil)
	log, err := os.ReadFile(filepath.Join(n.logDir("kubeflow", "dash", "dash"), "0.log"))
	if err != nil || !strings.HasSuffix(string(log), "asked to end\n") {
		t.Errorf("log %q, %v, want the program's last word", log, err)
	}
	var deletion *metav1.DeleteOptions
	for _, action := range client.Actions() {
		if d, ok := action.(clienttesting.DeleteActionImpl); ok && d.Resource.Resource == "pods" {
			deletion = &d.DeleteOptions
		}
	}
	if deletion == nil || *deletion.GracePeriodSeconds != 0 || *deletion.Preconditions.UID != pod.UID {
		t.Errorf("confirmed with %+v, want grace 0 for this very pod", deletion)
	}
}

// A Service's slices follow its pods.
func TestSlicesFollowPods(t *testing.T) {
	_, client := testNode(t, 0)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	watch, err := client.DiscoveryV1().EndpointSlices("kubeflow").Watch(ctx, metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer watch.Stop()
	_, err = client.CoreV1().Services("kubeflow").Create(ctx, &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "kubeflow", Name: "dash", UID: "s"},
		Spec:       corev1.ServiceSpec{Selector: map[string]string{"app": "dash"}, Ports: []corev1.ServicePort{{Port: 80, TargetPort: intstr.FromInt32(testPort)}}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	createPod(t, client, dashboardImage)
	for {
		select {
		case event := <-watch.ResultChan():
			slice, ok := event.Object.(*discoveryv1.EndpointSlice)
			if ok && len(slice.Endpoints) == 1 && *slice.Endpoints[0].Conditions.Ready {
				return
			}
		case <-ctx.Done():
			t.Fatal("waited 30 s for a slice with a ready endpoint")
		}
	}
}

func TestUnknownImageIsNotRun(t *testing.T) {
	n, client := testNode(t, 0)
	createPod(t, client, "nginx:1")
	until(t, client, "marked", func(p *corev1.Pod) bool {
		return len(p.Status.Conditions) == 1 && p.Status.Conditions[0].Message == "image nginx:1 is not run in the testbed"
	})
	if all := n.Status(); len(all) != 0 {
		t.Errorf("it runs: %+v", all)
	}
}
