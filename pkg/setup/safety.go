package setup

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/gateway"
)

// safetyTimeout bounds what is done after an interruption to make the front
// door safe again.
const safetyTimeout = 20 * time.Second

// afterFailure makes the front door safe: all that this run wrote is taken
// back where that was asked for, and our server where the guard is unproven.
func (s *Setup) afterFailure(ctx context.Context, result *Result, cause error) error {
	guarded := result.Verdict != nil && result.Verdict.Guarded
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), safetyTimeout)
	defer cancel()
	switch {
	case s.Options.RollbackOnFailure && len(result.Done) > 0:
		end := s.Progress("Take back what was written")
		err := s.rollBack(ctx, result)
		end("", err)
		if err == nil {
			result.Undone = true
			isUnguarded := fault.ReasonOf(cause) == fault.Unguarded || result.hadUnproven && !guarded
			if result.hadServer && isUnguarded {
				return s.takeOut(ctx, result, cause) // what was put back is no better
			}
			return errors.Join(cause, s.Home.MarkProven(s.origin(result.Proposal.Finding.Door)))
		}
		cause = errors.Join(cause, fmt.Errorf("take back what was written: %w", err))
		if !guarded || s.mustTakeOut(result, cause) {
			cause = s.takeOut(ctx, result, cause)
		}
	case s.mustTakeOut(result, cause):
		cause = s.takeOut(ctx, result, cause)
	}
	return cause
}

// mustTakeOut tells that our server may not stay: the login was seen not to
// guard it, or was never seen to guard it since it was written. A server that
// an earlier run has proven is not taken away because this one was cut short.
func (s *Setup) mustTakeOut(result *Result, cause error) bool {
	return fault.ReasonOf(cause) == fault.Unguarded || s.Home.IsUnproven(s.origin(result.Proposal.Finding.Door))
}

func (s *Setup) takeOut(ctx context.Context, result *Result, cause error) error {
	end := s.Progress("Take our server off the Gateway: it is not proven that the login guards it")
	err := insist(ctx, func() error {
		return gateway.TakeOut(ctx, s.writer(result.Proposal), result.Proposal.Finding.Door, result.Proposal.Finding.Spec.SecretName)
	})
	end("", err)
	if err != nil {
		return errors.Join(fault.New(fault.Unguarded, "kubectl kftls teardown",
			"our server is still on the Gateway, and whether the login guards it is not proven: %w", err), cause)
	}
	result.Removed = true
	return errors.Join(cause, s.Home.MarkProven(s.origin(result.Proposal.Finding.Door)))
}

// insistPause is how soon an API server that does not answer is asked again.
const insistPause = 250 * time.Millisecond

// insist does something again and again while the API server does not answer: one
// that restarts is back within seconds, and nobody may find an unproven server
// on the Gateway meanwhile. It ends with ctx.
func insist(ctx context.Context, do func() error) error {
	for {
		err := do()
		if fault.ReasonOf(err) != fault.Unreachable {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(insistPause):
		}
	}
}

// rollBack undoes the writes of this run, the last one first.
func (s *Setup) rollBack(ctx context.Context, result *Result) error {
	writer := s.writer(result.Proposal)
	for i := len(result.Done) - 1; i >= 0; i-- {
		if _, err := writer.Apply(ctx, result.Done[i].undo); err != nil {
			return err
		}
	}
	return nil
}
