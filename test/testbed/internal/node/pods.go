package node

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
)

// podChanged is told of each pod that came or changed.
func (n *Node) podChanged(pod *corev1.Pod) {
	if pod.Spec.NodeName != "" && pod.Spec.NodeName != Name {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	run := n.runs[pod.UID]
	deleted := pod.DeletionTimestamp != nil
	switch {
	case run != nil && deleted:
		run.beginEnd(gracePeriod(pod))
	case run != nil, pod.Status.Phase == corev1.PodSucceeded, pod.Status.Phase == corev1.PodFailed:
	case deleted:
		n.inBackground(func(ctx context.Context) error { return n.confirmGone(ctx, pod) })
	case pod.Annotations[corev1.MirrorPodAnnotationKey] != "":
		// It runs already: AddStatic made the pod for it.
	default:
		n.admit(pod)
	}
}

// admit takes a new pod in. n.mu is held.
func (n *Node) admit(pod *corev1.Pod) {
	p := programOf(pod)
	if p == nil || n.config.Programs[p.name] == "" {
		n.inBackground(func(ctx context.Context) error { return n.notRun(ctx, pod) })
		return
	}
	name := types.NamespacedName{Namespace: pod.Namespace, Name: pod.Name}
	before := n.byName[name]
	run := n.newRun(n.ctx, pod.DeepCopy(), p)
	n.runs[pod.UID], n.byName[name] = run, run
	n.running.Go(func() {
		if before != nil { // of the same name, and so of the same folder
			<-before.ended
		}
		run.run(n.ctx)
		n.forget(run)
	})
}

// forget drops a pod that has ended.
func (n *Node) forget(run *podRun) {
	name := types.NamespacedName{Namespace: run.pod.Namespace, Name: run.pod.Name}
	n.mu.Lock()
	delete(n.runs, run.pod.UID)
	if n.byName[name] == run {
		delete(n.byName, name)
	}
	n.mu.Unlock()
	n.processesChanged()
}

// podGone is told when a pod's object is no more: by our own word, or by force.
func (n *Node) podGone(object any) {
	if last, ok := object.(cache.DeletedFinalStateUnknown); ok {
		object = last.Obj
	}
	pod, ok := object.(*corev1.Pod)
	if !ok {
		return
	}
	n.mu.Lock()
	run := n.runs[pod.UID]
	static := n.statics[types.NamespacedName{Namespace: pod.Namespace, Name: pod.Name}]
	n.mu.Unlock()
	if run != nil {
		run.beginEnd(0)
	}
	if static != nil {
		n.inBackground(func(ctx context.Context) error { return n.keepMirror(ctx, static) })
	}
}

// confirmGone deletes a pod's object for good, as a kubelet does when no container is left.
func (n *Node) confirmGone(ctx context.Context, pod *corev1.Pod) error {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	err := n.client.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, metav1.DeleteOptions{
		GracePeriodSeconds: new(int64(0)),
		Preconditions:      &metav1.Preconditions{UID: &pod.UID},
	})
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil
	}
	return err
}

// inBackground does a small job for an event, which must not wait.
func (n *Node) inBackground(job func(context.Context) error) {
	n.running.Go(func() {
		ctx, cancel := context.WithTimeout(n.ctx, callLimit)
		defer cancel()
		if err := job(ctx); err != nil && n.ctx.Err() == nil && !apierrors.IsNotFound(err) {
			n.logf("node: %v", err)
		}
	})
}

// gracePeriod is how long a pod under deletion may take.
func gracePeriod(pod *corev1.Pod) time.Duration {
	if s := pod.DeletionGracePeriodSeconds; s != nil {
		return time.Duration(*s) * time.Second
	}
	return corev1.DefaultTerminationGracePeriodSeconds * time.Second
}
