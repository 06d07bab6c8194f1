package setup

import (
	"github.com/kftls/kubectl-kftls/pkg/ca"
	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/gateway"
)

// believe refuses a CA of the ConfigMap that this computer does not know,
// unless what the gateway serves ends in it, and its name constraints keep it
// small, the system trusts it already, or the user has named it: whoever may write
// a ConfigMap could plant a CA. While nothing is served, the certificate in the
// Secret counts, which the verification then wants to see served.
func (s *Setup) believe(found *Finding, published *ca.Authority) error {
	switch s.Options.AcceptCA {
	case "":
		if err := found.Installed.RequireSmall(published); err != nil {
			return err
		}
	case published.Fingerprint():
	default:
		return fault.New(fault.Certificate, "ask who made it",
			"the CA of the ConfigMap is %s, and not the one that was to be accepted", published.Fingerprint())
	}
	if s.vouches(found, published) {
		return nil
	}
	return fault.New(fault.Verification, "ask who made it, and compare: kubectl kftls ca -o fingerprint; or replace it: kubectl kftls setup --new-ca",
		"the CA of the ConfigMap (SHA-256 %s) is not known to this computer and does not vouch for what the gateway serves: it is not to be trusted",
		published.Fingerprint())
}

// vouches tells whether a CA signed what is served, or, where nothing is, what
// would be.
func (s *Setup) vouches(found *Finding, authority *ca.Authority) bool {
	if chain := found.servedChain(); chain != nil {
		return gateway.Accepts(chain, authority.Pool(), "", s.Now()) == nil
	}
	leaf, err := found.Installed.Leaf()
	return err == nil && leaf != nil && leaf.IsBelow(authority)
}

// keepForeign keeps the certificate of somebody else's CA on this computer, once
// it was verified, so that clients here have a file to name.
func (s *Setup) keepForeign(result *Result) error {
	p := result.Proposal
	if p.Authority.Key != nil {
		return nil
	}
	if _, err := s.Home.SaveAuthority(p.Authority, s.origin(p.Finding.Door)); err != nil {
		return err
	}
	result.CertificatePath = s.Home.CertificatePath(p.Authority.Fingerprint())
	return nil
}
