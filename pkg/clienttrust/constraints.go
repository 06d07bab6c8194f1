package clienttrust

import (
	"crypto/x509"
	"slices"

	"github.com/kftls/kubectl-kftls/pkg/ca"
)

// constraints is the cause by which the CAs of the path forbid the leaf's
// names, Accepted if they do not. anchor says whether those of the trust anchor
// count, cn whether the subject's name does where there is no DNS SAN.
func (t *trial) constraints(anchor, cn bool) Cause {
	issuers := t.path[1:]
	if !anchor && t.anchored && len(issuers) > 0 {
		issuers = issuers[:len(issuers)-1]
	}
	for _, issuer := range slices.Backward(issuers) {
		for _, names := range leafNames(t.leaf(), cn) {
			if cause := outside(issuer, names); cause != Accepted {
				return cause
			}
		}
	}
	return Accepted
}

// leafNames returns each name of the leaf by itself.
func leafNames(leaf *x509.Certificate, cn bool) []ca.Names {
	var list []ca.Names
	all := ca.NamesOf(leaf)
	for _, dns := range all.DNS {
		list = append(list, ca.Names{DNS: []string{dns}})
	}
	for i := range all.IPs {
		list = append(list, ca.Names{IPs: all.IPs[i : i+1]})
	}
	if !cn || len(all.DNS) > 0 {
		return list
	}
	// A subject's name that cannot be a host's, such as one with spaces, is no
	// concern of constraints.
	if name, err := ca.ParseNames([]string{leaf.Subject.CommonName}); err == nil && len(name.DNS) > 0 {
		list = append(list, name)
	}
	return list
}

func outside(issuer *x509.Certificate, names ca.Names) Cause {
	if (&ca.Authority{Certificate: issuer}).Permits(names) == nil {
		return Accepted
	}
	permitting := *issuer
	permitting.ExcludedDNSDomains, permitting.ExcludedIPRanges = nil, nil
	if (&ca.Authority{Certificate: &permitting}).Permits(names) == nil {
		return Excluded
	}
	return OutsideConstraints
}

// addressBelowConstraint is BoringSSL's own rule: an issuer that constrains
// addresses in any way, above a leaf that has an address.
func (t *trial) addressBelowConstraint() bool {
	return len(t.leaf().IPAddresses) > 0 && slices.ContainsFunc(t.path[1:], func(c *x509.Certificate) bool {
		return len(c.PermittedIPRanges) > 0 || len(c.ExcludedIPRanges) > 0
	})
}
