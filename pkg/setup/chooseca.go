package setup

import (
	"errors"
	"io/fs"

	"github.com/kftls/kubectl-kftls/pkg/ca"
	"github.com/kftls/kubectl-kftls/pkg/fault"
)

// chooseAuthority takes the CA that the cluster has in force, else the one that
// was given, else one that this computer made for this front door before, else a
// new one.
func (s *Setup) chooseAuthority(p *Proposal) error {
	found := p.Finding
	switch {
	case s.changesAuthority(found):
		return s.changeAuthority(p)
	case found.Installed.ConfigMap != nil && !found.isStillborn():
		return s.authorityInForce(p)
	case s.Options.Given != nil:
		return s.useGiven(p)
	}
	kept, err := s.Home.AuthoritiesFor(s.origin(found.Door))
	if err != nil {
		return err
	}
	for _, authority := range kept {
		if s.canSign(authority, found) && !s.Options.Authority.Exceeded(authority) {
			p.Authority = authority
			return nil
		}
	}
	return s.makeAuthority(p)
}

// canSign tells whether a CA can sign what is wanted now, and is as asked for.
func (s *Setup) canSign(authority *ca.Authority, found *Finding) bool {
	return authority.Key != nil && !authority.NearEnd(s.now()) &&
		authority.Permits(found.Names) == nil && s.Options.Authority.Unmet(authority) == ""
}

func (s *Setup) makeAuthority(p *Proposal) (err error) {
	if s.usePreparedAuthority(p) {
		return nil
	}
	p.IsNew = true
	asked := s.Options.Authority
	asked.Permit, asked.KeyAlgorithm, asked.Now = p.Finding.Names, s.Options.KeyAlgorithm, s.now()
	p.Authority, err = ca.NewAuthority(asked)
	return err
}

// authorityInForce is the CA of the ConfigMap, which must be the one that was
// given, or else as asked for.
func (s *Setup) authorityInForce(p *Proposal) error {
	if s.Options.Given != nil {
		published, err := p.Finding.published()
		if err != nil {
			return err
		}
		return s.useGivenInForce(p, published)
	}
	if err := s.knownInForce(p); err != nil {
		return err
	}
	if unmet := s.Options.Authority.Unmet(p.Authority); unmet != "" {
		return fault.New(fault.Certificate, "replace it by one that is, which all clients must trust then: kubectl kftls setup --new-ca …",
			"the CA in force (SHA-256 %.12s…) is not as asked for: %s", p.Authority.Fingerprint(), unmet)
	}
	return nil
}

// knownInForce is the CA of the ConfigMap, with its key where this computer holds
// it. One that it does not know must be believed.
func (s *Setup) knownInForce(p *Proposal) error {
	published, err := p.Finding.published()
	if err != nil {
		return err
	}
	p.Authority = published
	kept, err := s.kept(p.Finding, published.Fingerprint())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		p.IsForeign = true
		if s.Options.CAChange != ReplaceCA {
			if err := s.believe(p.Finding, published); err != nil {
				return err
			}
		}
	case err != nil:
		return err
	default:
		p.Authority = kept
	}
	if err := published.Permits(p.Finding.Names); err != nil {
		return fault.New(fault.Certificate,
			"make a CA for all names, which every client must trust then: kubectl kftls setup --new-ca --san NAME …",
			"the CA in force may not sign for these names: %w", err)
	}
	return nil
}

// published is the CA of the ConfigMap, without its key.
func (f *Finding) published() (*ca.Authority, error) {
	published, err := f.Installed.Authority()
	return published, fault.Wrap(fault.Certificate, "make a new one: kubectl kftls setup --new-ca", err)
}
