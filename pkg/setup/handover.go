package setup

import (
	"context"

	"github.com/kftls/kubectl-kftls/pkg/gateway"
)

// handOver leaves the Gateway's change to the program that keeps it, and tells
// whether our server is there, so that it can be verified. From now on the
// server may come at any time: the mark lets the first run that sees it prove
// that the login guards it, or take it out. Secret and ConfigMap stay
// whatever happens, since the source will name them.
func (s *Setup) handOver(ctx context.Context, result *Result) (arrived bool, err error) {
	handed := result.Proposal.Plan.Handed
	if len(handed) == 0 {
		return true, nil
	}
	found := result.Proposal.Finding
	if err := s.Home.MarkUnproven(s.origin(found.Door)); err != nil {
		return false, err
	}
	if !s.Options.Wait {
		return false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.Options.Timeout)
	defer cancel()
	end := s.Progress("Wait for " + handed[0].Manager + " to sync the Gateway")
	for _, change := range handed {
		if err = gateway.AwaitSync(ctx, s.Cluster, found.Door, change, found.Spec); err != nil {
			break
		}
	}
	end("", err)
	return err == nil, err
}
