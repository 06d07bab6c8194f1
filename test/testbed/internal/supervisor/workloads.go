//go:build linux

package supervisor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

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

// waitWorkloads waits until every Deployment and StatefulSet is rolled out, as
// `kubectl rollout status` understands it. The error carries the last lines of
// what is not.
func (s *Supervisor) waitWorkloads(ctx context.Context) error {
	return s.waitRollout(ctx, func(workload) bool { return true })
}

// waitRollout waits for some Deployments and StatefulSets.
func (s *Supervisor) waitRollout(ctx context.Context, some func(workload) bool) error {
	err := poll(ctx, func(ctx context.Context) (string, error) {
		all, err := s.workloads(ctx)
		if err != nil {
			return "", err
		}
		for _, w := range all {
			if some(w) && w.lacks != "" {
				return w.String() + " " + w.lacks, nil
			}
		}
		return "", nil
	})
	return s.explain(err)
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
