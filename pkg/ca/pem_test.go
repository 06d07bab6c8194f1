package ca

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"slices"
	"strings"
	"testing"
)

func block(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func mustKeyPEM(t testing.TB, keeper interface{ KeyPEM() ([]byte, error) }) []byte {
	t.Helper()
	data, err := keeper.KeyPEM()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestAuthorityThroughPEM(t *testing.T) {
	a := mustAuthority(t, AuthorityOptions{Permit: DefaultNames()})
	for name, key := range map[string][]byte{"with key": mustKeyPEM(t, a), "without": nil} {
		got, err := ParseAuthority(a.CertificatePEM(), key)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got.Fingerprint() != a.Fingerprint() || (got.Key != nil) != (key != nil) {
			t.Errorf("%s: %s with key %v", name, got.Fingerprint(), got.Key != nil)
		}
		if key != nil {
			mustLeaf(t, got, LeafOptions{Names: DefaultNames()})
		}
	}
}

func TestLeafThroughPEM(t *testing.T) {
	a := mustAuthority(t, AuthorityOptions{Permit: DefaultNames()})
	l := mustLeaf(t, a, LeafOptions{Names: DefaultNames()})
	got, err := ParseLeaf(l.ChainPEM(), mustKeyPEM(t, l))
	if err != nil {
		t.Fatal(err)
	}
	if got.Fingerprint() != l.Fingerprint() || len(got.Issuers) != 1 || !got.Issuers[0].Equal(a.Certificate) {
		t.Errorf("read back as %s with %d issuers", got.Fingerprint(), len(got.Issuers))
	}
	if reason := got.Unfit(a, Demand{Names: DefaultNames()}, noon); reason != "" {
		t.Errorf("unfit: %s", reason)
	}
	if got, err = ParseLeaf(l.ChainPEM(), nil); err != nil || got.Key != nil {
		t.Errorf("without key: %v, %v", got, err)
	}
	if _, err := got.KeyPEM(); err == nil || !strings.Contains(err.Error(), "private key is not on this computer") {
		t.Errorf("key of a leaf without: %v", err)
	}
	if _, err := (&Authority{Certificate: a.Certificate}).KeyPEM(); err == nil {
		t.Error("key of an authority without")
	}
}

func TestParseAuthorityRefuses(t *testing.T) {
	a := mustAuthority(t, AuthorityOptions{Permit: DefaultNames()})
	b := mustAuthority(t, AuthorityOptions{Permit: DefaultNames()})
	l := mustLeaf(t, a, LeafOptions{Names: DefaultNames()})
	cert, key := a.CertificatePEM(), mustKeyPEM(t, a)
	keyDER, _ := pem.Decode(key)
	for name, tt := range map[string]struct {
		cert, key []byte
		text      string
	}{
		"nothing":              {nil, nil, "no certificate in PEM form found"},
		"no PEM":               {[]byte("-----BEGIN CERTIFICATE-----\nMII"), nil, "no certificate in PEM form found"},
		"broken certificate":   {block("CERTIFICATE", []byte("x")), nil, "certificate 1 cannot be read"},
		"a key":                {key, nil, "a private key found where certificates are expected"},
		"two":                  {slices.Concat(cert, b.CertificatePEM()), nil, "2 certificates found where one is expected"},
		"a leaf":               {encodeCertificates(l.Certificate), nil, "is not that of a certificate authority"},
		"an intermediate":      {encodeCertificates(intermediate(t, a, x509.KeyUsageCertSign)), nil, "is not signed by itself"},
		"no right to sign":     {encodeCertificates(intermediate(t, a, x509.KeyUsageDigitalSignature)), nil, "lacks keyCertSign"},
		"unknown critical":     {encodeCertificates(withCriticalExtension(t)), nil, "critical extension that is not understood (1.2.3.4)"},
		"another's key":        {cert, mustKeyPEM(t, b), "does not belong to the certificate authority " + a.Fingerprint()[:12]},
		"empty key":            {cert, []byte{}, "no private key in PEM form found"},
		"certificate for key":  {cert, cert, "no private key in PEM form found"},
		"broken key":           {cert, block("PRIVATE KEY", keyDER.Bytes[:20]), "the private key cannot be read"},
		"encrypted key":        {cert, block("ENCRYPTED PRIVATE KEY", keyDER.Bytes), "encrypted with a passphrase"},
		"old encrypted key":    {cert, encryptedTheOldWay(keyDER.Bytes), "encrypted with a passphrase"},
		"key of another kind":  {cert, block("DSA PRIVATE KEY", keyDER.Bytes), "a dsa private key is not understood"},
		"key that cannot sign": {cert, block("PRIVATE KEY", agreementKey(t)), "cannot sign"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseAuthority(tt.cert, tt.key)
			mustRefuse(t, err, tt.text)
			for _, line := range strings.Split(strings.TrimSpace(string(tt.key)), "\n") {
				if line != "" && strings.Contains(err.Error(), line) {
					t.Errorf("the error shows the key")
				}
			}
		})
	}
}

func TestParseLeafRefuses(t *testing.T) {
	a := mustAuthority(t, AuthorityOptions{Permit: DefaultNames()})
	l := mustLeaf(t, a, LeafOptions{Names: DefaultNames()})
	other := mustLeaf(t, a, LeafOptions{Names: DefaultNames()})
	for name, tt := range map[string]struct {
		chain, key []byte
		text       string
	}{
		"nothing":       {nil, nil, "no certificate in PEM form found"},
		"wrong order":   {slices.Concat(a.CertificatePEM(), encodeCertificates(l.Certificate)), nil, "which follows it"},
		"wrong issuer":  {encodeCertificates(l.Certificate, other.Certificate), nil, "which follows it"},
		"another's key": {l.ChainPEM(), mustKeyPEM(t, other), "does not belong to the certificate \"localhost\""},
		"broken key":    {l.ChainPEM(), []byte("key"), "no private key in PEM form found"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseLeaf(tt.chain, tt.key)
			mustRefuse(t, err, tt.text)
		})
	}
}

