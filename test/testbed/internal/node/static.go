package node

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// staticPod is a part of the control plane that others run. It has a mirror pod in the
// cluster, as a static pod of a kubeadm cluster has.
type staticPod struct {
	name      types.NamespacedName
	container string
	logFile   string
	startedAt time.Time
	pid       int
}

// AddStatic shows a program of the control plane as a pod of kube-system, NAME-NODE, with
// the time of its start; kubectl logs reads its log file. If somebody deletes the pod, it
// comes back, as a mirror pod does.
func (n *Node) AddStatic(name, container, logFile string, startedAt time.Time, pid int) {
	static := &staticPod{
		name:      types.NamespacedName{Namespace: metav1.NamespaceSystem, Name: name + "-" + Name},
		container: container, logFile: logFile, startedAt: startedAt, pid: pid,
	}
	n.mu.Lock()
	n.statics[static.name] = static
	n.mu.Unlock()
	n.inBackground(func(ctx context.Context) error { return n.keepMirror(ctx, static) })
}

// keepMirror writes the mirror pod, again if that fails, until ctx ends.
func (n *Node) keepMirror(ctx context.Context, s *staticPod) error {
	for {
		err := n.mirror(ctx, s)
		if err == nil || !sleep(ctx, retryPause) {
			return err
		}
	}
}

// mirror writes the pod of a static program.
func (n *Node) mirror(ctx context.Context, s *staticPod) error {
	pods := n.client.CoreV1().Pods(s.name.Namespace)
	pod, err := pods.Create(ctx, &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: s.name.Namespace, Name: s.name.Name,
			Labels: map[string]string{AddedLabel: "true", "component": s.container, "tier": "control-plane"},
			Annotations: map[string]string{
				corev1.MirrorPodAnnotationKey: digest(s.name.String()),
				"kubernetes.io/config.source": "file",
			},
		},
		Spec: corev1.PodSpec{
			NodeName: Name, HostNetwork: true,
			Tolerations: []corev1.Toleration{{Operator: corev1.TolerationOpExists}},
			Containers:  []corev1.Container{{Name: s.container, Image: "testbed/" + s.container}},
		},
	}, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		pod, err = pods.Get(ctx, s.name.Name, metav1.GetOptions{})
	}
	if err != nil {
		return fmt.Errorf("write mirror pod %s: %w", s.name, err)
	}
	pod.Status = statusOf(pod, n.controlPlane(), n.controlPlane(), s.startedAt, moment{startedAt: s.startedAt, ready: true}, nil, s.startedAt)
	if _, err := pods.UpdateStatus(ctx, pod, metav1.UpdateOptions{}); err != nil {
		return fmt.Errorf("write status of mirror pod %s: %w", s.name, err)
	}
	return nil
}
