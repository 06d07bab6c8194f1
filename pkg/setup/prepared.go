package setup

import (
	"encoding/json"
	"errors"
	"io/fs"
	"slices"
	"time"

	"github.com/kftls/kubectl-kftls/pkg/ca"
	"github.com/kftls/kubectl-kftls/pkg/state"
)

// Prepare keeps the CA and the certificate that a proposal made, so that the next
// run makes the same ones of them: what was shown is what comes. They count for
// nothing until a cluster has them. Who was shown the objects may put our server on
// the Gateway at any time, so the first run that sees it has to prove that the login
// guards it.
func (s *Setup) Prepare(p *Proposal) error {
	origin := s.origin(p.Finding.Door)
	if _, stands := p.Finding.Door.OurServer(p.Finding.Spec.SecretName); !stands {
		if err := s.Home.MarkUnproven(origin); err != nil {
			return err
		}
	}
	if !p.isMadeNow() {
		return nil
	}
	prepared := state.Prepared{Asked: s.asked(p.Finding)}
	if next := p.next(); p.IsNew || p.Finding.hasPrepared(next.Fingerprint()) {
		kept := *next
		if s.Options.DiscardKey {
			kept.Key = nil
		}
		prepared.Authority = &kept
	}
	if p.LeafReason != "" {
		prepared.Leaf = p.Pair
	}
	return s.Home.Prepare(origin, prepared)
}

// next is the CA that a run brings: the one that it announces, else the one in
// force.
func (p *Proposal) next() *ca.Authority {
	if p.Announced != nil {
		return p.Announced
	}
	return p.Authority
}

// isMadeNow tells that a CA or a certificate was made that nobody has seen before.
func (p *Proposal) isMadeNow() bool { return p.IsNew || p.LeafReason != "" && !p.LeafIsPrepared }

// usesPrepared tells that something which a dry run has prepared is taken.
func (p *Proposal) usesPrepared() bool {
	return p.LeafIsPrepared || p.Finding.hasPrepared(p.next().Fingerprint())
}

// Outdated tells that something was prepared which does not fit, so that it was
// made anew.
func (p *Proposal) Outdated() bool {
	return p.Finding.prepared != nil && p.isMadeNow()
}

// CAIsPrepared tells that the CA which the run brings is one that a dry run made.
func (p *Proposal) CAIsPrepared() bool {
	return !p.IsNew && p.Finding.hasPrepared(p.next().Fingerprint())
}

// spendPrepared forgets what was prepared, once a run has used it or made other
// things in its place. By now the cluster and the kept authorities have it.
func (s *Setup) spendPrepared(p *Proposal) error {
	if p.Finding.prepared == nil || !p.usesPrepared() && !p.isMadeNow() {
		return nil
	}
	return s.Home.ForgetPrepared(s.origin(p.Finding.Door))
}

// asked says what decides on a CA and a certificate that are made, so that two
// runs that want the same can be told.
func (s *Setup) asked(found *Finding) string {
	names := found.Names.Strings()
	slices.Sort(names)
	o := s.Options
	text, err := json.Marshal(struct {
		Names         []string        `json:"names"`
		PermitDNS     []string        `json:"permitDNS,omitempty"`
		ConstrainIPs  bool            `json:"constrainIPs,omitempty"`
		Unconstrained bool            `json:"unconstrained,omitempty"`
		KeyAlgorithm  ca.KeyAlgorithm `json:"keyAlgorithm,omitempty"`
		Validity      time.Duration   `json:"validity,omitempty"`
		CAChange      CAChange        `json:"caChange,omitempty"`
		DiscardKey    bool            `json:"discardKey,omitempty"`
		Renew         bool            `json:"renew,omitempty"`
	}{names, o.Authority.PermitDNS, o.Authority.ConstrainIPs, o.Authority.Unconstrained, o.KeyAlgorithm, o.Validity, o.CAChange, o.DiscardKey, o.Renew})
	if err != nil {
		return "" // strings, numbers and booleans can always be encoded
	}
	return string(text)
}

// hasPrepared tells whether a CA of this fingerprint is prepared.
func (f *Finding) hasPrepared(fingerprint string) bool {
	return f.prepared != nil && f.prepared.Authority != nil && f.prepared.Authority.Fingerprint() == fingerprint
}

// preparedIsInForce tells that somebody has put the prepared CA into the cluster:
// the objects that a dry run showed were applied.
func (f *Finding) preparedIsInForce() bool { return f.hasPrepared(f.Installed.CAFingerprint()) }

// kept is an authority of this computer, by its fingerprint. One that is prepared
// counts, too: who applies the objects that a dry run showed puts it in force. The
// error is an fs.ErrNotExist where there is none.
func (s *Setup) kept(found *Finding, fingerprint string) (*ca.Authority, error) {
	kept, err := s.Home.Authority(fingerprint)
	if found.hasPrepared(fingerprint) && (errors.Is(err, fs.ErrNotExist) || err == nil && kept.Key == nil) {
		return found.prepared.Authority, nil
	}
	return kept, err
}

// usePreparedAuthority takes the CA that a dry run made for the same wishes. One
// whose key was thrown away has to come with a certificate that can be served.
func (s *Setup) usePreparedAuthority(p *Proposal) bool {
	found := p.Finding
	if found.prepared == nil || found.prepared.Authority == nil || found.prepared.Asked != s.asked(found) {
		return false
	}
	prepared := found.prepared.Authority
	if prepared.NearEnd(s.now()) || prepared.Key == nil && s.preparedLeafFor(found, prepared, s.demand(found.Names)) == nil {
		return false
	}
	p.Authority = prepared
	return true
}

// preparedLeafFor is the certificate that a dry run made, where it can be served
// now; else nil. It was made for the same wishes, or else lies under a CA that came
// into force since, and then counts like one that is there already.
func (s *Setup) preparedLeafFor(found *Finding, authority *ca.Authority, want ca.Demand) *ca.Leaf {
	if found.prepared == nil || found.prepared.Leaf == nil {
		return nil
	}
	isForThis := found.prepared.Asked == s.asked(found) ||
		found.preparedIsInForce() && s.Options.Validity == 0 && !s.Options.Renew
	if !isForThis || found.prepared.Leaf.Unfit(authority, want, s.now()) != "" {
		return nil
	}
	return found.prepared.Leaf
}

// ForgetPrepared removes what a dry run prepared for a front door, once nothing of
// ours is left there, and tells whether that was something. A CA that people may
// trust, since somebody put it in force himself, is kept like every other one.
func (t *Teardown) ForgetPrepared(p *TeardownPlan) (bool, error) {
	if p.Empty() && (p.Installed.ConfigMap != nil || len(p.Left) > 0) {
		return false, nil
	}
	origin := state.Origin{Server: t.Cluster.Server, Gateway: p.Door.Name()}
	prepared, err := t.Home.Prepared(origin)
	if err != nil || prepared == nil {
		return false, err
	}
	if prepared.Authority != nil && prepared.Authority.Fingerprint() == p.Installed.CAFingerprint() {
		if _, err := t.Home.SaveAuthority(prepared.Authority, origin); err != nil {
			return false, err
		}
	}
	return true, errors.Join(t.Home.ForgetPrepared(origin), t.Home.MarkProven(origin))
}
