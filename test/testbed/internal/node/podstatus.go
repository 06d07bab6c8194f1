package node

import (
	"crypto/sha256"
	"encoding/hex"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// moment is what there is to tell about a pod's container at one time.
type moment struct {
	waiting, message string    // why it does not run yet; both "" if it runs
	startedAt        time.Time // of the process that runs
	ready            bool
	restarts         int32
	lastExit         *corev1.ContainerStateTerminated
}

// crashLoop is the reason of a container that waits to be started again.
const crashLoop = "CrashLoopBackOff"

// statusOf is the pod status that a kubelet would write at that moment. The conditions of
// before keep their time of transition unless they changed.
func statusOf(pod *corev1.Pod, ip, hostIP string, podStarted time.Time, m moment, before []corev1.PodCondition, now time.Time) corev1.PodStatus {
	running := m.waiting == ""
	status := corev1.PodStatus{
		Phase:     corev1.PodPending,
		HostIP:    hostIP,
		HostIPs:   []corev1.HostIP{{IP: hostIP}},
		PodIP:     ip,
		PodIPs:    []corev1.PodIP{{IP: ip}},
		StartTime: &metav1.Time{Time: podStarted},
	}
	// A pod that ran once stays Running while its container is started again.
	started := running || m.lastExit != nil
	if started {
		status.Phase = corev1.PodRunning
	}
	first := pod.Spec.Containers[0]
	for _, c := range pod.Spec.Containers {
		if c.Name == first.Name {
			status.ContainerStatuses = append(status.ContainerStatuses, containerStatus(pod, c, m))
			continue
		}
		status.ContainerStatuses = append(status.ContainerStatuses, containerStatus(pod, c, moment{
			waiting: "NotRunInTestbed", message: "the testbed runs only the first container of a pod",
		}))
	}
	status.Conditions = conditions(m.ready, started, before, now)
	return status
}

func containerStatus(pod *corev1.Pod, c corev1.Container, m moment) corev1.ContainerStatus {
	status := corev1.ContainerStatus{
		Name:         c.Name,
		Image:        c.Image,
		ImageID:      imageName(c.Image) + "@" + "sha256:" + digest(c.Image),
		Ready:        m.ready,
		RestartCount: m.restarts,
		Started:      new(m.waiting == ""),
	}
	status.LastTerminationState.Terminated = m.lastExit
	if m.waiting == crashLoop && m.restarts == 0 { // the first crash has no back-off yet
		status.State.Terminated, status.LastTerminationState.Terminated = m.lastExit, nil
		return status
	}
	if m.waiting != "" {
		status.State.Waiting = &corev1.ContainerStateWaiting{Reason: m.waiting, Message: m.message}
		return status
	}
	status.ContainerID = containerID(pod, c.Name, m.restarts)
	status.State.Running = &corev1.ContainerStateRunning{StartedAt: metav1.Time{Time: m.startedAt}}
	return status
}

// conditions are the pod's conditions in a kubelet's order.
func conditions(ready, started bool, before []corev1.PodCondition, now time.Time) []corev1.PodCondition {
	values := []struct {
		kind  corev1.PodConditionType
		holds bool
	}{
		{corev1.PodReadyToStartContainers, started},
		{corev1.PodInitialized, true},
		{corev1.PodReady, ready},
		{corev1.ContainersReady, ready},
		{corev1.PodScheduled, true},
	}
	var out []corev1.PodCondition
	for _, v := range values {
		c := corev1.PodCondition{Type: v.kind, Status: corev1.ConditionTrue, LastTransitionTime: metav1.Time{Time: now}}
		if !v.holds {
			c.Status = corev1.ConditionFalse
		}
		if !v.holds && (v.kind == corev1.PodReady || v.kind == corev1.ContainersReady) {
			c.Reason, c.Message = "ContainersNotReady", "containers with unready status"
		}
		for _, b := range before {
			if b.Type == c.Type && b.Status == c.Status {
				c.LastTransitionTime = b.LastTransitionTime
			}
		}
		out = append(out, c)
	}
	return out
}

// sandboxID is the id that containerd would give to the pod's sandbox: 64 hex digits.
func sandboxID(pod *corev1.Pod) string { return digest("sandbox/" + string(pod.UID)) }

func containerID(pod *corev1.Pod, container string, restart int32) string {
	return "containerd://" + digest(string(pod.UID)+"/"+container+"/"+itoa(restart))
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// isReady tells whether the cluster takes a pod for ready.
func isReady(pod *corev1.Pod) bool {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}
