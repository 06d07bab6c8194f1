package clienttrust

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// entity is a certificate with its key.
type entity struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// change edits a certificate before it is signed.
type change func(*x509.Certificate)

// newCA makes what pkg/ca would not: CAs without constraints, of one name, and
// with others above.
func newCA(t testing.TB, name string, by *entity, changes ...change) *entity {
	t.Helper()
	return newEntity(t, by, &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, KeyUsage: x509.KeyUsageCertSign,
	}, changes...)
}

// newLeaf makes a leaf for localhost and 127.0.0.1; by nil, it signs itself.
func newLeaf(t testing.TB, by *entity, changes ...change) *entity {
	t.Helper()
	return newEntity(t, by, &x509.Certificate{
		Subject: pkix.Name{CommonName: "localhost"}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:    []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1).To4()},
	}, changes...)
}

func newEntity(t testing.TB, by *entity, template *x509.Certificate, changes ...change) *entity {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point, err := key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	id := sha256.Sum256(point)
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.SubjectKeyId = id[:20]
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour)
	template.BasicConstraintsValid = true
	for _, edit := range changes {
		edit(template)
	}
	parent, signer := template, crypto.Signer(key)
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &entity{cert, key}
}

func names(dns ...string) change {
	return func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = dns, nil }
}

func addresses(ips ...string) change {
	return func(c *x509.Certificate) {
		c.IPAddresses = nil
		for _, ip := range ips {
			c.IPAddresses = append(c.IPAddresses, net.ParseIP(ip))
		}
	}
}

func subject(name string) change { return func(c *x509.Certificate) { c.Subject.CommonName = name } }

func between(from, to time.Duration) change {
	return func(c *x509.Certificate) { c.NotBefore, c.NotAfter = time.Now().Add(from), time.Now().Add(to) }
}

// asCA is what openssl req -x509 and self-signing issuers make.
func asCA(c *x509.Certificate) { c.IsCA, c.KeyUsage = true, c.KeyUsage|x509.KeyUsageCertSign }

func usage(usages ...x509.ExtKeyUsage) change {
	return func(c *x509.Certificate) { c.ExtKeyUsage = usages }
}

func permits(dns ...string) change {
	return func(c *x509.Certificate) { c.PermittedDNSDomains, c.PermittedDNSDomainsCritical = dns, true }
}

func excludes(dns ...string) change {
	return func(c *x509.Certificate) { c.ExcludedDNSDomains, c.PermittedDNSDomainsCritical = dns, true }
}

func permitsAddress(cidr string) change {
	return func(c *x509.Certificate) {
		_, ipNet, _ := net.ParseCIDR(cidr)
		c.PermittedIPRanges = []*net.IPNet{ipNet}
	}
}

// scenario is one server and one CA file.
type scenario struct {
	name   string
	host   string // that is dialled
	served []*entity
	// trusted says that the clients are pointed at the CA file.
	trusted bool
	// core marks those that the slow clients are tried with although it is to be
	// short.
	core bool
}

func (s scenario) chain() []*x509.Certificate {
	var chain []*x509.Certificate
	for _, e := range s.served {
		chain = append(chain, e.cert)
	}
	return chain
}

func (s scenario) certificate() tls.Certificate {
	c := tls.Certificate{PrivateKey: s.served[0].key}
	for _, e := range s.served {
		c.Certificate = append(c.Certificate, e.cert.Raw)
	}
	return c
}

func writePEM(t testing.TB, list ...*entity) string {
	t.Helper()
	var data []byte
	for _, e := range list {
		data = append(data, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: e.cert.Raw})...)
	}
	path := filepath.Join(t.TempDir(), "ca.crt")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const (
	byName    = "localhost"
	byAddress = "127.0.0.1"
	day       = 24 * time.Hour
)

