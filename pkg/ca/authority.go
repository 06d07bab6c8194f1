package ca

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

const (
	// DefaultAuthorityValidity is ten years of 365 days. A private root is
	// renewed by hand on every client, so it must be rare.
	DefaultAuthorityValidity = 10 * 365 * 24 * time.Hour
	// backdate is how long before now certificates begin, for clients whose
	// clock is behind.
	backdate = time.Hour
	// nameStart begins the common name of each authority made here.
	nameStart = "kftls CA "
)

// AuthorityOptions says what a new certificate authority is for.
type AuthorityOptions struct {
	// Permit holds the names asked for. Their DNS subtrees become the critical
	// name constraints.
	Permit Names
	// PermitDNS widens the constraints by further DNS subtrees.
	PermitDNS []string
	// ConstrainIPs permits exactly the addresses in Permit and no others.
	// BoringSSL clients (gRPC, Envoy, Bun) then refuse every leaf that has an
	// IP SAN.
	ConstrainIPs bool
	// Unconstrained leaves the name constraints out, for clients that cannot
	// read them (mbedTLS).
	Unconstrained bool
	// KeyAlgorithm is the kind of the key; "" is DefaultKeyAlgorithm.
	KeyAlgorithm KeyAlgorithm
	// Validity counts from Now; 0 is DefaultAuthorityValidity.
	Validity time.Duration
	// Now is the earlier of the local and the API server's clock; the zero
	// time stands for time.Now.
	Now time.Time
}

// Authority is a certificate authority: the certificate that clients trust,
// and the key that signs leaves.
type Authority struct {
	// Certificate is the root, signed by itself.
	Certificate *x509.Certificate
	// Intermediates lead from the leaves up to the root: the one that signs
	// leaves first. There are none where the root signs them itself.
	Intermediates []*x509.Certificate
	// Key belongs to the certificate that signs leaves; it is nil when only
	// certificates are known.
	Key crypto.Signer
}

// NewAuthority makes a key and a self-signed certificate for it. Its common
// name carries the first 12 hex digits of the SHA-256 of its public key, so that
// two authorities never share a name.
func NewAuthority(o AuthorityOptions) (*Authority, error) {
	now := instant(o.Now)
	validity := o.Validity
	if validity == 0 {
		validity = DefaultAuthorityValidity
	}
	if validity < 0 {
		return nil, fault.New(fault.Certificate, "", "a certificate authority cannot be valid for %s", validity)
	}
	template := &x509.Certificate{
		NotBefore:             now.Add(-backdate),
		NotAfter:              now.Add(validity),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLen:            0,
		MaxPathLenZero:        true,
	}
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if err := o.constrain(template); err != nil {
		return nil, err
	}
	key, err := o.KeyAlgorithm.generate()
	if err != nil {
		return nil, fmt.Errorf("make the key of the certificate authority: %w", err)
	}
	keyPrint, err := keyFingerprint(key.Public())
	if err != nil {
		return nil, err
	}
	template.Subject = pkix.Name{CommonName: nameStart + short(keyPrint)}
	certificate, err := sign(template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("make the certificate authority: %w", err)
	}
	return &Authority{Certificate: certificate, Key: key}, nil
}

// MadeHere tells by the issuer's name whether an authority of this package
// signed a certificate (an authority signs itself).
func MadeHere(c *x509.Certificate) bool { return strings.HasPrefix(c.Issuer.CommonName, nameStart) }

// sign completes the template with a serial number and key identifier, signs
// it, and returns the certificate as parsed from the result. The parent of a
// leaf must be such a parsed certificate: from a template Go would leave the
// authority key identifier out, and Python 3.13 refuses that leaf.
func sign(template, parent *x509.Certificate, public crypto.PublicKey, key crypto.Signer) (*x509.Certificate, error) {
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	template.SerialNumber = serial
	if template.SubjectKeyId, err = subjectKeyID(public); err != nil {
		return nil, err
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	return x509.ParseCertificate(der)
}

// newSerial returns 128 random bits. RFC 5280 wants the number positive; zero
// does not come up in the life of the universe, but costs one line.
func newSerial() (*big.Int, error) {
	for {
		serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 128))
		if err != nil {
			return nil, fmt.Errorf("draw a serial number: %w", err)
		}
		if serial.Sign() > 0 {
			return serial, nil
		}
	}
}

// instant returns t, or the present for the zero time, in whole seconds of UTC:
// a certificate holds no finer time.
func instant(t time.Time) time.Time {
	if t.IsZero() {
		t = time.Now()
	}
	return t.UTC().Truncate(time.Second)
}

// Fingerprint is the SHA-256 of the certificate's DER form in lower-case hex.
func Fingerprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return hex.EncodeToString(sum[:])
}

// Fingerprint is the SHA-256 of the certificate's DER form in lower-case hex.
func (a *Authority) Fingerprint() string { return Fingerprint(a.Certificate) }

// Pool is what a client trusts that trusts this authority alone.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.Certificate)
	return pool
}

// CertificatePEM returns the certificate as PEM: the content of ca.crt.
func (a *Authority) CertificatePEM() []byte { return encodeCertificates(a.Certificate) }

// KeyPEM returns the key as PKCS#8 in PEM. It fails when the key is not known.
func (a *Authority) KeyPEM() ([]byte, error) {
	data, err := encodeKey(a.Key)
	if err != nil {
		return nil, fmt.Errorf("key of the certificate authority %s: %w", short(a.Fingerprint()), err)
	}
	return data, nil
}

// Expired tells whether the time of the authority is over.
func (a *Authority) Expired(now time.Time) bool { return now.After(a.End()) }

// NearEnd tells whether a third of the authority's life or less is left.
func (a *Authority) NearEnd(now time.Time) bool {
	return slices.ContainsFunc(a.chain(), func(c *x509.Certificate) bool { return RenewalDue(c, now, 0) })
}

// chain is all certificates: the one that signs leaves first, the root last.
func (a *Authority) chain() []*x509.Certificate {
	return append(slices.Clone(a.Intermediates), a.Certificate)
}

// Signer is the certificate that signs leaves.
func (a *Authority) Signer() *x509.Certificate { return a.chain()[0] }

// End is when the first of the certificates ends: no leaf is valid for longer.
func (a *Authority) End() time.Time {
	end := a.Certificate.NotAfter
	for _, c := range a.Intermediates {
		if c.NotAfter.Before(end) {
			end = c.NotAfter
		}
	}
	return end
}

func encodeCertificates(certificates ...*x509.Certificate) []byte {
	var out []byte
	for _, c := range certificates {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	return out
}
