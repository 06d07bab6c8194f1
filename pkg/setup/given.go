package setup

import (
	"errors"
	"fmt"

	"github.com/kftls/kubectl-kftls/pkg/ca"
	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/gateway"
	"github.com/kftls/kubectl-kftls/pkg/state"
)

// Given is a CA that somebody else made and keeps.
type Given struct {
	Authority *ca.Authority
	// Source is where its files lie, so that a later run finds the key again; zero
	// where they are not files that stay.
	Source state.Source
}

// filesHint is the way on for who holds the key of a CA that was given before.
const filesHint = "name its files: --ca-cert CHAIN --ca-key KEY"

// useGiven takes the CA that was given, if it can sign what is asked for.
func (s *Setup) useGiven(p *Proposal) error {
	p.Given, p.Authority = s.Options.Given, s.Options.Given.Authority
	if err := p.Authority.InForce(s.now()); err != nil {
		return fault.Wrap(fault.Certificate, fault.HintOf(err), fmt.Errorf("the CA that was given: %w", err))
	}
	if err := p.Authority.Permits(p.Finding.Names); err != nil {
		return fault.New(fault.Certificate, "leave out what it does not permit: kubectl kftls setup --no-default-sans --san NAME",
			"the CA that was given may not sign for these names: %w", err)
	}
	return nil
}

// useGivenInForce takes the CA that was given where its root is in force.
func (s *Setup) useGivenInForce(p *Proposal, published *ca.Authority) error {
	given := s.Options.Given.Authority
	if given.Fingerprint() != published.Fingerprint() {
		return fault.New(fault.Certificate, "see who set it up: kubectl kftls status; or replace it, which all clients must trust then: kubectl kftls setup --new-ca --ca-cert CHAIN --ca-key KEY",
			"the root of the CA that was given (SHA-256 %.12s…) is not the CA in force (SHA-256 %.12s…), which clients trust",
			given.Fingerprint(), published.Fingerprint())
	}
	return s.useGiven(p)
}

// isStillborn tells of a CA whose key was thrown away before it was used: a run
// with DiscardKey was cut short. Nothing is served that it signed, and it can
// sign nothing more, so that another CA may take its place.
func (f *Finding) isStillborn() bool {
	installed := f.Installed
	if installed.ConfigMap == nil || installed.Holder().Key != gateway.KeyDiscarded ||
		installed.Secret != nil || installed.SecretUnknown != nil || f.preparedIsInForce() && f.prepared.Leaf != nil {
		return false
	}
	chain := f.servedChain()
	return chain == nil || !f.IsOurs(chain)
}

// keyState is what the ConfigMap is to say of the CA's key; "" leaves it.
func (s *Setup) keyState(p *Proposal) string {
	isNew := p.Finding.Installed.CAFingerprint() != p.Authority.Fingerprint()
	switch {
	case p.Given != nil && isNew:
		return gateway.KeyGiven
	case p.Given == nil && s.Options.DiscardKey && (p.Authority.Key != nil || isNew && p.Finding.hasPrepared(p.Authority.Fingerprint())):
		return gateway.KeyDiscarded
	}
	return ""
}

// keepOnThisComputer stores a CA before the cluster hears of it: a certificate
// whose CA key is lost could never be renewed. Of one that was given, it keeps the
// way to the key and never the key itself. One without a key is somebody else's.
func (s *Setup) keepOnThisComputer(authority *ca.Authority, given *Given, origin state.Origin) error {
	if authority == nil || authority.Key == nil {
		return nil
	}
	kept := *authority
	if given != nil || s.Options.DiscardKey {
		kept.Key = nil
	}
	if _, err := s.Home.SaveAuthority(&kept, origin); err != nil {
		return err
	}
	if given == nil || given.Source == (state.Source{}) {
		return nil
	}
	return s.Home.SaveSource(authority.Fingerprint(), given.Source)
}

// givenBefore reads a CA whose files were given to an earlier run, where they still
// lie. It is nil where the way to them is not remembered.
func (s *Setup) givenBefore(kept *ca.Authority) (*Given, error) {
	source, known := s.Home.Source(kept.Fingerprint())
	if !known {
		return nil, nil
	}
	authority, err := source.Read()
	if err == nil && authority.Fingerprint() != kept.Fingerprint() {
		err = errors.New(source.Certificates + " holds another CA by now")
	}
	if err != nil {
		return nil, err
	}
	return &Given{Authority: authority, Source: source}, nil
}

// fetchKey makes sure that the CA can sign: with the key that is here, or with
// the one of a CA that was given before, where its files still lie.
func (s *Setup) fetchKey(p *Proposal) error {
	if p.Authority.Key != nil {
		return nil
	}
	given, err := s.givenBefore(p.Authority)
	switch {
	case err != nil:
		return fault.New(fault.Certificate, filesHint,
			"a new certificate is needed (%s), and the CA %.12s… is no longer where it was given: %w", p.LeafReason, p.Authority.Fingerprint(), err)
	case given == nil:
		return s.keyIsElsewhere(p)
	}
	p.Authority, p.Given = given.Authority, given
	return nil
}

// keyIsElsewhere says who holds the key, as far as the cluster records it.
func (s *Setup) keyIsElsewhere(p *Proposal) error {
	holder := p.Finding.Installed.Holder()
	where, hint := fmt.Sprintf("is not on this computer but on %q", holder.Computer),
		"run it on the computer that holds the key; or "+s.replaceHint()
	switch {
	case holder.Key == gateway.KeyDiscarded:
		where, hint = fmt.Sprintf("was thrown away (--discard-ca-key) by %s, which set it up", holder), s.replaceHint()
	case holder.Key == gateway.KeyGiven:
		where, hint = fmt.Sprintf("is kept by who gave it to %s, which set it up", holder), filesHint
	case holder.Computer == "":
		where = fmt.Sprintf("is not on this computer; it was set up by %s", holder)
	}
	return fault.New(fault.Certificate, hint, "a new certificate is needed (%s), and the key of CA %.12s… %s%s",
		p.LeafReason, p.Authority.Fingerprint(), where, recorded(holder))
}

// recorded is what else the cluster says of who set up.
func recorded(holder gateway.Holder) string {
	if holder.Manager == "" {
		return ""
	}
	return fmt.Sprintf(" (as %s, %s)", holder.Manager, holder.Since.UTC().Format("2006-01-02"))
}
