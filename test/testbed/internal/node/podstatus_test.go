package node

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestStatusOf(t *testing.T) {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{UID: "u"},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "a/b:1"}}},
	}
	started, now := time.Unix(100, 0), time.Unix(200, 0)
	exit := &corev1.ContainerStateTerminated{ExitCode: 137, Reason: "Error"}
	for _, test := range []struct {
		name         string
		moment       moment
		phase        corev1.PodPhase
		state, last  string
		ready        bool
		restarts     int32
		wantsStarted bool
	}{
		{"creating", moment{waiting: "ContainerCreating"}, corev1.PodPending, "waiting ContainerCreating", "", false, 0, false},
		{"runs", moment{startedAt: started}, corev1.PodRunning, "running", "", false, 0, true},
		{"ready", moment{startedAt: started, ready: true}, corev1.PodRunning, "running", "", true, 0, true},
		{"first crash", moment{waiting: crashLoop, lastExit: exit}, corev1.PodRunning, "terminated", "", false, 0, false},
		{"runs again", moment{startedAt: started, restarts: 1, lastExit: exit}, corev1.PodRunning, "running", "terminated", false, 1, true},
		{"later crash", moment{waiting: crashLoop, restarts: 1, lastExit: exit}, corev1.PodRunning, "waiting CrashLoopBackOff", "terminated", false, 1, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := statusOf(pod, "10.244.0.21", "127.0.71.1", started, test.moment, nil, now)
			c := s.ContainerStatuses[0]
			if s.Phase != test.phase || stateText(c.State) != test.state || stateText(c.LastTerminationState) != test.last {
				t.Errorf("phase %s, state %q after %q; want %s, %q after %q",
					s.Phase, stateText(c.State), stateText(c.LastTerminationState), test.phase, test.state, test.last)
			}
			if c.Ready != test.ready || c.RestartCount != test.restarts || *c.Started != test.wantsStarted {
				t.Errorf("ready %v, restarts %d, started %v", c.Ready, c.RestartCount, *c.Started)
			}
			if got := isReady(&corev1.Pod{Status: s}); got != test.ready {
				t.Errorf("condition Ready is %v, want %v", got, test.ready)
			}
			if s.PodIP != "10.244.0.21" || s.HostIP != "127.0.71.1" || !s.StartTime.Equal(&metav1.Time{Time: started}) {
				t.Errorf("podIP %s, hostIP %s, startTime %v", s.PodIP, s.HostIP, s.StartTime)
			}
		})
	}
}

func stateText(s corev1.ContainerState) string {
	switch {
	case s.Waiting != nil:
		return "waiting " + s.Waiting.Reason
	case s.Running != nil:
		return "running"
	case s.Terminated != nil:
		return "terminated"
	}
	return ""
}

func TestConditionsKeepTheirTransition(t *testing.T) {
	first, later := time.Unix(100, 0), time.Unix(200, 0)
	before := conditions(false, true, nil, first)
	after := conditions(true, true, before, later)
	for _, c := range after {
		want := first
		if c.Type == corev1.PodReady || c.Type == corev1.ContainersReady {
			want = later
		}
		if !c.LastTransitionTime.Time.Equal(want) {
			t.Errorf("%s changed at %v, want %v", c.Type, c.LastTransitionTime, want)
		}
	}
}
