package ca

import (
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"time"
)

// RenewalDue tells whether a certificate is to be renewed: when no more than
// before is left of its life, for before 0 no more than a third. setup, renew
// and status share this rule.
func RenewalDue(c *x509.Certificate, now time.Time, before time.Duration) bool {
	return !now.Before(RenewFrom(c, before))
}

// RenewFrom is when the renewal of a certificate becomes due. A life counts from
// when the certificate was made: the hour before that would put a short life near
// its end at once.
func RenewFrom(c *x509.Certificate, before time.Duration) time.Time {
	if before <= 0 {
		life := c.NotAfter.Sub(c.NotBefore)
		if life > backdate {
			life -= backdate
		}
		before = life / 3
	}
	return c.NotAfter.Add(-before)
}

// Demand is what a leaf is wanted for.
type Demand struct {
	// Names it must have.
	Names Names
	// KeyAlgorithm of its key; "" means that any will do.
	KeyAlgorithm KeyAlgorithm
	// Before is how long before its end it is no longer good enough; 0 means a
	// third of its life.
	Before time.Duration
}

// Unfit returns why the leaf cannot serve what is demanded under the authority,
// or "" when it can.
func (l *Leaf) Unfit(a *Authority, want Demand, now time.Time) string {
	c := l.Certificate
	if !l.IsBelow(a) {
		return "it is not signed by the certificate authority " + short(a.Fingerprint())
	}
	if missing := l.Names().missing(want.Names); len(missing) > 0 {
		return "it lacks " + strings.Join(missing, ", ")
	}
	if has := AlgorithmOf(c.PublicKey); want.KeyAlgorithm != "" && has != want.KeyAlgorithm {
		return fmt.Sprintf("its key is %s, not %s", has, want.KeyAlgorithm)
	}
	switch {
	case now.Before(c.NotBefore):
		return "it is not valid before " + c.NotBefore.Format(time.RFC3339)
	case now.After(c.NotAfter):
		return "it ended on " + c.NotAfter.Format(time.RFC3339)
	case RenewalDue(c, now, want.Before):
		return "it is near its end on " + c.NotAfter.Format(time.RFC3339)
	}
	if err := l.verify(a, now); err != nil {
		return "clients refuse it: " + err.Error()
	}
	return ""
}

// IsBelow tells whether signatures lead from the leaf up to the authority's root,
// whatever time and constraints say.
func (l *Leaf) IsBelow(a *Authority) bool {
	between := slices.Concat(l.Issuers, a.Intermediates)
	current := l.Certificate
	for range len(between) + 1 {
		if current.CheckSignatureFrom(a.Certificate) == nil {
			return true
		}
		next := slices.IndexFunc(between, func(c *x509.Certificate) bool {
			return !c.Equal(current) && current.CheckSignatureFrom(c) == nil
		})
		if next < 0 {
			return false
		}
		current = between[next]
	}
	return false
}

// verify checks chain, constraints, usage and time, as a Go client would that
// trusts the authority's root and is served the leaf's chain.
func (l *Leaf) verify(a *Authority, now time.Time) error {
	between := x509.NewCertPool()
	for _, c := range l.Issuers {
		between.AddCert(c)
	}
	_, err := l.Certificate.Verify(x509.VerifyOptions{
		Roots: a.Pool(), Intermediates: between, CurrentTime: now,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	return err
}
