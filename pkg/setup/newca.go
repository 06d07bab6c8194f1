package setup

import (
	"errors"
	"io/fs"

	"github.com/kftls/kubectl-kftls/pkg/ca"
	"github.com/kftls/kubectl-kftls/pkg/fault"
)

// CAChange is what becomes of the CA that is in force.
type CAChange string

// The changes. To announce a new CA and to serve with it are two runs, so that
// clients can be given both before the old one ends.
const (
	// KeepCA keeps it.
	KeepCA CAChange = ""
	// AnnounceCA puts a new one beside it into the ConfigMap, and keeps serving
	// with the old one.
	AnnounceCA CAChange = "announce"
	// ReplaceCA serves with the one that this computer has announced, else with a
	// new one. The old one stays in the ConfigMap.
	ReplaceCA CAChange = "replace"
	// ForgetOldCAs takes those out of the ConfigMap that are not in force.
	ForgetOldCAs CAChange = "forget"
)

// caChoice is what the ConfigMap is to say of CAs.
type caChoice struct {
	// Announced is the CA that is to be in force later, Replaced the one that was
	// until now; nil where there is none.
	Announced, Replaced *ca.Authority

	// bundle is what the ConfigMap is to hold; nil keeps what it holds.
	bundle []byte
	// announced is the fingerprint that the ConfigMap is to name.
	announced string
}

// changeAuthority chooses the CA in force and what the ConfigMap says of others,
// where a change of a CA was asked for.
func (s *Setup) changeAuthority(p *Proposal) error {
	if p.Finding.Installed.ConfigMap == nil {
		if s.Options.CAChange != ReplaceCA {
			return fault.New(fault.Usage, "kubectl kftls setup", "this front door has no CA yet that could be followed by another one")
		}
		return s.makeAuthority(p)
	}
	current, err := s.currentAuthority(p)
	if err != nil {
		return err
	}
	if s.Options.CAChange == ForgetOldCAs {
		p.Authority, p.bundle = current, current.CertificatePEM()
		return nil
	}
	next, err := s.announcedAuthority(p.Finding)
	if err != nil {
		return err
	}
	if p.Authority = next; next == nil {
		if err := s.makeAuthority(p); err != nil {
			return err
		}
	}
	if s.Options.CAChange == AnnounceCA {
		p.Authority, p.Announced = current, p.Authority
		p.announced = p.Announced.Fingerprint()
		p.bundle = append(current.CertificatePEM(), p.Announced.CertificatePEM()...)
		return nil
	}
	p.bundle = p.Authority.CertificatePEM()
	if p.Replaced = current; current != nil {
		p.bundle = append(p.bundle, current.CertificatePEM()...)
	}
	return nil
}

// currentAuthority is the CA in force. Where it cannot be read or is not to be
// believed, it is nil for who replaces it: nobody is to trust it meanwhile.
func (s *Setup) currentAuthority(p *Proposal) (*ca.Authority, error) {
	err := s.authorityInForce(p)
	current := p.Authority
	p.Authority, p.IsForeign = nil, false
	if s.Options.CAChange != ReplaceCA {
		return current, err
	}
	if current == nil || current.Key == nil && !s.vouches(p.Finding, current) {
		return nil, nil
	}
	return current, nil
}

// announcedAuthority is the CA that was announced, where this computer has its
// key and it can sign what is wanted now; else nil.
func (s *Setup) announcedAuthority(found *Finding) (*ca.Authority, error) {
	fingerprint := found.Installed.AnnouncedCA()
	if fingerprint == "" {
		return nil, nil
	}
	kept, err := s.Home.Authority(fingerprint)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	case !s.canSign(kept, found):
		return nil, nil
	}
	return kept, nil
}

func (s *Setup) canSign(authority *ca.Authority, found *Finding) bool {
	return authority.Key != nil && !authority.NearEnd(s.now()) && authority.Permits(found.Names) == nil
}

// published is what the ConfigMap is to hold, and the CA that it is to name as
// announced.
func (p *Proposal) published() (bundle []byte, announced string) {
	installed := p.Finding.Installed
	switch {
	case p.bundle != nil:
		return p.bundle, p.announced
	case installed.ConfigMap != nil && len(installed.CABundle()) > 0:
		return installed.CABundle(), installed.AnnouncedCA()
	}
	return p.Authority.CertificatePEM(), ""
}

// toKeep are the authorities of which the cluster must not hear before this
// computer has kept their keys.
func (p *Proposal) toKeep() []*ca.Authority {
	var keys []*ca.Authority
	for _, authority := range []*ca.Authority{p.Authority, p.Announced} {
		if authority != nil && authority.Key != nil {
			keys = append(keys, authority)
		}
	}
	return keys
}

// replaceHint is the way on for who lacks the key of the CA in force.
const replaceHint = "or replace the CA, which all clients must trust then: kubectl kftls setup --new-ca --stage, and later kubectl kftls setup --new-ca"
