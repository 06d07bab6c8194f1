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
	if s.Options.Renew || p.Authority.Key == nil || p.Pair == nil || p.Pair.Key == nil {
		return nil, takenBack() // a renewal sets nothing up, and nobody does so for somebody else
	}
	changes, err := p.planCertificates(installed)
	return slices.DeleteFunc(changes, func(change gateway.Change) bool { return change.Action != gateway.Create }), err
}

// planCertificates plans ConfigMap and Secret afresh, for what is there now.
func (p *Proposal) planCertificates(installed *gateway.Installed) ([]gateway.Change, error) {
	certificates := p.certificates
	certificates.Leaf = p.Pair
	plan, err := gateway.PlanSetup(p.Finding.Door, installed, p.Finding.Spec, certificates)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(plan.Changes, isOfGateway), nil
}

// claimSecret plans the Secret afresh where somebody has written one that the CA
// in force did not sign: who has put that CA into the ConfigMap has won, and a
// renewal with the one of before has not. Where it did, another run of the same
// CA was quicker.
func (s *Setup) claimSecret(ctx context.Context, p *Proposal, index int, conflict error) error {
	installed, err := gateway.ReadInstalled(ctx, s.Cluster, p.Finding.Door, p.Finding.Spec.SecretName)
	if err != nil {
		return err
	}
	if installed.CAFingerprint() != p.Authority.Fingerprint() || installed.SecretUnknown != nil || installed.Secret == nil && s.Options.Renew {
		return conflict
	}
	if leaf, err := installed.Leaf(); err == nil && leaf != nil && leaf.IsBelow(p.Authority) {
		return conflict
	}
	changes, err := p.planCertificates(installed)
	if err != nil {
		return err
	}
	secret := slices.IndexFunc(changes, func(change gateway.Change) bool { return change.Kind == "Secret" })
	if secret < 0 {
		return conflict
	}
	p.Plan.Changes[index] = changes[secret]
	return nil
}

// requireInForce wants the CA that was verified to be in force still: somebody
// may have put another one into the ConfigMap, whose certificate comes next.
func (s *Setup) requireInForce(ctx context.Context, result *Result) error {
	p := result.Proposal
	if len(result.Done) == 0 {
		return nil
	}
	installed, err := gateway.ReadAuthority(ctx, s.Cluster, p.Finding.Door)
	if err != nil {
		return err
	}
	switch present := installed.CAFingerprint(); present {
	case p.Authority.Fingerprint():
		return nil
	case "":
		return takenBack()
	default:
		return fault.New(fault.Conflict, "see whose it is: kubectl kftls status; then run the command again",
			"somebody put another CA in force at the same time (SHA-256 %.12s…)", present)
	}
}

func takenBack() error {
	return fault.New(fault.Conflict, "see what is there: kubectl kftls status; then run the command again",
		"somebody took the set-up back at the same time")
}
