package diagnose

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// encryptedKey is a key with a passphrase, as openssl pkcs8 writes it: the block
// alone tells.
const encryptedKey = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIH0MF8GCSqGSIb3DQEFDTBSMDEGCSqGSIb3DQEFDDAk\n-----END ENCRYPTED PRIVATE KEY-----\n"

// curve is what openssl ecparam writes before a key.
const curve = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"

func block(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func TestKeyForms(t *testing.T) {
	rsaKey := must(rsa.GenerateKey(rand.Reader, 2048))
	ecKey := newKey().(*ecdsa.PrivateKey)
	_, edKey, _ := ed25519.GenerateKey(rand.Reader)
	agreement := must(ecdh.X25519().GenerateKey(rand.Reader))
	sec1 := must(x509.MarshalECPrivateKey(ecKey))
	pkcs8 := func(key any) []byte { return block("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(key))) }
	legacy := pem.EncodeToMemory(&pem.Block{
		Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(rsaKey),
		Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-256-CBC,00112233445566778899AABBCCDDEEFF"},
	})
	certificate := map[string]*x509.Certificate{}
	for name, key := range map[string]crypto.Signer{"rsa": rsaKey, "ec": ecKey, "ed": edKey} {
		certificate[name] = sign(ourCA, key, leafTemplate()).certificate
	}
	for name, tc := range map[string]struct {
		text []byte
		of   string // the certificate that it belongs to
		err  error
	}{
		"PKCS #1":                   {block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey)), "rsa", nil},
		"SEC 1":                     {block("EC PRIVATE KEY", sec1), "ec", nil},
		"SEC 1 behind its curve":    {append([]byte(curve), block("EC PRIVATE KEY", sec1)...), "ec", nil},
		"PKCS #8, RSA":              {pkcs8(rsaKey), "rsa", nil},
		"PKCS #8, EC":               {pkcs8(ecKey), "ec", nil},
		"PKCS #8, Ed25519":          {pkcs8(edKey), "ed", nil},
		"behind a certificate":      {append(pemOf(ourCA.certificate), pkcs8(ecKey)...), "ec", nil},
		"behind words":              {append([]byte("Bag Attributes\n    friendlyName: kubeflow\n"), pkcs8(ecKey)...), "ec", nil},
		"with carriage returns":     {bytes.ReplaceAll(pkcs8(ecKey), []byte("\n"), []byte("\r\n")), "ec", nil},
		"PKCS #8, X25519's like":    {pkcs8(agreement), "nobody", nil},
		"PKCS #8 with a passphrase": {[]byte(encryptedKey), "", errEncrypted},
		"PKCS #1 with a passphrase": {legacy, "", errEncrypted},
		"empty":                     {nil, "", errNoPEM},
		"garbage":                   {[]byte("\x30\x82\x04\xbd"), "", errNoPEM},
		"a certificate":             {pemOf(ourCA.certificate), "", errNoPEM},
		"base64 of PEM":             {[]byte("LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0tCg=="), "", errNoPEM},
		"cut off":                   {pkcs8(ecKey)[:60], "", errNoPEM},
		"a block without a key":     {block("PRIVATE KEY", []byte("nothing")), "", nil},
	} {
		key, err := parsePrivateKey(tc.text)
		if tc.of == "" {
			if err == nil || tc.err != nil && !errors.Is(err, tc.err) {
				t.Errorf("%s: %v, want %v", name, err, tc.err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for of, c := range certificate {
			if belongs(key, c) != (of == tc.of) {
				t.Errorf("%s: belongs to the certificate of %s: %t", name, of, belongs(key, c))
			}
		}
	}
}

func TestReadSecret(t *testing.T) {
	middle := sign(ourCA, newKey(), &x509.Certificate{Subject: nameOf("between"), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	leaf := below(middle)
	full := []*x509.Certificate{leaf.certificate, middle.certificate, ourCA.certificate}
	reversed := []*x509.Certificate{ourCA.certificate, middle.certificate, leaf.certificate}
	broken := slices.Concat(leaf.pem(), block("CERTIFICATE", []byte("nothing")), pemOf(ourCA.certificate))
	for name, tc := range map[string]struct {
		data          map[string][]byte
		field         string
		length        int
		fits, empty   bool
		ca            bool
		chainBad, bad bool
	}{
		"kubernetes.io/tls":            {data: map[string][]byte{"tls.crt": pemOf(full...), "tls.key": leaf.keyPEM()}, field: "tls.crt", length: 3, fits: true},
		"with a CA":                    {data: map[string][]byte{"tls.crt": pemOf(full...), "tls.key": leaf.keyPEM(), "ca.crt": pemOf(ourCA.certificate)}, field: "tls.crt", length: 3, fits: true, ca: true},
		"generic":                      {data: map[string][]byte{"cert": leaf.pem(), "key": leaf.keyPEM(), "cacert": {}}, field: "cert", length: 3, fits: true, ca: true},
		"both, the generic counts":     {data: map[string][]byte{"cert": leaf.pem(), "key": leaf.keyPEM(), "tls.crt": ourLeaf.pem(), "tls.key": ourLeaf.keyPEM()}, field: "cert", length: 3, fits: true},
		"both, the generic is empty":   {data: map[string][]byte{"cert": {}, "key": {}, "tls.crt": leaf.pem(), "tls.key": leaf.keyPEM()}, field: "tls.crt", length: 3, fits: true},
		"leaf alone":                   {data: map[string][]byte{"tls.crt": pemOf(leaf.certificate), "tls.key": leaf.keyPEM()}, field: "tls.crt", length: 1, fits: true},
		"the CA first":                 {data: map[string][]byte{"tls.crt": pemOf(reversed...), "tls.key": leaf.keyPEM()}, field: "tls.crt", length: 3},
		"another key":                  {data: map[string][]byte{"tls.crt": leaf.pem(), "tls.key": ourLeaf.keyPEM()}, field: "tls.crt", length: 3},
		"one of three is broken":       {data: map[string][]byte{"tls.crt": broken, "tls.key": leaf.keyPEM()}, field: "tls.crt", length: 4, fits: true, chainBad: true},
		"half of a pair":               {data: map[string][]byte{"tls.crt": leaf.pem(), "key": leaf.keyPEM()}},
		"other fields":                 {data: map[string][]byte{"server.crt": leaf.pem(), "server.key": leaf.keyPEM()}},
		"nothing":                      {},
		"empty":                        {data: map[string][]byte{"tls.crt": {}, "tls.key": {}}, field: "tls.crt", empty: true},
		"a line end in place of a key": {data: map[string][]byte{"tls.crt": leaf.pem(), "tls.key": []byte("\n")}, field: "tls.crt", empty: true},
		"no PEM":                       {data: map[string][]byte{"tls.crt": []byte("x"), "tls.key": []byte("x")}, field: "tls.crt", chainBad: true, bad: true},
		"an encrypted key":             {data: map[string][]byte{"tls.crt": leaf.pem(), "tls.key": []byte(encryptedKey)}, field: "tls.crt", length: 3, bad: true},
	} {
		f := readSecret(&corev1.Secret{Data: tc.data})
		if f.CertificateField != tc.field || len(f.Chain) != tc.length || f.Fits != tc.fits || f.Empty != tc.empty || f.HasCA != tc.ca ||
			(f.ChainErr != nil) != tc.chainBad || (f.KeyErr != nil) != tc.bad {
			t.Errorf("%s: %+v", name, f)
		}
		if len(f.Keys) != len(tc.data) || !slices.IsSorted(f.Keys) {
			t.Errorf("%s: fields %v", name, f.Keys)
		}
	}
}
