package portforward

import (
	"context"
	"errors"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/kftls/kubectl-kftls/pkg/cluster"
	"github.com/kftls/kubectl-kftls/pkg/fault"
)

// RemoteError is what the node said when it could not connect to the pod, or
// when the connection inside the pod broke. The texts come from the container
// runtime and change with it, so an unknown one concerns its own connection
// only.
type RemoteError struct {
	Target Target
	// Text is the node's text, unchanged.
	Text string
}

// Error says what is known of the cause, and repeats the text where it is not.
func (e *RemoteError) Error() string {
	pod := podName{e.Target.Namespace, e.Target.Pod}
	switch {
	case e.Refused():
		return fmt.Sprintf("pod %s refuses connections on port %d", pod, e.Target.Port)
	case e.Gone():
		return fmt.Sprintf("pod %s is gone", pod)
	}
	return fmt.Sprintf("forward to port %d of pod %s: %s", e.Target.Port, pod, strings.TrimSpace(e.Text))
}

// Refused says that nothing listens on the port inside the pod.
func (e *RemoteError) Refused() bool {
	return strings.Contains(e.Text, "connection refused")
}

// Gone says that the pod has no network any more: it was deleted, or its
// sandbox was replaced. The words are containerd's (`network namespace for
// sandbox "…" is closed`, `failed to find sandbox "…" in store: not found`) and
// CRI-O's (`sandbox … is not running`).
func (e *RemoteError) Gone() bool {
	return strings.Contains(e.Text, "sandbox") && containsAny(e.Text, "is not running", "not found", "is closed")
}

func containsAny(text string, parts ...string) bool {
	for _, part := range parts {
		if strings.Contains(text, part) {
			return true
		}
	}
	return false
}

// ErrLost is the Read error of connections whose road to the pod broke: the
// API server, a proxy or the node closed it. errors.Is recognises it.
var ErrLost = errors.New("lost the connection to the pod's node")

// errSlow is an upstream that does not answer in time, though it is not closed.
var errSlow = errors.New("the connection to the pod's node does not answer")

// explainDial gives a failed dial its reason and the command that helps.
func explainDial(err error, t Target) error {
	doing := fmt.Errorf("open a port-forward to pod %s/%s: %w", t.Namespace, t.Pod, err)
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, errSlow):
		return fault.Wrap(fault.Timeout, "check the pod's node: kubectl get pod "+t.Pod+" -n "+t.Namespace+" -o wide", doing)
	case apierrors.IsForbidden(err):
		return fault.Wrap(fault.Forbidden, "kubectl auth can-i create pods/portforward -n "+t.Namespace, doing)
	case apierrors.IsNotFound(err):
		return fault.Wrap(fault.NotFound, "kubectl get pods -n "+t.Namespace, doing)
	case errors.Is(err, ErrLost):
		return fault.Wrap(fault.Unreachable, "kubectl get --raw /readyz", doing)
	case strings.Contains(err.Error(), "error dialing backend"):
		// The API server's words for a node that it cannot reach
		// (k8s.io/apimachinery/pkg/util/proxy/upgradeaware.go).
		return fault.Wrap(fault.Unreachable, "check the pod's node: kubectl get nodes", doing)
	}
	return cluster.Explain(err, "open a port-forward to pod %s/%s", t.Namespace, t.Pod)
}
