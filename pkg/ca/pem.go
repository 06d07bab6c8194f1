package ca

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

// ParseAuthority reads the PEM of one self-signed CA certificate and, unless
// keyPEM is nil, of its private key. A certificate that may not sign others,
// or a key of another certificate, is an error.
func ParseAuthority(certPEM, keyPEM []byte) (*Authority, error) {
	all, err := ParseBundle(certPEM)
	if err != nil {
		return nil, err
	}
	if len(all) > 1 {
		return nil, fault.New(fault.Certificate, "", "read a certificate authority: %d certificates found where one is expected", len(all))
	}
	a := all[0]
	if keyPEM == nil {
		return a, nil
	}
	if a.Key, err = decodeKey(keyPEM); err != nil {
		return nil, fault.New(fault.Certificate, "", "read the key of the certificate authority %s: %w", short(a.Fingerprint()), err)
	}
	if !pairs(a.Key, a.Certificate.PublicKey) {
		return nil, fault.New(fault.Certificate, "", "the private key does not belong to the certificate authority %s", short(a.Fingerprint()))
	}
	return a, nil
}

// ParseBundle reads the PEM of one or more self-signed CA certificates, as
// ca.crt holds them while one authority follows another.
func ParseBundle(certPEM []byte) ([]*Authority, error) {
	certificates, err := decodeCertificates(certPEM)
	if err != nil {
		return nil, fault.New(fault.Certificate, "", "read a certificate authority: %w", err)
	}
	all := make([]*Authority, len(certificates))
	for i, c := range certificates {
		if err := checkAuthority(c); err != nil {
			return nil, fault.New(fault.Certificate, "", "the certificate %s %w", describe(c), err)
		}
		all[i] = &Authority{Certificate: c}
	}
	return all, nil
}

// checkAuthority's errors, and those of its parts, continue a sentence about the
// certificate.
func checkAuthority(c *x509.Certificate) error {
	if err := maySign(c); err != nil {
		return err
	}
	return signsItself(c)
}

func maySign(c *x509.Certificate) error {
	switch {
	case !c.BasicConstraintsValid || !c.IsCA:
		return errors.New("is not that of a certificate authority")
	case c.KeyUsage != 0 && c.KeyUsage&x509.KeyUsageCertSign == 0:
		return errors.New("may not sign other certificates (its key usage lacks keyCertSign)")
	case len(c.UnhandledCriticalExtensions) > 0:
		return fmt.Errorf("has a critical extension that is not understood (%s)", c.UnhandledCriticalExtensions[0])
	}
	return nil
}

func signsItself(c *x509.Certificate) error {
	if err := c.CheckSignatureFrom(c); err != nil {
		// curl and openssl accept only a root as the end of a chain.
		return fmt.Errorf("is not signed by itself, so clients do not take it for a root: %w", err)
	}
	return nil
}

// ParseLeaf reads the PEM of a server's certificate, followed by the
// certificates above it, and, unless keyPEM is nil, of its private key. A
// chain out of order or a key of another certificate is an error.
func ParseLeaf(chainPEM, keyPEM []byte) (*Leaf, error) {
	chain, err := decodeCertificates(chainPEM)
	if err != nil {
		return nil, fault.New(fault.Certificate, "", "read a certificate: %w", err)
	}
	l := &Leaf{Certificate: chain[0], Issuers: chain[1:]}
	for i, issuer := range l.Issuers {
		if err := chain[i].CheckSignatureFrom(issuer); err != nil {
			return nil, fault.New(fault.Certificate, "", "the certificate %s is not signed by %s, which follows it: %w",
				describe(chain[i]), describe(issuer), err)
		}
	}
	if keyPEM == nil {
		return l, nil
	}
	if l.Key, err = decodeKey(keyPEM); err != nil {
		return nil, fault.New(fault.Certificate, "", "read the key of the certificate %s: %w", describe(l.Certificate), err)
	}
	if !pairs(l.Key, l.Certificate.PublicKey) {
		return nil, fault.New(fault.Certificate, "", "the private key does not belong to the certificate %s", describe(l.Certificate))
	}
	return l, nil
}

// decodeCertificates returns at least one certificate. Text around the PEM
// blocks is skipped, as openssl writes it; other blocks are an error.
func decodeCertificates(data []byte) ([]*x509.Certificate, error) {
	var out []*x509.Certificate
	for {
		block, rest := pem.Decode(data)
		if block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("a %s found where certificates are expected", strings.ToLower(block.Type))
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d cannot be read: %w", len(out)+1, err)
		}
		out = append(out, c)
		data = rest
	}
	if len(out) == 0 {
		return nil, errors.New("no certificate in PEM form found")
	}
	return out, nil
}

// describe names a certificate in a message: its subject, or what else there is.
func describe(c *x509.Certificate) string {
	if c.Subject.CommonName != "" {
		return fmt.Sprintf("%q (%s)", c.Subject.CommonName, short(Fingerprint(c)))
	}
	return short(Fingerprint(c))
}