// scenarios are the servers that people come to, and what the CA file holds.
func scenarios(t testing.TB) (list []scenario, inFile []*entity) {
	root := newCA(t, "test root", nil)
	again := newCA(t, "test root", nil) // of the same name
	between1 := newCA(t, "test intermediate", root)
	between2 := newCA(t, "trusted intermediate", newCA(t, "its root", nil))
	itself := newLeaf(t, newCA(t, "root of a trusted leaf", nil), subject("trusted leaf"))
	oldRoot := newCA(t, "old root", nil, between(-2*day, -day))
	limited := newCA(t, "limited root", nil, permits("localhost"))
	excluding := newCA(t, "excluding root", nil, excludes("localhost"))
	addressed := newCA(t, "addressed root", nil, permits("localhost"), permitsAddress("127.0.0.1/32"))
	limited1 := newCA(t, "limited intermediate", root, permits("example.com"))
	good := newLeaf(t, root)
	self := newLeaf(t, nil)
	selfCA := newLeaf(t, nil, subject("self-signed CA"), asCA)
	none := newLeaf(t, nil, subject("no CA"))
	plain := func(leaf *entity, more ...*entity) []*entity { return append([]*entity{leaf}, more...) }
	ended, later := between(-2*day, -day), between(day, 2*day)
	list = []scenario{
		{core: true, name: "good", host: byName, served: plain(good), trusted: true},
		{name: "good with its CA", host: byAddress, served: plain(good, root), trusted: true},
		{name: "good below an intermediate", host: byName, served: plain(newLeaf(t, between1), between1), trusted: true},
		{core: true, name: "untrusted, with its CA", host: byName, served: plain(good, root)},
		{name: "untrusted, leaf only", host: byName, served: plain(good)},
		{name: "intermediate not served", host: byName, served: plain(newLeaf(t, between1)), trusted: true},
		{name: "intermediate served, root not trusted", host: byName, served: plain(newLeaf(t, between1), between1)},
		{name: "intermediate trusted alone", host: byName, served: plain(newLeaf(t, between2)), trusted: true},
		{core: true, name: "self-signed", host: byName, served: plain(newLeaf(t, nil))},
		{name: "self-signed, as a CA", host: byName, served: plain(newLeaf(t, nil, asCA))},
		{name: "self-signed, as a CA, trusted", host: byName, served: plain(selfCA), trusted: true},
		{name: "self-signed, trusted", host: byName, served: plain(self), trusted: true},
		{name: "leaf trusted itself", host: byName, served: plain(itself), trusted: true},
		{name: "CA made again, new one served", host: byName, served: plain(newLeaf(t, again), again), trusted: true},
		{name: "CA made again, leaf only", host: byName, served: plain(newLeaf(t, again)), trusted: true},
		{core: true, name: "expired", host: byName, served: plain(newLeaf(t, root, ended)), trusted: true},
		{name: "expired CA", host: byName, served: plain(newLeaf(t, oldRoot), oldRoot), trusted: true},
		{name: "expired and untrusted", host: byName, served: plain(newLeaf(t, root, ended), root)},
		{name: "expired and untrusted, leaf only", host: byName, served: plain(newLeaf(t, root, ended))},
		{name: "expired and wrong name", host: byName, served: plain(newLeaf(t, root, ended, names("kubeflow.example.com"))), trusted: true},
		{name: "not yet valid", host: byName, served: plain(newLeaf(t, root, later)), trusted: true},
		{core: true, name: "wrong name", host: byName, served: plain(newLeaf(t, root, names("kubeflow.example.com"))), trusted: true},
		{name: "wrong name with addresses", host: byName, served: plain(newLeaf(t, root, names(), addresses("127.0.0.1"))), trusted: true},
		{name: "address, names only", host: byAddress, served: plain(newLeaf(t, root, names("localhost"))), trusted: true},
		{name: "address, other address", host: byAddress, served: plain(newLeaf(t, root, addresses("10.0.0.1"))), trusted: true},
		{name: "subject only", host: byName, served: plain(newLeaf(t, root, names())), trusted: true},
		{name: "subject only, other name", host: byName, served: plain(newLeaf(t, root, names(), subject("kubeflow.example.com"))), trusted: true},
		{name: "no name at all", host: byName, served: plain(newLeaf(t, root, names(), subject(""))), trusted: true},
		{name: "subject only, address dialled", host: byAddress, served: plain(newLeaf(t, root, names(), subject("127.0.0.1"))), trusted: true},
		{name: "for clients", host: byName, served: plain(newLeaf(t, root, usage(x509.ExtKeyUsageClientAuth))), trusted: true},
		{name: "for clients, wrong name", host: byName, served: plain(newLeaf(t, root, usage(x509.ExtKeyUsageClientAuth), names("x.example.com"))), trusted: true},
		{name: "for clients, expired", host: byName, served: plain(newLeaf(t, root, usage(x509.ExtKeyUsageClientAuth), ended)), trusted: true},
		{name: "no usage", host: byName, served: plain(newLeaf(t, root, usage())), trusted: true},
		{core: true, name: "outside the constraints", host: byName, served: plain(newLeaf(t, limited, names("localhost", "kubeflow.example.com"))), trusted: true},
		{name: "outside the constraints and untrusted", host: byName, served: plain(newLeaf(t, limited, names("localhost", "kubeflow.example.com")), limited)},
		{name: "outside the constraints, expired", host: byName, served: plain(newLeaf(t, limited, names("localhost", "kubeflow.example.com"), ended)), trusted: true},
		{name: "outside an intermediate's constraints", host: byName, served: plain(newLeaf(t, limited1), limited1), trusted: true},
		{name: "excluded", host: byName, served: plain(newLeaf(t, excluding)), trusted: true},
		{name: "subject outside the constraints", host: byAddress, served: plain(newLeaf(t, limited, names(), addresses("127.0.0.1"), subject("kubeflow.example.com"))), trusted: true},
		{name: "subject inside the constraints", host: byAddress, served: plain(newLeaf(t, limited, names(), addresses("127.0.0.1"))), trusted: true},
		{core: true, name: "addresses constrained", host: byName, served: plain(newLeaf(t, addressed)), trusted: true},
		{name: "addresses constrained, names only", host: byName, served: plain(newLeaf(t, addressed, names("localhost"))), trusted: true},
		{name: "outside the addresses", host: byName, served: plain(newLeaf(t, addressed, addresses("10.0.0.1"))), trusted: true},
		{name: "CA that is none", host: byName, served: plain(newLeaf(t, none), none), trusted: true},
	}
	return list, plain(root, oldRoot, limited, excluding, addressed, between2, itself, self, selfCA, none)
}
