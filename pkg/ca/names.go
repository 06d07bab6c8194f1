// Package ca makes and reads the certificate authority and the leaf that a
// Kubeflow front door serves. It consists of pure functions over crypto/x509:
// it knows no files, no cluster and no terminal.
package ca

import (
	"crypto/x509"
	"net"
	"net/netip"
	"slices"
	"strings"
)

// Names is what a certificate is valid for, in the order in which it was asked
// for and without duplicates. DNS names are lower-case A-labels (xn--…),
// possibly with "*" as the whole leftmost label; addresses carry no zone.
type Names struct {
	DNS []string
	IPs []netip.Addr
}

// DefaultNames are the names of this computer as seen from itself: localhost,
// 127.0.0.1 and ::1.
func DefaultNames() Names {
	return Names{
		DNS: []string{"localhost"},
		IPs: []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()},
	}
}

// NamesOf returns the subject alternative names of a certificate.
func NamesOf(c *x509.Certificate) Names {
	n := Names{}
	for _, dns := range c.DNSNames {
		n = n.withDNS(strings.ToLower(dns))
	}
	for _, ip := range c.IPAddresses {
		if addr, ok := netip.AddrFromSlice(ip); ok {
			n = n.withIP(addr.Unmap())
		}
	}
	return n
}

// Union returns the names of n followed by those that only o has.
func (n Names) Union(o Names) Names {
	u := Names{DNS: slices.Clone(n.DNS), IPs: slices.Clone(n.IPs)}
	for _, dns := range o.DNS {
		u = u.withDNS(dns)
	}
	for _, ip := range o.IPs {
		u = u.withIP(ip)
	}
	return u
}

// Filter returns the names for which keep says yes.
func (n Names) Filter(keep func(name string) bool) Names {
	kept := Names{}
	for _, dns := range n.DNS {
		if keep(dns) {
			kept.DNS = append(kept.DNS, dns)
		}
	}
	for _, ip := range n.IPs {
		if keep(ip.String()) {
			kept.IPs = append(kept.IPs, ip)
		}
	}
	return kept
}

// Strings returns the DNS names, then the addresses, as a user would type them.
func (n Names) Strings() []string {
	out := slices.Clone(n.DNS)
	for _, ip := range n.IPs {
		out = append(out, ip.String())
	}
	return out
}

// Empty tells whether there is no name at all.
func (n Names) Empty() bool { return len(n.DNS) == 0 && len(n.IPs) == 0 }

// Covers tells whether a client that dials name, a DNS name or an address with
// or without brackets, finds it among n. A wildcard covers one level, as
// RFC 6125 has it; a wildcard itself is covered only by the same wildcard.
func (n Names) Covers(name string) bool {
	if addr, ok := parseAddress(name); ok {
		return slices.Contains(n.IPs, addr.WithZone("").Unmap())
	}
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if slices.Contains(n.DNS, name) {
		return name != ""
	}
	first, parent, found := strings.Cut(name, ".")
	return found && first != "" && first != "*" && slices.Contains(n.DNS, "*."+parent)
}

// missing returns what o has and n does not cover.
func (n Names) missing(o Names) []string {
	var out []string
	for _, name := range o.Strings() {
		if !n.Covers(name) {
			out = append(out, name)
		}
	}
	return out
}

// netIPs returns the addresses in the form of crypto/x509: four bytes for IPv4.
func (n Names) netIPs() []net.IP {
	out := make([]net.IP, len(n.IPs))
	for i, ip := range n.IPs {
		out[i] = ip.AsSlice()
	}
	return out
}

func (n Names) withDNS(name string) Names {
	if !slices.Contains(n.DNS, name) {
		n.DNS = append(n.DNS, name)
	}
	return n
}

func (n Names) withIP(ip netip.Addr) Names {
	if !slices.Contains(n.IPs, ip) {
		n.IPs = append(n.IPs, ip)
	}
	return n
}
