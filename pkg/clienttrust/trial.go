package clienttrust

import (
	"bytes"
	"crypto/x509"
	"net"
	"slices"
	"strings"
	"time"
)

// trial is one chain before one client.
type trial struct {
	client Client
	roots  []*x509.Certificate
	chain  []*x509.Certificate // as served, leaf first, never empty
	host   string
	now    time.Time

	path     []*x509.Certificate // as far as it leads, leaf first
	anchored bool                // its last certificate is trusted
}

func newTrial(c Client, roots, chain []*x509.Certificate, host string, now time.Time) *trial {
	t := &trial{client: c, roots: roots, chain: chain, host: strings.TrimSuffix(host, "."), now: now}
	t.build()
	return t
}

func (t *trial) leaf() *x509.Certificate { return t.chain[0] }

// build goes from the leaf upwards. At each step a root is preferred to what
// was served, as OpenSSL does since 1.1.0.
func (t *trial) build() {
	t.path = []*x509.Certificate{t.leaf()}
	for {
		last := t.path[len(t.path)-1]
		if contains(t.roots, last) && (selfSigned(last) || t.client.options.partial) {
			t.anchored = true
			return
		}
		if selfSigned(last) {
			return
		}
		next := t.issuer(last)
		if next == nil || contains(t.path, next) {
			return
		}
		t.path = append(t.path, next)
	}
}

// issuer returns who, by name and key identifier, signed c.
func (t *trial) issuer(c *x509.Certificate) *x509.Certificate {
	for _, list := range [][]*x509.Certificate{t.roots, t.chain[1:]} {
		if i := slices.IndexFunc(list, func(by *x509.Certificate) bool { return issued(by, c) }); i >= 0 {
			return list[i]
		}
	}
	return nil
}

func issued(by, c *x509.Certificate) bool {
	return bytes.Equal(by.RawSubject, c.RawIssuer) &&
		(len(c.AuthorityKeyId) == 0 || len(by.SubjectKeyId) == 0 || bytes.Equal(c.AuthorityKeyId, by.SubjectKeyId))
}

// selfSigned goes by names and key identifiers, as the libraries do here.
func selfSigned(c *x509.Certificate) bool { return issued(c, c) }

func contains(list []*x509.Certificate, c *x509.Certificate) bool {
	return slices.ContainsFunc(list, c.Equal)
}

// untrusted is the kind of a chain that leads to no root.
func (t *trial) untrusted() Cause {
	switch {
	case !selfSigned(t.path[len(t.path)-1]):
		return UnknownIssuer
	case len(t.path) == 1:
		return SelfSigned
	}
	return SelfSignedInChain
}

// badSignature tells of a path in which somebody else's key signed.
func (t *trial) badSignature() bool {
	for i, c := range t.path[:len(t.path)-1] {
		by := t.path[i+1]
		if by.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) != nil {
			return true
		}
	}
	return false
}

// times judges the clock from the root down, as OpenSSL does.
func (t *trial) times() []Cause {
	var causes []Cause
	for _, c := range slices.Backward(t.path) {
		switch {
		case t.now.Before(c.NotBefore):
			causes = append(causes, NotYetValid)
		case t.now.After(c.NotAfter):
			causes = append(causes, Expired)
		}
	}
	return causes
}

// servesWeb tells whether the leaf's extended key usage is one for servers.
func servesWeb(leaf *x509.Certificate) bool {
	if len(leaf.ExtKeyUsage) == 0 && len(leaf.UnknownExtKeyUsage) == 0 {
		return true
	}
	return slices.ContainsFunc(leaf.ExtKeyUsage, func(usage x509.ExtKeyUsage) bool {
		return usage == x509.ExtKeyUsageServerAuth || usage == x509.ExtKeyUsageAny
	})
}

// named tells whether the SANs hold the host.
func (t *trial) named() bool {
	host := t.host
	if t.isIP() && strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return t.leaf().VerifyHostname(host) == nil
}

func (t *trial) isIP() bool { return net.ParseIP(t.host) != nil }

// wrongName is the kind of a leaf of which the SANs do not hold the host.
func (t *trial) wrongName() Cause {
	leaf := t.leaf()
	switch {
	case len(leaf.DNSNames) == 0 && len(leaf.IPAddresses) == 0:
		return NoSAN
	case t.isIP() && len(leaf.IPAddresses) == 0:
		return NoAddress
	}
	return WrongName
}

// commonNameMatches tells whether the subject's name is the host.
func (t *trial) commonNameMatches() bool {
	name := t.leaf().Subject.CommonName
	if base, ok := strings.CutPrefix(name, "*."); ok && !t.isIP() {
		_, rest, _ := strings.Cut(t.host, ".")
		return strings.EqualFold(rest, base)
	}
	return name != "" && strings.EqualFold(name, t.host)
}
