package ca

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

// KeyAlgorithm is the kind and size of a key pair.
type KeyAlgorithm string

// The key algorithms that can be asked for. No client that was measured
// refuses ECDSA P-256, so it is the default; RSA is for clients older than those.
const (
	ECDSAP256 KeyAlgorithm = "ecdsa-p256"
	ECDSAP384 KeyAlgorithm = "ecdsa-p384"
	RSA2048   KeyAlgorithm = "rsa-2048"
	RSA3072   KeyAlgorithm = "rsa-3072"
	RSA4096   KeyAlgorithm = "rsa-4096"
)

// DefaultKeyAlgorithm is used where none is named.
const DefaultKeyAlgorithm = ECDSAP256

// KeyAlgorithms lists what ParseKeyAlgorithm accepts, the default first.
func KeyAlgorithms() []KeyAlgorithm {
	return []KeyAlgorithm{ECDSAP256, ECDSAP384, RSA2048, RSA3072, RSA4096}
}

// ParseKeyAlgorithm returns the algorithm of that name, letter case ignored.
func ParseKeyAlgorithm(name string) (KeyAlgorithm, error) {
	known := KeyAlgorithms()
	for _, k := range known {
		if strings.EqualFold(name, string(k)) {
			return k, nil
		}
	}
	choices := make([]string, len(known))
	for i, k := range known {
		choices[i] = string(k)
	}
	return "", fault.New(fault.Certificate, "use one of "+strings.Join(choices, ", "),
		"key algorithm %q is not known", name)
}

// generate makes a key pair; "" stands for the default algorithm.
func (k KeyAlgorithm) generate() (crypto.Signer, error) {
	switch k {
	case "", ECDSAP256:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case ECDSAP384:
		return ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case RSA2048:
		return rsa.GenerateKey(rand.Reader, 2048)
	case RSA3072:
		return rsa.GenerateKey(rand.Reader, 3072)
	case RSA4096:
		return rsa.GenerateKey(rand.Reader, 4096)
	}
	_, err := ParseKeyAlgorithm(string(k))
	return nil, err
}

// AlgorithmOf names the algorithm of a public key. Keys that this package does
// not make get a name too (such as "ed25519"), so that they can be shown and
// compared.
func AlgorithmOf(public crypto.PublicKey) KeyAlgorithm {
	switch key := public.(type) {
	case *ecdsa.PublicKey:
		name := strings.ToLower(strings.ReplaceAll(key.Curve.Params().Name, "-", ""))
		return KeyAlgorithm("ecdsa-" + name)
	case *rsa.PublicKey:
		return KeyAlgorithm(fmt.Sprintf("rsa-%d", key.N.BitLen()))
	}
	name := strings.TrimPrefix(fmt.Sprintf("%T", public), "*")
	return KeyAlgorithm(strings.TrimSuffix(name, ".PublicKey"))
}

// keyFingerprint is the SHA-256 of the public key's SubjectPublicKeyInfo, in
// lower-case hex.
func keyFingerprint(public crypto.PublicKey) (string, error) {
	spki, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return "", fmt.Errorf("encode public key: %w", err)
	}
	sum := sha256.Sum256(spki)
	return hex.EncodeToString(sum[:]), nil
}

// subjectKeyID is method 1 of RFC 7093, section 2: the leftmost 160 bits of the
// SHA-256 of the public key's bits. It is set on CA and leaf alike, because
// openssl's -x509_strict and Python 3.13 want it.
func subjectKeyID(public crypto.PublicKey) ([]byte, error) {
	spki, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return nil, fmt.Errorf("encode public key: %w", err)
	}
	var info struct {
		Algorithm asn1.RawValue
		PublicKey asn1.BitString
	}
	if _, err := asn1.Unmarshal(spki, &info); err != nil {
		return nil, fmt.Errorf("decode public key: %w", err)
	}
	sum := sha256.Sum256(info.PublicKey.Bytes)
	return sum[:20], nil
}

// errNoKey is what asks for a private key that is not there.
var errNoKey = errors.New("its private key is not on this computer")

// encodeKey returns a private key as PKCS#8 in PEM.
func encodeKey(key crypto.Signer) ([]byte, error) {
	if key == nil {
		return nil, errNoKey
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode private key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// decodeKey reads the first private key of PEM data: PKCS#8, or the older
// forms of openssl for EC and RSA keys. Its errors never carry key material.
func decodeKey(data []byte) (crypto.Signer, error) {
	for {
		block, rest := pem.Decode(data)
		if block == nil {
			return nil, errors.New("no private key in PEM form found")
		}
		if strings.HasSuffix(block.Type, "PRIVATE KEY") {
			return decodeKeyBlock(block)
		}
		data = rest // such as openssl's "EC PARAMETERS" before the key
	}
}

// errEncrypted is a key that cannot be read without a passphrase. None is asked
// for: a run from cron has nobody to ask.
var errEncrypted = errors.New("the private key is encrypted with a passphrase")

func decodeKeyBlock(block *pem.Block) (crypto.Signer, error) {
	if block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "" {
		return nil, errEncrypted
	}
	var key any
	var err error
	switch block.Type {
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	default:
		return nil, fmt.Errorf("a %s is not understood", strings.ToLower(block.Type))
	}
	if err != nil {
		return nil, fmt.Errorf("the private key cannot be read: %w", err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("a key of type %T cannot sign", key)
	}
	return signer, nil
}
