package node

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// publishTries and publishPause bound how long a status write is repeated while the API
// server does not answer.
const (
	publishTries = 20
	publishPause = 500 * time.Millisecond
)

// report is a moment that the cluster is to learn at a time.
type report struct {
	due time.Time
	moment
}

// reports is a pod's queue of what the cluster has yet to learn, in the order in which it
// happened. A kubelet tells late too: that lag is what it stands for.
type reports struct {
	queue chan report
	last  time.Time
}

// tell queues m, to be written after lag and after all that was told before.
func (r *podRun) tell(m moment, lag time.Duration) {
	due := r.node.now().Add(lag)
	if due.Before(r.reports.last) {
		due = r.reports.last
	}
	r.reports.last = due
	select {
	case r.reports.queue <- report{due: due, moment: m}:
	case <-r.alive.Done():
	}
}

// publish writes the reports when they are due, until the pod has ended.
func (r *podRun) publish(ctx context.Context) {
	for {
		select {
		case next := <-r.reports.queue:
			if !sleep(ctx, next.due.Sub(r.node.now())) {
				return
			}
			if err := r.writeStatus(ctx, next.moment); err != nil && ctx.Err() == nil {
				r.node.logf("pod %s/%s: %v", r.pod.Namespace, r.pod.Name, err)
			}
		case <-ctx.Done():
			return
		}
	}
}

func (r *podRun) writeStatus(ctx context.Context, m moment) error {
	now := r.node.now()
	status := statusOf(r.pod, podIP(r.address), r.node.controlPlane(), r.seen, m, r.published, now)
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"uid": r.pod.UID},
		"status":   status,
	})
	if err != nil {
		return fmt.Errorf("write status: %w", err)
	}
	for try := 1; ; try++ {
		_, err = r.node.client.CoreV1().Pods(r.pod.Namespace).Patch(ctx, r.pod.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status")
		if err == nil {
			r.published = status.Conditions
			r.setTold(m.ready)
			return nil
		}
		// Gone, or another pod of that name: the status has nobody to go to.
		hopeless := apierrors.IsNotFound(err) || apierrors.IsConflict(err) || apierrors.IsInvalid(err)
		if hopeless || try == publishTries || !sleep(ctx, publishPause) {
			return fmt.Errorf("write status: %w", err)
		}
	}
}

// sleep waits, and tells whether it did so to the end.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// notRun marks a pod that stays Pending because the testbed has no program for it.
func (n *Node) notRun(ctx context.Context, pod *corev1.Pod) error {
	image := "without a container"
	if len(pod.Spec.Containers) > 0 {
		image = "image " + pod.Spec.Containers[0].Image
	}
	message := image + " is not run in the testbed"
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Message == message {
			return nil
		}
	}
	patch, err := json.Marshal(map[string]any{"status": corev1.PodStatus{
		Phase: corev1.PodPending,
		Conditions: []corev1.PodCondition{{
			Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: "NotRunInTestbed", Message: message,
			LastTransitionTime: metav1.Time{Time: n.now()},
		}},
	}})
	if err != nil {
		return err
	}
	_, err = n.client.CoreV1().Pods(pod.Namespace).Patch(ctx, pod.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status")
	return err
}
