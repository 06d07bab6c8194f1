package ca

import (
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"slices"
	"time"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

const (
	// MaxLeafValidity is the longest life of a leaf, from its first to its last
	// second: browsers refuse public ones above 398 days, and 397 leave a day of
	// margin (https://support.apple.com/en-us/102028).
	MaxLeafValidity = 397 * 24 * time.Hour
	// maxCommonName is ub-common-name of RFC 5280, appendix A.1, in characters.
	maxCommonName = 64
)

// LeafOptions says what a new leaf is for.
type LeafOptions struct {
	// Names become the subject alternative names; at least one DNS name.
	Names Names
	// KeyAlgorithm is the kind of the key; "" is DefaultKeyAlgorithm.
	KeyAlgorithm KeyAlgorithm
	// Validity counts from Now; 0 is MaxLeafValidity less the hour by which a
	// leaf begins earlier. The authority's end cuts it short.
	Validity time.Duration
	// Now is the earlier of the local and the API server's clock; the zero
	// time stands for time.Now.
	Now time.Time
}

// Leaf is a server's certificate, its key, and the certificates above it.
type Leaf struct {
	Certificate *x509.Certificate
	// Key is nil when only the certificate is known.
	Key crypto.Signer
	// Issuers is the rest of the chain, the leaf's issuer first.
	Issuers []*x509.Certificate
}

// NewLeaf makes a key and a server certificate for it, signed by the
// authority. The result is verified before it is returned.
func (a *Authority) NewLeaf(o LeafOptions) (*Leaf, error) {
	now := instant(o.Now)
	if err := a.canSign(o, now); err != nil {
		return nil, err
	}
	key, err := o.KeyAlgorithm.generate()
	if err != nil {
		return nil, fmt.Errorf("make the key of the certificate: %w", err)
	}
	certificate, err := sign(o.template(a, key, now), a.Signer(), key.Public(), a.Key)
	if err != nil {
		return nil, fmt.Errorf("make the certificate: %w", err)
	}
	leaf := &Leaf{Certificate: certificate, Key: key, Issuers: a.chain()}
	if err := leaf.verify(a, now); err != nil {
		return nil, fault.New(fault.Certificate, "", "verify the certificate just made: %w", err)
	}
	return leaf, nil
}

// canSign refuses what would make a leaf that clients do not accept.
func (a *Authority) canSign(o LeafOptions, now time.Time) error {
	switch {
	case a.Key == nil:
		return fault.New(fault.Certificate, "", "the certificate authority %s cannot sign: %w", short(a.Fingerprint()), errNoKey)
	case len(o.Names.DNS) == 0:
		// GnuTLS and OpenSSL apply DNS constraints to the common name of a leaf
		// that has only addresses.
		return fault.New(fault.Certificate, "add a host name, such as localhost", "a certificate needs at least one DNS name")
	case o.Validity < 0:
		return fault.New(fault.Certificate, "", "a certificate cannot be valid for %s", o.Validity)
	case o.Validity > MaxLeafValidity:
		return fault.New(fault.Certificate, "", "a certificate for %s would be refused by clients: at most %d days are allowed",
			o.Validity, MaxLeafValidity/(24*time.Hour))
	}
	if err := a.InForce(now); err != nil {
		return err
	}
	return a.Permits(o.Names)
}

// InForce refuses an authority whose time, or that of one of its intermediates,
// has not come yet or is over.
func (a *Authority) InForce(now time.Time) error {
	for _, c := range slices.Backward(a.chain()) {
		name := "the certificate authority " + a.nameOf(c)
		switch {
		case now.After(c.NotAfter):
			return fault.New(fault.Certificate, "", "%s ended on %s", name, c.NotAfter.Format(time.RFC3339))
		case now.Before(c.NotBefore):
			return fault.New(fault.Certificate, "check the clock of this computer", "%s begins only on %s",
				name, c.NotBefore.Format(time.RFC3339))
		}
	}
	return nil
}

func (o LeafOptions) template(a *Authority, key crypto.Signer, now time.Time) *x509.Certificate {
	t := &x509.Certificate{
		NotBefore:             now.Add(-backdate),
		NotAfter:              o.end(a, now),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		DNSNames:              o.Names.DNS,
		IPAddresses:           o.Names.netIPs(),
	}
	// With an empty subject Go marks the SANs critical, as RFC 5280 asks.
	if first := o.Names.DNS[0]; len(first) <= maxCommonName {
		t.Subject = pkix.Name{CommonName: first}
	}
	if _, ok := key.(*rsa.PrivateKey); ok {
		t.KeyUsage |= x509.KeyUsageKeyEncipherment // the RSA key exchange of TLS 1.2
	}
	return t
}

// end is the last second of the leaf: never after the authority's, and never
// more than MaxLeafValidity after its first. Both ends count (RFC 5280, section
// 4.1.2.5), hence the second.
func (o LeafOptions) end(a *Authority, now time.Time) time.Time {
	longest := now.Add(-backdate).Add(MaxLeafValidity - time.Second)
	end := longest
	if asked := now.Add(o.Validity); o.Validity > 0 && asked.Before(longest) {
		end = asked
	}
	if last := a.End(); last.Before(end) {
		end = last
	}
	return end
}

// ChainPEM returns leaf and issuers as PEM: the content of tls.crt.
func (l *Leaf) ChainPEM() []byte {
	return encodeCertificates(slices.Concat([]*x509.Certificate{l.Certificate}, l.Issuers)...)
}

// KeyPEM returns the key as PKCS#8 in PEM: the content of tls.key. It fails
// when the key is not known.
func (l *Leaf) KeyPEM() ([]byte, error) {
	data, err := encodeKey(l.Key)
	if err != nil {
		return nil, fmt.Errorf("key of the certificate %s: %w", short(l.Fingerprint()), err)
	}
	return data, nil
}

// Fingerprint is the SHA-256 of the certificate's DER form in lower-case hex.
func (l *Leaf) Fingerprint() string { return Fingerprint(l.Certificate) }

// Names returns the subject alternative names.
func (l *Leaf) Names() Names { return NamesOf(l.Certificate) }
