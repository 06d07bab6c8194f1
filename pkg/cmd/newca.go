package cmd

import (
	"strings"

	"github.com/spf13/pflag"

	"github.com/kftls/kubectl-kftls/pkg/ca"
	"github.com/kftls/kubectl-kftls/pkg/setup"
)

func (o *setupOptions) addCAFlags(flags *pflag.FlagSet) {
	flags.StringVar(&o.acceptCA, "accept-ca", "", "Believe the cluster's CA of this fingerprint (SHA-256), though it is new to this computer and could sign for any name")
	flags.BoolVar(&o.newCA, "new-ca", false, "Replace the CA in force, which may be somebody else's, by the one of --ca-cert, else the one that was announced, else a new one")
	flags.BoolVar(&o.stage, "stage", false, "With --new-ca, only announce the new CA in the ConfigMap beside the one in force; the next --new-ca serves with it")
	flags.BoolVar(&o.forgetOldCA, "forget-old-ca", false, "Take CAs out of the ConfigMap that are not in force")
}

func (o *setupOptions) caChange() setup.CAChange {
	switch {
	case o.stage:
		return setup.AnnounceCA
	case o.newCA:
		return setup.ReplaceCA
	case o.forgetOldCA:
		return setup.ForgetOldCAs
	}
	return setup.KeepCA
}

// authority says which CA is or will be in force.
func (v setupView) authority(p *setup.Proposal) {
	next, given := p.Authority, p.Given
	if p.Announced != nil {
		next, given = p.Announced, p.AnnouncedGiven
	}
	switch {
	case p.IsNew:
		v.ui.Note("Make a CA for %s (SHA-256 %s)", strings.Join(p.Finding.Names.DNS, ", "), next.Fingerprint())
	case p.CAIsPrepared():
		v.ui.Note("Use the CA for %s that a dry run has prepared (SHA-256 %s)", strings.Join(p.Finding.Names.DNS, ", "), next.Fingerprint())
	case given != nil:
		v.given(given)
	default:
		v.ui.Note("Use the CA of %s (SHA-256 %s)", since(next), next.Fingerprint())
	}
	if p.Announced != nil {
		v.ui.Note("Announce that CA beside the one of %s, which stays in force (SHA-256 %s)", since(p.Authority), p.Authority.Fingerprint())
	}
	if p.Replaced != nil {
		v.ui.Note("It takes the place of the CA of %s (SHA-256 %s), which stays in the ConfigMap until '%s setup --forget-old-ca'",
			since(p.Replaced), p.Replaced.Fingerprint(), v.name)
	}
	if p.IsForeign {
		v.ui.Note("note: this CA is new to this computer; compare it with who made it, computer %q", p.Finding.Installed.Holder().Computer)
	}
}

// given says whose CA signs, and what of it is kept on this computer.
func (v setupView) given(given *setup.Given) {
	authority := given.Authority
	v.ui.Note("Use the CA %s that was given; clients trust its root %s (SHA-256 %s)",
		authority.Signer().Subject, authority.Certificate.Subject, authority.Fingerprint())
	for _, lax := range authority.Lax() {
		v.ui.Warn("%s: Python 3.13 and other strict clients will refuse what it signs", lax)
	}
	if given.Source.Key == "" {
		v.ui.Note("Its key is not copied; to renew the certificate, give it again")
		return
	}
	v.ui.Note("Its key is not copied; to renew the certificate, it is read from %s", given.Source.Key)
}

func since(authority *ca.Authority) string { return day(authority.Certificate.NotBefore) }
