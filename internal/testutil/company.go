package testutil

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Company is a CA as companies have it: a root, and an intermediate that signs.
type Company struct {
	// Root is the root's certificate in PEM, Chain the intermediate's and the root's.
	Root, Chain []byte
	// Key is the intermediate's, in PEM.
	Key []byte
}

// NewCompany makes a CA that is valid for three years from now on; change, if
// any, shapes the intermediate before it is signed.
func NewCompany(t *testing.T, now time.Time, change func(issuing *x509.Certificate)) *Company {
	t.Helper()
	root, rootKey := companyTemplate("Example Root", 1, now), newCompanyKey(t)
	issuing, issuingKey := companyTemplate("Example Issuing", 2, now), newCompanyKey(t)
	if change != nil {
		change(issuing)
	}
	rootPEM, signed := signCompany(t, root, root, rootKey, rootKey)
	issuingPEM, _ := signCompany(t, issuing, signed, issuingKey, rootKey)
	key, err := x509.MarshalECPrivateKey(issuingKey)
	if err != nil {
		t.Fatal(err)
	}
	return &Company{
		Root: rootPEM, Chain: append(issuingPEM, rootPEM...),
		Key: pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: key}),
	}
}

// Write writes the chain and the key into a folder and returns the paths.
func (c *Company) Write(t *testing.T, dir string) (chain, key string) {
	t.Helper()
	chain, key = filepath.Join(dir, "chain.crt"), filepath.Join(dir, "issuing.key")
	for path, data := range map[string][]byte{chain: c.Chain, key: c.Key} {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return chain, key
}

func companyTemplate(name string, serial int64, now time.Time) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{Organization: []string{"Example"}, CommonName: name},
		NotBefore: now.AddDate(0, -1, 0), NotAfter: now.AddDate(3, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
}

func newCompanyKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func signCompany(t *testing.T, template, parent *x509.Certificate, key, parentKey *ecdsa.PrivateKey) ([]byte, *x509.Certificate) {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), parentKey)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), certificate
}
