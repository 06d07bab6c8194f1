package diagnose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"sync"
	"time"
)

// now is the moment of all tests: real servers and made-up facts share it.
var now = time.Now()

// pair is a certificate, its key, and what stands above it.
type pair struct {
	certificate *x509.Certificate
	key         crypto.Signer
	above       []*x509.Certificate
}

var serial int64

// sign makes a certificate below a pair, or by itself where above is nil.
func sign(above *pair, key crypto.Signer, template *x509.Certificate) *pair {
	serial++
	template.SerialNumber = big.NewInt(serial)
	if template.NotBefore.IsZero() {
		template.NotBefore = now.Add(-time.Hour)
	}
	if template.NotAfter.IsZero() {
		template.NotAfter = now.Add(24 * time.Hour)
	}
	made := &pair{key: key}
	parent, by := template, key
	if above != nil {
		parent, by = above.certificate, above.key
		made.above = append([]*x509.Certificate{above.certificate}, above.above...)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), by)
	if err != nil {
		panic(err)
	}
	if made.certificate, err = x509.ParseCertificate(der); err != nil {
		panic(err)
	}
	return made
}

func newKey() crypto.Signer {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
}

// weakKey is an RSA key of a size that clients refuse.
var weakKey = sync.OnceValue(func() crypto.Signer {
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		panic(err)
	}
	return key
})

// newCA makes a CA; changes are made to its template.
func newCA(name string, changes ...func(*x509.Certificate)) *pair {
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	for _, change := range changes {
		change(template)
	}
	return sign(nil, newKey(), template)
}

// below makes a certificate for localhost below a CA.
func below(above *pair, changes ...func(*x509.Certificate)) *pair {
	return sign(above, newKey(), leafTemplate(changes...))
}

func leafTemplate(changes ...func(*x509.Certificate)) *x509.Certificate {
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: "kubeflow"}, DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, KeyUsage: x509.KeyUsageDigitalSignature,
	}
	for _, change := range changes {
		change(template)
	}
	return template
}

func named(names ...string) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = names, nil }
}

func until(t time.Time) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.NotBefore, c.NotAfter = t.Add(-48*time.Hour), t }
}

func from(t time.Time) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.NotBefore, c.NotAfter = t, t.Add(48*time.Hour) }
}

// ourCA and ourLeaf are those that a well set up Kubeflow has.
var (
	ourCA   = newCA("kftls CA")
	ourLeaf = below(ourCA)
)

// chain is the certificate and all above it.
func (p *pair) chain() []*x509.Certificate {
	return append([]*x509.Certificate{p.certificate}, p.above...)
}

func (p *pair) tls() tls.Certificate {
	made := tls.Certificate{PrivateKey: p.key}
	for _, c := range p.chain() {
		made.Certificate = append(made.Certificate, c.Raw)
	}
	return made
}

func (p *pair) pem() []byte { return pemOf(p.chain()...) }

func pemOf(list ...*x509.Certificate) []byte {
	var text []byte
	for _, c := range list {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	return text
}

func (p *pair) keyPEM() []byte {
	der, err := x509.MarshalPKCS8PrivateKey(p.key)
	if err != nil {
		panic(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func nameOf(common string) pkix.Name { return pkix.Name{CommonName: common} }
