package node

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// PodStatus is what there is to tell people about a pod that runs here.
type PodStatus struct {
	Namespace, Name string
	// Component is the name of the Deployment or the like that the pod belongs to.
	Component string
	// Program is the executable, by its name in Config.Programs; "" for a static pod.
	Program string
	// Address is the loopback address of its process, PodIP the one that the cluster sees.
	Address, PodIP string
	// PID is 0 while no process runs.
	PID int
	// Ready is what the cluster has been told.
	Ready bool
	// Restarts counts how often the container was started again.
	Restarts int
	// Waiting says why it is not ready, "" if it is.
	Waiting string
	// StartedAt is when the process was started; the zero time while none runs.
	StartedAt time.Time
	// Log is the file with the process's output.
	Log string
	// Differences say what the testbed changed in its configuration, one sentence each.
	Differences []string
}

// Status tells about all pods that run here, sorted by namespace and name.
func (n *Node) Status() []PodStatus {
	var all []PodStatus
	for _, r := range n.snapshot() {
		all = append(all, r.status())
	}
	n.mu.Lock()
	for _, s := range n.statics {
		all = append(all, PodStatus{
			Namespace: s.name.Namespace, Name: s.name.Name, Component: s.container,
			Address: n.controlPlane(), PodIP: n.controlPlane(), PID: s.pid, Ready: true, StartedAt: s.startedAt, Log: s.logFile,
		})
	}
	n.mu.Unlock()
	slices.SortFunc(all, func(a, b PodStatus) int {
		return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
	})
	return all
}

func (r *podRun) status() PodStatus {
	v := r.look()
	s := PodStatus{
		Namespace: r.pod.Namespace, Name: r.pod.Name, Component: component(r.pod), Program: r.program.name,
		Ready: v.told, Restarts: int(v.restarts), Waiting: v.waiting, Log: v.log, Differences: slices.Clone(v.differences),
	}
	if v.address.IsValid() {
		s.Address, s.PodIP = v.address.String(), podIP(v.address)
	}
	if v.process != nil && v.process.Running() {
		s.PID, s.StartedAt = v.process.PID(), v.process.StartedAt()
	}
	if r.ending() {
		s.Waiting = "Terminating"
	}
	return s
}

// component is the name of what owns the pod: a ReplicaSet's is its Deployment's and a hash.
func component(pod *corev1.Pod) string {
	owner := metav1.GetControllerOf(pod)
	switch {
	case owner == nil:
		return pod.Name
	case owner.Kind == "ReplicaSet":
		return strings.TrimSuffix(owner.Name, "-"+pod.Labels["pod-template-hash"])
	}
	return owner.Name
}

// Kill ends the process of a pod with SIGKILL, as a crash: the pod stays, and the process
// is started again.
func (n *Node) Kill(namespace, pod string) error {
	n.mu.Lock()
	run := n.byName[types.NamespacedName{Namespace: namespace, Name: pod}]
	n.mu.Unlock()
	if run == nil {
		return fmt.Errorf("kill pod %s/%s: it does not run here", namespace, pod)
	}
	process := run.look().process
	if process == nil || !process.Running() {
		return fmt.Errorf("kill pod %s/%s: it has no process now", namespace, pod)
	}
	process.Kill()
	return nil
}
