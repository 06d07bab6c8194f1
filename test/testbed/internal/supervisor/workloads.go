//go:build linux

package supervisor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kftls/kubectl-kftls/test/testbed/internal/node"
)

// pollPeriod is how often the supervisor looks whether something is so far.
const pollPeriod = 50 * time.Millisecond

// poll looks until a condition holds; on the end of ctx it returns what the
// condition lacked last.
func poll(ctx context.Context, condition func(context.Context) (lacks string, err error)) error {
	for {
		lacks, err := condition(ctx)
		if err != nil && ctx.Err() == nil {
			return err
		}
		if err == nil && lacks == "" {
			return nil
		}
		select {
		case <-ctx.Done():
			return &lateError{lacks: lacks, err: errors.Join(ctx.Err(), err)}
		case <-time.After(pollPeriod):
		}
	}
}

// lateError says what was not so when time was up.
type lateError struct {
	lacks string
	err   error
}

func (e *lateError) Error() string {
	if errors.Is(e.err, context.DeadlineExceeded) {
		return "time is up: " + e.lacks
	}
	return fmt.Sprintf("%v: %s", e.err, e.lacks)
}

func (e *lateError) Unwrap() error { return e.err }

// waitWorkloads waits until every Deployment is rolled out, as `kubectl rollout
// status` understands it. The error carries the last lines of what is not.
func (s *Supervisor) waitWorkloads(ctx context.Context) error {
	err := poll(ctx, func(ctx context.Context) (string, error) {
		list, err := s.client.AppsV1().Deployments(metav1.NamespaceAll).List(ctx, metav1.ListOptions{})
		if err != nil {
			return "", fmt.Errorf("list the Deployments: %w", err)
		}
		for i := range list.Items {
			if lacks := lacksRollout(&list.Items[i]); lacks != "" {
				return lacks, nil
			}
		}
		return "", nil
	})
	return s.explain(err)
}

// waitRollout waits for one Deployment.
func (s *Supervisor) waitRollout(ctx context.Context, namespace, name string) error {
	err := poll(ctx, func(ctx context.Context) (string, error) {
		d, err := s.client.AppsV1().Deployments(namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return "", fmt.Errorf("read Deployment %s/%s: %w", namespace, name, err)
		}
		return lacksRollout(d), nil
	})
	return s.explain(err)
}

// lacksRollout tells what a Deployment lacks to be rolled out; "" for nothing.
// It asks as kubectl does (k8s.io/kubectl/pkg/polymorphichelpers).
func lacksRollout(d *appsv1.Deployment) string {
	wanted := int32(1)
	if d.Spec.Replicas != nil {
		wanted = *d.Spec.Replicas
	}
	name := "Deployment " + d.Namespace + "/" + d.Name
	switch {
	case d.Generation > d.Status.ObservedGeneration:
		return name + " is not looked at yet"
	case d.Status.UpdatedReplicas < wanted:
		return fmt.Sprintf("%s has %d of %d new pods", name, d.Status.UpdatedReplicas, wanted)
	case d.Status.Replicas > d.Status.UpdatedReplicas:
		return fmt.Sprintf("%s still has %d old pods", name, d.Status.Replicas-d.Status.UpdatedReplicas)
	case d.Status.AvailableReplicas < d.Status.UpdatedReplicas:
		return fmt.Sprintf("%s has %d of %d pods ready", name, d.Status.AvailableReplicas, d.Status.UpdatedReplicas)
	}
	return ""
}

// explain adds to an error the last lines of every pod that is not ready.
func (s *Supervisor) explain(err error) error {
	if err == nil {
		return nil
	}
	var text strings.Builder
	for _, p := range s.pods() {
		if !p.Ready {
			fmt.Fprintf(&text, "\n  pod %s/%s is not ready: %s%s", p.Namespace, p.Name, p.Waiting, tail(p.Log))
		}
	}
	return fmt.Errorf("%w%s", err, text.String())
}

// pods is what the node tells; nothing before it runs.
func (s *Supervisor) pods() []node.PodStatus {
	s.mu.Lock()
	n := s.node
	s.mu.Unlock()
	if n == nil {
		return nil
	}
	return n.Status()
}
