package setup

import (
	"context"
	"slices"

	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/gateway"
)

// settle looks once more when all is written, and writes again what a teardown
// has deleted meanwhile: its plan may be older than our server. A teardown looks
// once more as well, after its last deletion. So of two at the same time one at
// least sees what the other has done, and no server is left without the Secret
// and the CA that belong to it.
func (s *Setup) settle(ctx context.Context, result *Result) error {
	p := result.Proposal
	if len(result.Done) == 0 {
		return nil
	}
	for range writeAttempts {
		installed, err := gateway.ReadInstalled(ctx, s.Cluster, p.Finding.Door, p.Finding.Spec.SecretName)
		if err != nil {
			return err
		}
		missing, err := s.planMissing(p, installed)
		if err != nil || len(missing) == 0 {
			return err
		}
		for _, change := range missing {
			if err := s.writeOne(ctx, result, change); err != nil {
				return err
			}
		}
	}
	return takenBack()
}

// planMissing plans what is not there any more of ConfigMap and Secret.
func (s *Setup) planMissing(p *Proposal, installed *gateway.Installed) ([]gateway.Change, error) {
	isThere := installed.ConfigMap != nil && (installed.Secret != nil || installed.SecretUnknown != nil)
	if isThere || installed.Secret != nil && installed.Secret.Annotations[gateway.AnnotationLeaf] != p.Leaf {
		return nil, nil // another one's Secret is served, as the verification will see
	}
	if p.Authority.Key == nil || p.Pair == nil || p.Pair.Key == nil {
		return nil, takenBack() // somebody else's CA: only they can say that it is in force
	}
	certificates := p.certificates
	certificates.Leaf = p.Pair
	plan, err := gateway.PlanSetup(p.Finding.Door, installed, p.Finding.Spec, certificates)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(plan.Changes, func(change gateway.Change) bool { return change.Action != gateway.Create }), nil
}

func takenBack() error {
	return fault.New(fault.Conflict, "see what is there: kubectl kftls status; then run the command again",
		"somebody took the set-up back at the same time")
}
