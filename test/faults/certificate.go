package faults

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// Certificate is what is to be in tls.crt, tls.key and ca.crt; without anything
// a good certificate for localhost and 127.0.0.1, with its CA in the chain. The
// CA is the one of the step before, unless NewCA asks for another one, which has
// the same name.
type Certificate struct {
	Names      []string `json:"names"`
	IPs        []string `json:"ips"`
	CommonName string   `json:"commonName"`
	// Dates are good, expired or future.
	Dates string `json:"dates"`
	// Usage is server, client or none.
	Usage string `json:"usage"`
	// Chain is full, leaf (alone), or reversed (the CA first).
	Chain string `json:"chain"`
	// Key is that of the certificate, other, encrypted or weak (RSA 1024).
	Key        string `json:"key"`
	SelfSigned bool   `json:"selfSigned"`
	// Intermediate signs the leaf, and is left out of the chain if that is leaf.
	Intermediate bool `json:"intermediate"`
	NewCA        bool `json:"newCA"`
	CAExpired    bool `json:"caExpired"`
	// Constraint is the one domain that the CA may sign for.
	Constraint string `json:"constraint"`
}

// pair is a certificate with its key, which an ecdsa or rsa one may be.
type pair struct {
	certificate *x509.Certificate
	key         any
}

// Write makes the certificate and writes the files into a folder, ca.key among
// them.
func (c Certificate) Write(folder string) error {
	root, err := c.root(folder)
	if err != nil {
		return err
	}
	signer := root
	if c.Intermediate {
		if signer, err = sign(authority("Fault Intermediate CA"), root, ""); err != nil {
			return err
		}
	}
	if c.SelfSigned {
		signer = nil
	}
	leaf, err := sign(c.leaf(), signer, c.Key)
	if err != nil {
		return err
	}
	chain := []*x509.Certificate{leaf.certificate}
	if c.Chain != "leaf" && !c.SelfSigned {
		chain = append(chain, signer.certificate)
	}
	if c.Chain == "reversed" {
		chain[0], chain[1] = chain[1], chain[0]
	}
	if c.SelfSigned {
		root = leaf
	}
	key, err := c.encodeKey(leaf)
	if err != nil {
		return err
	}
	var text []byte
	for _, certificate := range chain {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw})...)
	}
	for name, content := range map[string][]byte{
		"tls.crt": text,
		"tls.key": key,
		"ca.crt":  pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.certificate.Raw}),
	} {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (c Certificate) leaf() *x509.Certificate {
	names, ips := c.Names, c.IPs
	if names == nil && ips == nil {
		names, ips = []string{"localhost"}, []string{"127.0.0.1"}
	}
	leaf := &x509.Certificate{
		Subject:     pkix.Name{CommonName: c.CommonName},
		DNSNames:    names,
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		NotBefore:   time.Now().Add(-48 * time.Hour),
		NotAfter:    time.Now().Add(90 * 24 * time.Hour),
	}
	for _, ip := range ips {
		leaf.IPAddresses = append(leaf.IPAddresses, net.ParseIP(ip))
	}
	switch c.Usage {
	case "client":
		leaf.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	case "none":
		leaf.ExtKeyUsage = nil
	}
	switch c.Dates {
	case "expired":
		leaf.NotAfter = time.Now().Add(-24 * time.Hour)
	case "future":
		leaf.NotBefore = time.Now().Add(24 * time.Hour)
	}
	return leaf
}

func authority(name string) *x509.Certificate {
	return &x509.Certificate{
		Subject:               pkix.Name{CommonName: name},
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		NotBefore:             time.Now().Add(-72 * time.Hour),
		NotAfter:              time.Now().Add(365 * 24 * time.Hour),
	}
}

// root is the CA of the step before, or a new one.
func (c Certificate) root(folder string) (*pair, error) {
	certificateFile, keyFile := filepath.Join(folder, "root.crt"), filepath.Join(folder, "root.key")
	if !c.NewCA && !c.CAExpired && c.Constraint == "" {
		if old, err := readPair(certificateFile, keyFile); err == nil {
			return old, nil
		}
	}
	template := authority("Fault CA")
	if c.CAExpired {
		template.NotAfter = time.Now().Add(-24 * time.Hour)
	}
	if c.Constraint != "" {
		template.PermittedDNSDomainsCritical, template.PermittedDNSDomains = true, []string{c.Constraint}
	}
	root, err := sign(template, nil, "")
	if err != nil {
		return nil, err
	}
	key, err := x509.MarshalPKCS8PrivateKey(root.key)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(certificateFile, root.certificate.Raw, 0o600); err != nil {
		return nil, err
	}
	return root, os.WriteFile(keyFile, key, 0o600)
}

func readPair(certificateFile, keyFile string) (*pair, error) {
	certificateText, err := os.ReadFile(certificateFile)
	if err != nil {
		return nil, err
	}
	keyText, err := os.ReadFile(keyFile)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(certificateText)
	if err != nil {
		return nil, err
	}
	key, err := x509.ParsePKCS8PrivateKey(keyText)
	return &pair{certificate, key}, err
}

// sign makes a key and a certificate for it; nil signs itself.
func sign(template *x509.Certificate, by *pair, kind string) (*pair, error) {
	key, public, err := newKey(kind)
	if err != nil {
		return nil, err
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, big.NewInt(1<<62)); err != nil {
		return nil, err
	}
	if by == nil {
		by = &pair{template, key}
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, by.certificate, public, by.key)
	if err != nil {
		return nil, fmt.Errorf("sign %s: %w", template.Subject, err)
	}
	certificate, err := x509.ParseCertificate(raw)
	return &pair{certificate, key}, err
}

func newKey(kind string) (key, public any, err error) {
	if kind == "weak" {
		weak, err := rsa.GenerateKey(rand.Reader, 1024) //nolint:gosec // weak is the point
		if err != nil {
			return nil, nil, err
		}
		return weak, &weak.PublicKey, nil
	}
	strong, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	return strong, &strong.PublicKey, nil
}

// encodeKey is what stands in tls.key. An encrypted one is what openssl makes
// of a key with a passphrase in the old form, which says so in its header.
func (c Certificate) encodeKey(leaf *pair) ([]byte, error) {
	key := leaf.key
	if c.Key == "other" {
		other, _, err := newKey("")
		if err != nil {
			return nil, err
		}
		key = other
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	if c.Key != "encrypted" {
		return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}), nil
	}
	return pem.EncodeToMemory(&pem.Block{
		Type:    "EC PRIVATE KEY",
		Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-256-CBC,0123456789ABCDEF0123456789ABCDEF"},
		Bytes:   raw[:len(raw)/16*16],
	}), nil
}
