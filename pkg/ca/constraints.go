package ca

import (
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

// constrain writes the name constraints that o asks for into a CA's template.
//
// DNS: the subtrees of the names asked for and nothing else. IP: nothing by
// default, because BoringSSL (gRPC, Envoy, Bun) refuses every leaf with an IP
// SAN below an issuer with any IP constraint. With ConstrainIPs exactly the
// addresses asked for are permitted; RFC 5280, section 4.2.1.10, then excludes
// every other one of either family, and a list of excluded ranges beside it
// would take the permitted ones back. Only where no address is asked for is
// the whole of both families excluded instead.
func (o AuthorityOptions) constrain(template *x509.Certificate) error {
	if o.Unconstrained {
		return nil
	}
	wider, err := ParseNames(o.PermitDNS)
	if err != nil {
		return err
	}
	template.PermittedDNSDomains = subtrees(o.Permit.Union(wider).DNS)
	if len(template.PermittedDNSDomains) == 0 {
		return fault.New(fault.Certificate, "", "a constrained certificate authority needs at least one DNS name to permit")
	}
	template.PermittedDNSDomainsCritical = true // the flag covers the whole extension
	if !o.ConstrainIPs {
		return nil
	}
	for _, ip := range o.Permit.IPs {
		template.PermittedIPRanges = append(template.PermittedIPRanges, ipNet(netip.PrefixFrom(ip, ip.BitLen())))
	}
	if len(template.PermittedIPRanges) == 0 {
		template.ExcludedIPRanges = []*net.IPNet{
			ipNet(netip.PrefixFrom(netip.IPv4Unspecified(), 0)),
			ipNet(netip.PrefixFrom(netip.IPv6Unspecified(), 0)),
		}
	}
	return nil
}

// Validate refuses options that contradict each other, and names that cannot be
// permitted.
func (o AuthorityOptions) Validate() error {
	if o.Unconstrained && (o.ConstrainIPs || len(o.PermitDNS) > 0) {
		return fault.New(fault.Certificate, "drop one of the two",
			"a certificate authority cannot be both unconstrained and constrained to names")
	}
	wider, err := ParseNames(o.PermitDNS)
	if err != nil {
		return err
	}
	if len(wider.IPs) > 0 {
		return fault.New(fault.Certificate, "", "%s is an address: only DNS names can be permitted beforehand", wider.IPs[0])
	}
	return nil
}

// Unmet returns what was asked for and an authority that is there already does
// not have, "" when it has all of it. More than was asked for is no matter.
func (o AuthorityOptions) Unmet(a *Authority) string {
	if o.Unconstrained && a.limits() {
		return "it has name constraints (" + constraintText(a.Certificate) + ")"
	}
	if o.ConstrainIPs && !a.ConstrainsIPs() {
		return "it does not constrain IP addresses"
	}
	for _, name := range o.PermitDNS {
		if names, err := ParseNames([]string{name}); err == nil && a.Permits(names) != nil {
			return "it does not permit " + name
		}
	}
	return ""
}

// Exceeded tells whether an authority may sign for more, or is refused by more
// clients, than one that these options make.
func (o AuthorityOptions) Exceeded(a *Authority) bool {
	return !o.Unconstrained && !a.Constrained() || !o.ConstrainIPs && a.ConstrainsIPs()
}

// limits tells of any name constraint, critical or not.
func (a *Authority) limits() bool {
	c := a.Certificate
	return len(c.PermittedDNSDomains)+len(c.ExcludedDNSDomains) > 0 || a.ConstrainsIPs()
}

// ConstrainsIPs tells whether the certificate limits for which IP addresses it
// may sign.
func (a *Authority) ConstrainsIPs() bool {
	return len(a.Certificate.PermittedIPRanges)+len(a.Certificate.ExcludedIPRanges) > 0
}

// subtrees returns the DNS subtree of each name, for *.x that of x.
func subtrees(dns []string) []string {
	var out []string
	for _, name := range dns {
		subtree := strings.TrimPrefix(name, "*.")
		if !slices.Contains(out, subtree) {
			out = append(out, subtree)
		}
	}
	return out
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

// Constrained tells whether the certificate limits, critically, for which DNS
// names it may sign.
func (a *Authority) Constrained() bool {
	return a.Certificate.PermittedDNSDomainsCritical && len(a.Certificate.PermittedDNSDomains) > 0
}

// Permits returns nil if the name constraints of the authority, and of its
// intermediates, allow all of the names, else an error that lists those outside.
// Clients refuse a leaf whole for one such name, even when they dial another.
func (a *Authority) Permits(names Names) error {
	for _, c := range slices.Backward(a.chain()) {
		if outside := outside(c, names); len(outside) > 0 {
			return fault.New(fault.Certificate, "",
				"the name constraints of the certificate authority %s (%s) do not permit %s",
				a.nameOf(c), constraintText(c), strings.Join(outside, ", "))
		}
	}
	return nil
}

// nameOf names a certificate of the chain in a message.
func (a *Authority) nameOf(c *x509.Certificate) string {
	if len(a.Intermediates) == 0 {
		return short(Fingerprint(c))
	}
	return describe(c)
}

// outside lists the names that a certificate's constraints do not permit.
func outside(c *x509.Certificate, names Names) []string {
	var found []string
	for _, dns := range names.DNS {
		if !permitsDNS(c, dns) {
			found = append(found, dns)
		}
	}
	for _, ip := range names.IPs {
		if !permitsIP(c, ip) {
			found = append(found, ip.String())
		}
	}
	return found
}

func permitsDNS(c *x509.Certificate, name string) bool {
	base := strings.TrimPrefix(name, "*.")
	for _, excluded := range c.ExcludedDNSDomains {
		// A wildcard also stands for names inside a subtree just below it.
		if inSubtree(base, excluded) || base != name && inSubtree(strings.TrimPrefix(excluded, "."), base) {
			return false
		}
	}
	if len(c.PermittedDNSDomains) == 0 {
		return true
	}
	return slices.ContainsFunc(c.PermittedDNSDomains, func(permitted string) bool {
		return inSubtree(base, permitted)
	})
}

// inSubtree is the rule of RFC 5280 for DNS: a name is inside the subtree of
// the constraint when zero or more labels added to its left make it. The empty
// constraint holds every name.
func inSubtree(name, constraint string) bool {
	constraint = strings.ToLower(strings.TrimPrefix(constraint, "."))
	return constraint == "" || name == constraint || strings.HasSuffix(name, "."+constraint)
}

func permitsIP(c *x509.Certificate, ip netip.Addr) bool {
	holds := func(r *net.IPNet) bool {
		// net.IPNet compares an IPv4 address only with IPv4 ranges, as needed.
		return r.Contains(ip.AsSlice())
	}
	if slices.ContainsFunc(c.ExcludedIPRanges, holds) {
		return false
	}
	return len(c.PermittedIPRanges) == 0 || slices.ContainsFunc(c.PermittedIPRanges, holds)
}

// constraintText says in words what a CA may sign for.
func constraintText(c *x509.Certificate) string {
	var parts []string
	add := func(what string, values []string) {
		if len(values) > 0 {
			parts = append(parts, what+" "+strings.Join(values, ", "))
		}
	}
	add("permitted:", append(slices.Clone(c.PermittedDNSDomains), rangeStrings(c.PermittedIPRanges)...))
	add("excluded:", append(slices.Clone(c.ExcludedDNSDomains), rangeStrings(c.ExcludedIPRanges)...))
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, "; ")
}

func rangeStrings(ranges []*net.IPNet) []string {
	var out []string
	for _, r := range ranges {
		out = append(out, fmt.Sprint(r))
	}
	return out
}

// short is the beginning of a fingerprint, enough to tell two apart by eye.
func short(fingerprint string) string { return fingerprint[:12] }
