// Package pki makes the keys and certificates of a testbed's control plane, and
// kubeconfigs for its users.
package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// validity of every certificate: longer than any testbed lives.
const validity = 365 * 24 * time.Hour

// Authority signs certificates.
type Authority struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// Pair is a certificate and its key, as PEM.
type Pair struct{ Cert, Key []byte }

// Server describes a server's certificate.
type Server struct {
	Name string // common name
	DNS  []string
	IPs  []string
}

// User describes a client's certificate, as Kubernetes reads it: the common
// name is the user's name, the organizations are the groups.
type User struct {
	Name   string
	Groups []string
}

// NewAuthority makes an authority, valid from an hour before now.
func NewAuthority(name string, now time.Time) (*Authority, error) {
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	template, err := template(pkix.Name{CommonName: name}, now)
	if err != nil {
		return nil, err
	}
	template.IsCA = true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign | x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("sign the authority %s: %w", name, err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("read the authority %s: %w", name, err)
	}
	return &Authority{cert: cert, key: key}, nil
}

// ReadAuthority reads NAME.crt and NAME.key from a folder.
func ReadAuthority(dir, name string) (*Authority, error) {
	cert, err := readBlock(filepath.Join(dir, name+".crt"))
	if err != nil {
		return nil, err
	}
	key, err := readBlock(filepath.Join(dir, name+".key"))
	if err != nil {
		return nil, err
	}
	parsedCert, err := x509.ParseCertificate(cert)
	if err != nil {
		return nil, fmt.Errorf("read the authority %s: %w", name, err)
	}
	parsedKey, err := x509.ParseECPrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("read the key of the authority %s: %w", name, err)
	}
	return &Authority{cert: parsedCert, key: parsedKey}, nil
}

// Pair is the authority's own certificate and key.
func (a *Authority) Pair() (Pair, error) { return pair(a.cert.Raw, a.key) }

// Pool holds the authority's certificate alone.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// CertPEM is the authority's certificate.
func (a *Authority) CertPEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})
}

// Server signs a certificate for a server. It may also be used as a client's,
// since etcd dials itself.
func (a *Authority) Server(s Server, now time.Time) (Pair, error) {
	template, err := template(pkix.Name{CommonName: s.Name}, now)
	if err != nil {
		return Pair{}, err
	}
	template.DNSNames = s.DNS
	for _, text := range s.IPs {
		ip := net.ParseIP(text)
		if ip == nil {
			return Pair{}, fmt.Errorf("make the certificate of %s: %q is no IP address", s.Name, text)
		}
		template.IPAddresses = append(template.IPAddresses, ip)
	}
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	return a.sign(template)
}

// Client signs a certificate for a user.
func (a *Authority) Client(u User, now time.Time) (Pair, error) {
	template, err := template(pkix.Name{CommonName: u.Name, Organization: u.Groups}, now)
	if err != nil {
		return Pair{}, err
	}
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	return a.sign(template)
}

func (a *Authority) sign(template *x509.Certificate) (Pair, error) {
	key, err := newKey()
	if err != nil {
		return Pair{}, err
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		return Pair{}, fmt.Errorf("sign the certificate of %s: %w", template.Subject.CommonName, err)
	}
	return pair(der, key)
}

// SigningKey makes the key with which the API server signs the tokens of
// ServiceAccounts: its private and its public half.
func SigningKey() (private, public []byte, err error) {
	key, err := newKey()
	if err != nil {
		return nil, nil, err
	}
	private, err = keyPEM(key)
	if err != nil {
		return nil, nil, err
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, nil, fmt.Errorf("write a public key: %w", err)
	}
	return private, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), nil
}

// Write writes NAME.crt and NAME.key (0600) into a folder.
func (p Pair) Write(dir, name string) error {
	for suffix, data := range map[string][]byte{".crt": p.Cert, ".key": p.Key} {
		if err := os.WriteFile(filepath.Join(dir, name+suffix), data, 0o600); err != nil {
			return fmt.Errorf("write the certificate of %s: %w", name, err)
		}
	}
	return nil
}

func template(subject pkix.Name, now time.Time) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("draw a serial number: %w", err)
	}
	return &x509.Certificate{
		SerialNumber: serial, Subject: subject, BasicConstraintsValid: true,
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(validity),
	}, nil
}

func newKey() (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	return key, nil
}

func pair(der []byte, key crypto.Signer) (Pair, error) {
	private, err := keyPEM(key)
	if err != nil {
		return Pair{}, err
	}
	return Pair{Cert: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), Key: private}, nil
}

func keyPEM(key crypto.Signer) ([]byte, error) {
	private, ok := key.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("write a key: %T is not an ECDSA key", key)
	}
	der, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		return nil, fmt.Errorf("write a key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), nil
}

func readBlock(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read a certificate or key: %w", err)
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, errors.New("read " + path + ": no PEM in it")
	}
	return block.Bytes, nil
}
