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
	// AnnouncedGiven is set where somebody else made and keeps the announced one.
	AnnouncedGiven *Given

	// bundle is what the ConfigMap is to hold; nil keeps what it holds.
	bundle []byte
	// announced is the fingerprint that the ConfigMap is to name.
	announced string
}

// changesAuthority tells whether a change of the CA was asked for that is still
// to be made. One to a CA that was given is made once that is in force.
func (s *Setup) changesAuthority(found *Finding) bool {
	switch s.Options.CAChange {
	case KeepCA:
		return false
	case ForgetOldCAs:
		return true
	}
	given := s.Options.Given
	return given == nil || given.Authority.Fingerprint() != found.Installed.CAFingerprint()
}

// changeAuthority chooses the CA in force and what the ConfigMap says of others,
// where a change of a CA was asked for.
func (s *Setup) changeAuthority(p *Proposal) error {
	if p.Finding.Installed.ConfigMap == nil {
		if s.Options.CAChange != ReplaceCA {
			return fault.New(fault.Usage, "kubectl kftls setup", "this front door has no CA yet that could be followed by another one")
		}
		return s.nextAuthority(p)
	}
	if s.Options.CAChange == ForgetOldCAs {
		if err := s.authorityInForce(p); err != nil {
			return err
		}
		p.bundle = p.Authority.CertificatePEM()
		return nil
	}
	current, err := s.currentAuthority(p)
	if err != nil {
		return err
	}
	if err := s.nextAuthority(p); err != nil {
		return err
	}
	if s.Options.CAChange == AnnounceCA {
		p.Announced, p.AnnouncedGiven = p.Authority, p.Given
		p.Authority, p.Given = current, nil
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
	err := s.knownInForce(p)
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

// nextAuthority is the CA that was given, else the one that was announced, else a
// new one.
func (s *Setup) nextAuthority(p *Proposal) error {
	if s.Options.Given != nil {
		return s.useGiven(p)
	}
	next, given, err := s.announcedAuthority(p.Finding)
	if err != nil {
		return err
	}
	if next == nil {
		return s.makeAuthority(p)
	}
	p.Authority, p.Given = next, given
	return nil
}

// announcedAuthority is the CA that was announced, where this computer has its
// key, or the way to it, and it can sign what is wanted now; else nil.
func (s *Setup) announcedAuthority(found *Finding) (*ca.Authority, *Given, error) {
	fingerprint := found.Installed.AnnouncedCA()
	if fingerprint == "" {
		return nil, nil, nil
	}
	next, err := s.kept(found, fingerprint)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	given, err := s.givenBefore(next)
	if err != nil {
		return nil, nil, fault.New(fault.Certificate, filesHint, "the CA %.12s… was announced, and is no longer where it was given: %w", fingerprint, err)
	}
	if given != nil {
		next = given.Authority
	}
	if !s.canSign(next, found) {
		return nil, nil, nil
	}
	return next, given, nil
}

// published is what the ConfigMap is to hold, and the CA that it is to name as
// announced.
func (p *Proposal) published() (bundle []byte, announced string) {
	installed := p.Finding.Installed
	switch {
	case p.bundle != nil:
		return p.bundle, p.announced
	case len(installed.CABundle()) > 0 && !p.Finding.isStillborn():
		return installed.CABundle(), installed.AnnouncedCA()
	}
	return p.Authority.CertificatePEM(), ""
}

// replaceHint is the way on for who lacks the key of the CA in force. To announce
// another one first takes a certificate that can stay until then.
func (s *Setup) replaceHint() string {
	if s.Options.CAChange == AnnounceCA {
		return "replace the CA at once, which all clients must trust then: kubectl kftls setup --new-ca"
	}
	return "replace the CA, which all clients must trust then: kubectl kftls setup --new-ca --stage, and later kubectl kftls setup --new-ca"
}
