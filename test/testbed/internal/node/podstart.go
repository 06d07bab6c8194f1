package node

import (
	"context"
	"path/filepath"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kftls/kubectl-kftls/test/testbed/internal/proc"
)

// callLimit bounds one call of the API server.
const callLimit = 10 * time.Second

// bind does the scheduler's work: the pod is for this node, the only one.
func (r *podRun) bind() bool {
	for r.pod.Spec.NodeName == "" {
		ctx, cancel := context.WithTimeout(r.alive, callLimit)
		err := r.node.client.CoreV1().Pods(r.pod.Namespace).Bind(ctx, &corev1.Binding{
			ObjectMeta: metav1.ObjectMeta{Namespace: r.pod.Namespace, Name: r.pod.Name, UID: r.pod.UID},
			Target:     corev1.ObjectReference{Kind: "Node", Name: Name},
		}, metav1.CreateOptions{})
		cancel()
		if err == nil || apierrors.IsConflict(err) { // Conflict: it is bound already
			return true
		}
		r.setWaiting("FailedScheduling", err.Error())
		if !sleep(r.alive, retryPause) {
			return false
		}
	}
	return true
}

// prepare waits until all that the container needs is there: what it is started after, its
// volumes and its environment. They are read anew at each start, as a kubelet does.
func (r *podRun) prepare(m moment) (*sandbox, command, bool) {
	for {
		sandbox, command, reason, message := r.tryPrepare()
		if reason == "" {
			return sandbox, command, true
		}
		if r.setWaiting(reason, message) {
			m.waiting, m.message, m.ready = reason, message, false
			r.tell(m, 0)
		}
		if !sleep(r.alive, retryPause) {
			return nil, command, false
		}
	}
}

// tryPrepare gives the reason, in a kubelet's words, why the container cannot start yet.
func (r *podRun) tryPrepare() (s *sandbox, c command, reason, message string) {
	if r.program.hold != nil {
		if why := r.program.hold(r.node); why != "" {
			return nil, c, "ContainerCreating", why
		}
	}
	ctx, cancel := context.WithTimeout(r.alive, callLimit)
	defer cancel()
	s = newSandbox(r.pod, r.address, r.dir)
	if r.program.dialsNames {
		s.serviceAddress = r.node.serviceAddress
	}
	if err := s.loadVolumes(ctx, clusterSource{r.node.client}); err != nil {
		return nil, c, "ContainerCreating", "MountVolume.SetUp failed: " + err.Error()
	}
	if err := s.loadEnv(ctx, clusterSource{r.node.client}); err != nil {
		return nil, c, "CreateContainerConfigError", err.Error()
	}
	if r.program.wantsNames {
		for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY"} {
			s.setEnv(name, r.node.config.NameProxy, "names inside the cluster resolve in it")
		}
	}
	if r.program.wantsAPI {
		if err := s.loadAccess(ctx, clusterSource{r.node.client}, r.node.config.REST); err != nil {
			return nil, c, "CreateContainerConfigError", err.Error()
		}
	}
	c, err := r.program.command(r.node, s)
	if err != nil {
		return nil, c, "CreateContainerConfigError", err.Error()
	}
	for _, i := range r.pod.Spec.InitContainers {
		s.differ("init container %s: not run", i.Name)
	}
	for _, other := range r.pod.Spec.Containers[1:] {
		s.differ("container %s: not run", other.Name)
	}
	if s.container.LivenessProbe != nil || s.container.StartupProbe != nil {
		s.differ("probes: readiness alone")
	}
	return s, c, "", ""
}

// start starts the process, with a log file of its own as a container has.
func (r *podRun) start(s *sandbox, c command, restarts int32) (*proc.Process, error) {
	log := filepath.Join(r.node.logDir(r.pod.Namespace, r.pod.Name, s.container.Name), itoa(restarts)+".log")
	process, err := proc.Start(proc.Spec{
		Name: r.pod.Namespace + "/" + r.pod.Name,
		Path: r.node.config.Programs[r.program.name],
		Args: c.args, Env: s.environ(), Dir: s.root(), Log: log,
	})
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.view.process, r.view.restarts, r.view.log = process, restarts, log
	r.view.differences, r.view.waiting = s.differences, ""
	return process, nil
}

// finish tells the API server that nothing of the pod is left, so that it may forget it.
func (r *podRun) finish(ctx context.Context) {
	for {
		err := r.node.confirmGone(ctx, r.pod)
		if err == nil || ctx.Err() != nil {
			return
		}
		r.node.logf("pod %s/%s: %v", r.pod.Namespace, r.pod.Name, err)
		if !sleep(ctx, retryPause) {
			return
		}
	}
}

func (r *podRun) setUp() {
	r.mu.Lock()
	r.view.up, r.view.everUp, r.view.waiting = true, true, ""
	r.mu.Unlock()
	r.node.processesChanged()
}

func (r *podRun) setDown(why string) {
	r.mu.Lock()
	r.view.up, r.view.waiting = false, why
	r.mu.Unlock()
	r.node.processesChanged()
}

// setWaiting notes why the container does not run, and tells whether that is news.
func (r *podRun) setWaiting(reason, message string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	text := reason + ": " + message
	if r.view.waiting == text {
		return false
	}
	r.view.waiting = text
	return true
}

func (r *podRun) setTold(ready bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.view.told = ready
}

// look copies what others may know.
func (r *podRun) look() view {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.view
}

// ending tells whether the pod's deletion has begun.
func (r *podRun) ending() bool { return r.alive.Err() != nil }
