package node

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kftls/kubectl-kftls/test/testbed/internal/proc"
)

const (
	// firstRestart is how long a kubelet takes to see that a container has ended (it looks
	// once a second); each further crash doubles the pause.
	firstRestart = time.Second
	// lastRestart caps the pause. A kubelet's cap is 5 minutes, too long for any story.
	lastRestart = 10 * time.Second
	// steady is how long a process must have run for its next crash to count as the first.
	steady = time.Minute
	// maxGrace caps terminationGracePeriodSeconds: istiod would use its 30 s in full.
	maxGrace = 10 * time.Second
	// retryPause is between two looks at what a container waits for.
	retryPause = 250 * time.Millisecond
)

// podRun is one pod on this node, from its binding to its end.
type podRun struct {
	node    *Node
	pod     *corev1.Pod // as it was when it came
	program *program
	address netip.Addr // of the goroutine that runs it; others look at the view
	dir     string
	seen    time.Time

	alive   context.Context // until its deletion begins
	end     context.CancelFunc
	patient context.Context // until it must go without grace
	hurry   context.CancelFunc
	ended   chan struct{} // closed when nothing of it runs any more

	reports   reports
	published []corev1.PodCondition // of the goroutine that publishes

	mu   sync.Mutex
	view view
}

// view is what others may know of a pod that runs, guarded by podRun.mu.
type view struct {
	grace       time.Duration
	address     netip.Addr // invalid until it has one
	process     *proc.Process
	up          bool // its readiness probe succeeds
	told        bool // the cluster takes it for ready
	everUp      bool
	restarts    int32
	waiting     string
	differences []string
	log         string
}

func (n *Node) newRun(ctx context.Context, pod *corev1.Pod, p *program) *podRun {
	r := &podRun{
		node: n, pod: pod, program: p, seen: n.now(),
		dir:     filepath.Join(n.config.Dir, "pods", pod.Namespace+"_"+pod.Name),
		ended:   make(chan struct{}),
		reports: reports{queue: make(chan report, 64)},
	}
	r.patient, r.hurry = context.WithCancel(ctx)
	r.alive, r.end = context.WithCancel(r.patient)
	return r
}

// beginEnd starts the end that a deletion asks for. A grace of zero ends it at once.
func (r *podRun) beginEnd(grace time.Duration) {
	r.mu.Lock()
	r.view.grace = min(grace, maxGrace)
	r.mu.Unlock()
	if grace <= 0 {
		r.hurry()
	}
	r.end()
}

// run carries the pod through its whole life.
func (r *podRun) run(ctx context.Context) {
	defer close(r.ended)
	defer r.hurry()
	if !r.bind() || !r.takeAddress() {
		r.finish(ctx)
		return
	}
	defer r.node.addresses.free(r.address)
	defer r.node.isolation.set(r.address, false) // the next pod there is another one
	var publishing sync.WaitGroup
	publishing.Go(func() { r.publish(r.alive) })
	r.live()
	publishing.Wait()
	r.terminate()
	if ctx.Err() == nil {
		r.finish(ctx)
	}
}

// takeAddress waits until the node has an address for the pod.
func (r *podRun) takeAddress() bool {
	for {
		address, err := r.node.addresses.take(r.program.name == Envoy)
		if err == nil {
			r.address = address
			r.mu.Lock()
			r.view.address = address
			r.mu.Unlock()
			return true
		}
		r.setWaiting("FailedCreatePodSandBox", err.Error())
		if !sleep(r.alive, retryPause) {
			return false
		}
	}
}

