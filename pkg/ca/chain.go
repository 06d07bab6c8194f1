package ca

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

// ParseAuthorityChain reads an authority that somebody else made: the
// certificate that is to sign leaves, what lies between it and its root, the root
// itself, in any order, and the key of the first. Certificates that are not part
// of the chain are passed over. Time and names are not looked at: InForce and
// Permits are.
func ParseAuthorityChain(chainPEM, keyPEM []byte) (*Authority, error) {
	certificates, err := decodeCertificates(chainPEM)
	if err != nil {
		return nil, fault.New(fault.Certificate,
			"give it in PEM; from DER: openssl x509 -inform der -in FILE -out FILE.pem", "read the certificates: %w", err)
	}
	key, err := decodeKey(keyPEM)
	if err != nil {
		return nil, fault.New(fault.Certificate, keyHint(err), "read the key: %w", err)
	}
	signs := slices.IndexFunc(certificates, func(c *x509.Certificate) bool { return pairs(key, c.PublicKey) })
	if signs < 0 {
		return nil, fault.New(fault.Certificate, "", "the private key belongs to none of the certificates: %s", describeAll(certificates))
	}
	chain, err := chainUp(certificates[signs], certificates)
	if err != nil {
		return nil, err
	}
	last := len(chain) - 1
	return &Authority{Certificate: chain[last], Intermediates: chain[:last:last], Key: key}, nil
}

func keyHint(err error) string {
	if errors.Is(err, errEncrypted) {
		return "decrypt it into a file that only you can read, and delete that afterwards: (umask 077; openssl pkey -in KEY -out plain.key)"
	}
	return "give it in PEM, as PKCS #8, EC or RSA private key"
}

// chainUp follows the issuers from a certificate up to a root among known ones.
func chainUp(first *x509.Certificate, known []*x509.Certificate) ([]*x509.Certificate, error) {
	chain := []*x509.Certificate{first}
	for range known {
		current := chain[len(chain)-1]
		if err := maySign(current); err != nil {
			return nil, fault.New(fault.Certificate, "", "the certificate %s %w", describe(current), err)
		}
		if bytes.Equal(current.RawIssuer, current.RawSubject) {
			if err := signsItself(current); err != nil {
				return nil, fault.New(fault.Certificate, "", "the certificate %s %w", describe(current), err)
			}
			return chain, nil
		}
		parent, err := issuerOf(current, known)
		if err != nil {
			return nil, err
		}
		chain = append(chain, parent)
	}
	return nil, fault.New(fault.Certificate, "", "the certificates go round in a circle: %s", describeAll(chain))
}

// issuerOf finds who signed a certificate.
func issuerOf(c *x509.Certificate, known []*x509.Certificate) (*x509.Certificate, error) {
	var refused error
	for _, parent := range known {
		if !bytes.Equal(parent.RawSubject, c.RawIssuer) {
			continue
		}
		err := maySign(parent)
		if err == nil {
			if err = c.CheckSignatureFrom(parent); err == nil {
				return parent, nil
			}
			err = fmt.Errorf("did not sign %s, which names it as its issuer: %w", describe(c), err)
		}
		refused = fault.New(fault.Certificate, "", "the certificate %s %w", describe(parent), err)
	}
	if refused != nil {
		return nil, refused
	}
	return nil, fault.New(fault.Certificate,
		"clients need the root: put all of the chain into one file: cat issuing.crt root.crt > chain.crt",
		"the chain is not complete: the issuer of %s, %q, is not in it", describe(c), c.Issuer)
}

func describeAll(certificates []*x509.Certificate) string {
	names := make([]string, len(certificates))
	for i, c := range certificates {
		names[i] = describe(c)
	}
	return strings.Join(names, ", ")
}

// pairs tells whether the private key belongs to the public key.
func pairs(private crypto.Signer, public crypto.PublicKey) bool {
	own, ok := private.Public().(interface{ Equal(crypto.PublicKey) bool })
	return ok && own.Equal(public)
}
