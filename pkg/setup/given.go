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

// anew is what replaces the CA in force.
const anew = "begin anew with another CA, which every client must trust again: kubectl kftls teardown && kubectl kftls setup"

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
		return fault.New(fault.Certificate, "see who set it up: kubectl kftls status; or "+anew+" --ca-cert …",
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
		installed.Secret != nil || installed.SecretUnknown != nil {
		return false
	}
	chain := f.servedChain()
	return chain == nil || !isOurs(f, chain)
}

// keyState is what the ConfigMap is to say of the CA's key; "" leaves it.
func (s *Setup) keyState(p *Proposal) string {
	isFirst := p.Finding.Installed.ConfigMap == nil || p.Finding.isStillborn()
	switch {
	case p.Given != nil && isFirst:
		return gateway.KeyGiven
	case p.Given == nil && s.Options.DiscardKey && p.Authority.Key != nil:
		return gateway.KeyDiscarded
	}
	return ""
}

// rememberSource keeps the way to a CA that was given, never the key itself.
func (s *Setup) rememberSource(p *Proposal) error {
	if p.Given == nil || p.Given.Source == (state.Source{}) {
		return nil
	}
	return s.Home.SaveSource(p.Authority.Fingerprint(), p.Given.Source)
}

// fetchKey makes sure that the CA can sign: with the key that is here, or with
// the one of a CA that was given before, where its files still lie.
func (s *Setup) fetchKey(p *Proposal) error {
	if p.Authority.Key != nil {
		return nil
	}
	source, known := s.Home.Source(p.Authority.Fingerprint())
	if !known {
		return s.keyIsElsewhere(p)
	}
	authority, err := source.Read()
	if err == nil && authority.Fingerprint() != p.Authority.Fingerprint() {
		err = errors.New(source.Certificates + " holds another CA by now")
	}
	if err != nil {
		return fault.New(fault.Certificate, "name its files: --ca-cert CHAIN --ca-key KEY",
			"a new certificate is needed (%s), and the CA %.12s… is no longer where it was given: %w", p.LeafReason, p.Authority.Fingerprint(), err)
	}
	p.Authority, p.Given = authority, &Given{Authority: authority, Source: source}
	return nil
}

// keyIsElsewhere says who holds the key, as far as the cluster records it.
func (s *Setup) keyIsElsewhere(p *Proposal) error {
	holder := p.Finding.Installed.Holder()
	where, hint := fmt.Sprintf("is not on this computer but on %q", holder.Computer),
		"run it on the computer that holds the key; or "+anew
	switch {
	case holder.Key == gateway.KeyDiscarded:
		where, hint = fmt.Sprintf("was thrown away (--discard-ca-key) by %s, which set it up", holder), anew
	case holder.Key == gateway.KeyGiven:
		where, hint = fmt.Sprintf("is kept by who gave it to %s, which set it up", holder), "name its files: --ca-cert CHAIN --ca-key KEY"
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