// live keeps the pod's process running until its deletion begins.
func (r *podRun) live() {
	r.tell(moment{waiting: "ContainerCreating"}, 0)
	m, pause := moment{}, firstRestart
	for r.alive.Err() == nil {
		sandbox, command, ok := r.prepare(m)
		if !ok {
			return
		}
		process, err := r.start(sandbox, command, m.restarts)
		if err != nil {
			m = m.failed(r.pod, err)
		} else {
			m.waiting, m.message, m.startedAt, m.ready = "", "", process.StartedAt(), false
			r.tell(m, r.lag())
			r.watch(process, sandbox, m)
			if r.alive.Err() != nil {
				return
			}
			if r.node.now().Sub(process.StartedAt()) > steady {
				pause = firstRestart
			}
			m = m.crashed(r.pod, process, r.node.now())
		}
		r.setDown(m.waiting + ": " + m.message)
		r.tell(m, r.lag())
		if !sleep(r.alive, pause) {
			return
		}
		pause = min(2*pause, lastRestart)
		m.restarts++
	}
}

// crashed is the moment after a process ended by itself.
func (m moment) crashed(pod *corev1.Pod, p *proc.Process, now time.Time) moment {
	name := pod.Spec.Containers[0].Name
	reason := "Error"
	if p.ExitCode() == 0 {
		reason = "Completed"
	}
	return moment{
		waiting: crashLoop, message: "back-off restarting failed container " + name, restarts: m.restarts,
		lastExit: &corev1.ContainerStateTerminated{
			ExitCode: int32(p.ExitCode()), Reason: reason,
			StartedAt: metav1.Time{Time: p.StartedAt()}, FinishedAt: metav1.Time{Time: now},
			ContainerID: containerID(pod, name, m.restarts),
		},
	}
}

// failed is the moment after a process could not even be started.
func (m moment) failed(pod *corev1.Pod, err error) moment {
	return moment{
		waiting: "RunContainerError", message: err.Error(), restarts: m.restarts,
		lastExit: &corev1.ContainerStateTerminated{
			ExitCode: 128, Reason: "StartError", Message: err.Error(),
			ContainerID: containerID(pod, pod.Spec.Containers[0].Name, m.restarts),
		},
	}
}

// watch asks for readiness until the process ends or the pod's deletion begins.
func (r *podRun) watch(process *proc.Process, s *sandbox, m moment) {
	p := probeFor(s.container, r.address.String())
	pause, failures := firstProbes, 0
	for {
		select {
		case <-process.Done():
			return
		case <-r.alive.Done():
			return
		case <-time.After(pause):
		}
		err := p.once(r.alive)
		switch {
		case err == nil && !m.ready:
			m.ready, pause = true, p.period
			r.tell(m, r.lag())
			r.setUp()
		case err != nil && m.ready:
			failures++
			if failures >= p.failureThreshold && process.Running() {
				m.ready, pause = false, firstProbes
				r.setDown("Unhealthy: " + err.Error())
				r.tell(m, r.lag())
			}
		}
		if err == nil {
			failures = 0
		}
	}
}

// lag is how late the cluster learns about this pod. The first readiness of a testbed that
// starts is told at once; later all news is late, as a kubelet's is.
func (r *podRun) lag() time.Duration {
	if r.node.settled() {
		return r.node.config.ReadinessLag
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.view.everUp {
		return r.node.config.ReadinessLag
	}
	return 0
}

// terminate ends the process: politely while there is patience.
func (r *podRun) terminate() {
	r.mu.Lock()
	process, grace := r.view.process, r.view.grace
	r.mu.Unlock()
	if process != nil && process.Running() {
		polite, cancel := context.WithTimeout(r.patient, grace)
		stop := context.AfterFunc(polite, process.Kill)
		if r.program.drain != nil && grace > 0 {
			r.drain(polite, process)
		}
		_ = process.Stop(polite, grace)
		stop()
		cancel()
	}
	r.setDown("Terminated")
	if err := os.RemoveAll(r.dir); err != nil {
		r.node.logf("pod %s/%s: %v", r.pod.Namespace, r.pod.Name, err)
	}
}

// drain lets the program's clients go, no longer than the process lives.
func (r *podRun) drain(ctx context.Context, process *proc.Process) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var waiting sync.WaitGroup
	waiting.Go(func() {
		select {
		case <-process.Done():
			cancel()
		case <-ctx.Done():
		}
	})
	r.program.drain(ctx, r.address.String())
	cancel()
	waiting.Wait()
}