// TestKeysOfOtherTools reads what openssl's older commands write.
func TestKeysOfOtherTools(t *testing.T) {
	ec := mustAuthority(t, AuthorityOptions{Permit: DefaultNames()})
	ecDER, err := x509.MarshalECPrivateKey(ec.Key.(*ecdsa.PrivateKey))
	if err != nil {
		t.Fatal(err)
	}
	old := mustAuthority(t, AuthorityOptions{Permit: DefaultNames(), KeyAlgorithm: RSA2048})
	rsaDER := x509.MarshalPKCS1PrivateKey(old.Key.(*rsa.PrivateKey))
	parameters := block("EC PARAMETERS", []byte{6, 8, 42, 134, 72, 206, 61, 3, 1, 7})
	for name, tt := range map[string]struct {
		a   *Authority
		key []byte
	}{
		"EC":                 {ec, block("EC PRIVATE KEY", ecDER)},
		"EC with parameters": {ec, slices.Concat(parameters, block("EC PRIVATE KEY", ecDER))},
		"RSA":                {old, block("RSA PRIVATE KEY", rsaDER)},
	} {
		text := slices.Concat([]byte("Certificate:\n    Data:\n"), tt.a.CertificatePEM()) // as openssl x509 -text
		if got, err := ParseAuthority(text, tt.key); err != nil || !pairs(got.Key, tt.a.Certificate.PublicKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestParseBundle(t *testing.T) {
	a := mustAuthority(t, AuthorityOptions{Permit: DefaultNames()})
	b := mustAuthority(t, AuthorityOptions{Permit: DefaultNames()})
	all, err := ParseBundle(slices.Concat(a.CertificatePEM(), []byte("\n# the next\n"), b.CertificatePEM()))
	if err != nil || len(all) != 2 || all[0].Fingerprint() != a.Fingerprint() || all[1].Fingerprint() != b.Fingerprint() {
		t.Errorf("read as %d authorities, %v", len(all), err)
	}
}

func TestMadeHere(t *testing.T) {
	a := mustAuthority(t, AuthorityOptions{Permit: DefaultNames()})
	l := mustLeaf(t, a, LeafOptions{Names: DefaultNames()})
	for name, tt := range map[string]struct {
		certificate *x509.Certificate
		want        bool
	}{
		"CA":      {a.Certificate, true},
		"leaf":    {l.Certificate, true},
		"foreign": {withCriticalExtension(t), false},
	} {
		if got := MadeHere(tt.certificate); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// intermediate is a CA certificate below a, which itself allows none.
func intermediate(t *testing.T, a *Authority, usage x509.KeyUsage) *x509.Certificate {
	t.Helper()
	key, err := ECDSAP256.generate()
	if err != nil {
		t.Fatal(err)
	}
	c, err := sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: "below"}, NotBefore: noon, NotAfter: noon.AddDate(1, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: usage,
	}, a.Certificate, key.Public(), a.Key)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// withCriticalExtension is a root of somebody else.
func withCriticalExtension(t *testing.T) *x509.Certificate {
	t.Helper()
	key, err := ECDSAP256.generate()
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: "root of others"}, NotBefore: noon, NotAfter: noon.AddDate(1, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		ExtraExtensions: []pkix.Extension{{Id: []int{1, 2, 3, 4}, Critical: true, Value: []byte{5, 0}}},
	}
	c, err := sign(template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func encryptedTheOldWay(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: der, Headers: map[string]string{
		"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-256-CBC,00",
	}})
}

// agreementKey is an X25519 key in PKCS#8.
func agreementKey(t *testing.T) []byte {
	t.Helper()
	key, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func FuzzParseAuthority(f *testing.F) {
	a := mustAuthority(f, AuthorityOptions{Permit: DefaultNames(), PermitDNS: []string{"a.example"}, ConstrainIPs: true})
	l := mustLeaf(f, a, LeafOptions{Names: DefaultNames()})
	f.Add(a.CertificatePEM(), mustKeyPEM(f, a))
	f.Add(l.ChainPEM(), mustKeyPEM(f, l))
	f.Add(slices.Concat(a.CertificatePEM(), a.CertificatePEM()), []byte("x"))
	f.Fuzz(func(t *testing.T, cert, key []byte) {
		got, err := ParseAuthority(cert, key)
		if err != nil {
			return
		}
		if _, err := ParseAuthority(got.CertificatePEM(), nil); err != nil {
			t.Errorf("what was read is not read again: %v", err)
		}
		if got.Key == nil || !bytes.Contains(mustKeyPEM(t, got), []byte("PRIVATE KEY")) {
			t.Error("a key was given, and none is there")
		}
		_ = got.Permits(DefaultNames())
		_ = Text(got.Certificate)
	})
}

func FuzzParseLeaf(f *testing.F) {
	a := mustAuthority(f, AuthorityOptions{Permit: DefaultNames()})
	l := mustLeaf(f, a, LeafOptions{Names: DefaultNames()})
	f.Add(l.ChainPEM())
	f.Add(a.CertificatePEM())
	f.Add(slices.Concat([]byte("text\n"), l.ChainPEM(), mustKeyPEM(f, l)))
	f.Fuzz(func(t *testing.T, chain []byte) {
		got, err := ParseLeaf(chain, nil)
		if err != nil {
			return
		}
		again, err := ParseLeaf(got.ChainPEM(), nil)
		if err != nil || again.Fingerprint() != got.Fingerprint() || len(again.Issuers) != len(got.Issuers) {
			t.Errorf("what was read is not read again: %v", err)
		}
		_ = got.Unfit(a, Demand{Names: DefaultNames(), KeyAlgorithm: ECDSAP256}, noon)
		_ = Text(got.Certificate)
		_ = MadeHere(got.Certificate)
	})
}
