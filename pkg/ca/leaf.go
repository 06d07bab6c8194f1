package ca

import (
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"slices"
	"strings"
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
	certificate, err := sign(o.template(a, key, now), a.Certificate, key.Public(), a.Key)
	if err != nil {
		return nil, fmt.Errorf("make the certificate: %w", err)
	}
	leaf := &Leaf{Certificate: certificate, Key: key, Issuers: []*x509.Certificate{a.Certificate}}
	if err := a.verify(certificate, now); err != nil {
		return nil, fault.New(fault.Certificate, "", "verify the certificate just made: %w", err)
	}
	return leaf, nil
}

// canSign refuses what would make a leaf that clients do not accept.
func (a *Authority) canSign(o LeafOptions, now time.Time) error {
	name := "the certificate authority " + short(a.Fingerprint())
	switch {
	case a.Key == nil:
		return fault.New(fault.Certificate, "", "%s cannot sign: %w", name, errNoKey)
	case len(o.Names.DNS) == 0:
		// GnuTLS and OpenSSL apply DNS constraints to the common name of a leaf
		// that has only addresses.
		return fault.New(fault.Certificate, "add a host name, such as localhost", "a certificate needs at least one DNS name")
	case o.Validity < 0:
		return fault.New(fault.Certificate, "", "a certificate cannot be valid for %s", o.Validity)
	case o.Validity > MaxLeafValidity:
		return fault.New(fault.Certificate, "", "a certificate for %s would be refused by clients: at most %d days are allowed",
			o.Validity, MaxLeafValidity/(24*time.Hour))
	case a.Expired(now):
		return fault.New(fault.Certificate, "", "%s ended on %s", name, a.Certificate.NotAfter.Format(time.RFC3339))
	case now.Before(a.Certificate.NotBefore):
		return fault.New(fault.Certificate, "check the clock of this computer", "%s begins only on %s",
			name, a.Certificate.NotBefore.Format(time.RFC3339))
	}
	return a.Permits(o.Names)
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
	if a.Certificate.NotAfter.Before(end) {
		end = a.Certificate.NotAfter
	}
	return end
}

// verify checks chain, constraints, usage and time, as a Go client would.
func (a *Authority) verify(leaf *x509.Certificate, now time.Time) error {
	_, err := leaf.Verify(x509.VerifyOptions{
		Roots:       a.Pool(),
		CurrentTime: now,
		KeyUsages:   []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	return err
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

// NearEnd tells whether a third of the certificate's life or less is left.
func (l *Leaf) NearEnd(now time.Time) bool { return nearEnd(l.Certificate, now) }

// nearEnd counts a life from when the certificate was made: the hour before
// that would put a short life near its end at once.
func nearEnd(c *x509.Certificate, now time.Time) bool {
	life := c.NotAfter.Sub(c.NotBefore)
	if life > backdate {
		life -= backdate
	}
	return c.NotAfter.Sub(now) <= life/3
}

// Unfit returns why the leaf cannot serve the names under the authority, or
// "" when it can. An empty algorithm means that any key will do.
func (l *Leaf) Unfit(a *Authority, want Names, algorithm KeyAlgorithm, now time.Time) string {
	c := l.Certificate
	if err := c.CheckSignatureFrom(a.Certificate); err != nil {
		return "it is not signed by the certificate authority " + short(a.Fingerprint())
	}
	if missing := l.Names().missing(want); len(missing) > 0 {
		return "it lacks " + strings.Join(missing, ", ")
	}
	if has := AlgorithmOf(c.PublicKey); algorithm != "" && has != algorithm {
		return fmt.Sprintf("its key is %s, not %s", has, algorithm)
	}
	switch {
	case now.Before(c.NotBefore):
		return "it is not valid before " + c.NotBefore.Format(time.RFC3339)
	case now.After(c.NotAfter):
		return "it ended on " + c.NotAfter.Format(time.RFC3339)
	case l.NearEnd(now):
		return "it is near its end on " + c.NotAfter.Format(time.RFC3339)
	}
	if err := a.verify(c, now); err != nil {
		return "clients refuse it: " + err.Error()
	}
	return ""
}
