package diagnose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kftls/kubectl-kftls/pkg/cluster"
	"github.com/kftls/kubectl-kftls/pkg/gateway"
)

// SecretFacts are what a TLS Secret is like. The key is compared in memory and
// not kept.
type SecretFacts struct {
	Type corev1.SecretType
	// Keys are the names of its fields, sorted.
	Keys []string
	// CertificateField and KeyField are those that istiod takes, "" for none.
	CertificateField, KeyField string
	// HasCA tells that there is a ca.crt or cacert for client certificates.
	HasCA bool
	// Empty tells that one of both is empty.
	Empty bool
	// Chain is what the certificate field holds, the first certificate first.
	Chain []*x509.Certificate
	// ChainErr is why it cannot be read.
	ChainErr error
	// KeyErr is why the key cannot be read; ErrEncrypted for one with a passphrase.
	KeyErr error
	// Fits tells that the key belongs to the first certificate.
	Fits bool
}

var (
	errEncrypted = errors.New("the key is encrypted with a passphrase, which nobody gives to the gateway")
	errNoPEM     = errors.New("no PEM block is in it")
	errNotRead   = errors.New("not read, as --no-secrets says")
)

// secretFields are the pairs of fields that istiod takes: the first that holds
// something (pilot/pkg/credentials/kube/secrets.go of istio/istio).
var secretFields = [][2]string{{"cert", "key"}, {"tls.crt", "tls.key"}}

func readSecret(s *corev1.Secret) *SecretFacts {
	f := &SecretFacts{Type: s.Type, Keys: slices.Sorted(maps.Keys(s.Data))}
	_, one := s.Data["ca.crt"]
	_, two := s.Data["cacert"]
	f.HasCA = one || two
	for _, pair := range secretFields {
		certificate, hasCertificate := s.Data[pair[0]]
		key, hasKey := s.Data[pair[1]]
		isFull := len(certificate) > 0 && len(key) > 0
		if hasCertificate && hasKey && (isFull || f.CertificateField == "") {
			f.CertificateField, f.KeyField = pair[0], pair[1]
		}
		if isFull {
			break
		}
	}
	if f.CertificateField != "" {
		f.read(s.Data[f.CertificateField], s.Data[f.KeyField])
	}
	return f
}

func (f *SecretFacts) read(certificate, key []byte) {
	f.Empty = len(strings.TrimSpace(string(certificate))) == 0 || len(strings.TrimSpace(string(key))) == 0
	if f.Empty {
		return
	}
	f.Chain, f.ChainErr = parseCertificates(certificate)
	private, err := parsePrivateKey(key)
	if err != nil {
		f.KeyErr = err
		return
	}
	if len(f.Chain) > 0 {
		f.Fits = belongs(private, f.Chain[0])
	}
}

// parseCertificates reads the certificates of a PEM file. One that cannot be read
// is an error beside those that can.
func parseCertificates(text []byte) (chain []*x509.Certificate, err error) {
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		certificate, parseErr := x509.ParseCertificate(block.Bytes)
		if parseErr != nil {
			err = parseErr
			continue
		}
		chain = append(chain, certificate)
	}
	if len(chain) == 0 && err == nil {
		err = errNoPEM
	}
	return chain, err
}

// parsePrivateKey reads a key in any of the forms that openssl writes. Its errors
// hold nothing of the key.
func parsePrivateKey(text []byte) (crypto.PrivateKey, error) {
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			return nil, errNoPEM
		}
		switch block.Type {
		case "ENCRYPTED PRIVATE KEY":
			return nil, errEncrypted
		case "PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY":
		default: // parameters of a curve stand before a key
			continue
		}
		if strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED") {
			return nil, errEncrypted
		}
		if key, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
			return key, nil
		}
		if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
			return key, nil
		}
		if key, err := x509.ParseECPrivateKey(block.Bytes); err == nil {
			return key, nil
		}
		return nil, errors.New("the key is of no known form")
	}
}

func belongs(key crypto.PrivateKey, certificate *x509.Certificate) bool {
	switch k := key.(type) {
	case *rsa.PrivateKey:
		return k.PublicKey.Equal(certificate.PublicKey)
	case *ecdsa.PrivateKey:
		return k.PublicKey.Equal(certificate.PublicKey)
	case ed25519.PrivateKey:
		public, ok := k.Public().(ed25519.PublicKey)
		return ok && public.Equal(certificate.PublicKey)
	}
	return false
}

// secrets reads the Secrets that HTTPS servers name, and where one is missing its
// namesake beside the Gateway. Secrets are never listed.
func (r reader) secrets(o *Objects) {
	for _, server := range o.httpsServers() {
		name, ok := o.secretOf(server)
		if !ok {
			continue
		}
		if _, known := o.Secrets[name]; known {
			continue
		}
		o.Secrets[name] = r.secret(name)
		beside := types.NamespacedName{Namespace: o.Name.Namespace, Name: name.Name}
		if o.Secrets[name].Absent() && beside != name {
			o.Secrets[beside] = r.secret(beside)
		}
	}
}

func (r reader) secret(name types.NamespacedName) Known[*SecretFacts] {
	if r.options.NoSecrets {
		return Known[*SecretFacts]{Err: errNotRead}
	}
	secret, err := r.cluster.Core.Secrets(name.Namespace).Get(r.ctx, name.Name, metav1.GetOptions{})
	if err != nil {
		return Known[*SecretFacts]{Err: cluster.Explain(err, "read Secret %s", name)}
	}
	return Known[*SecretFacts]{Value: readSecret(secret)}
}

// secret is what was read of a Secret.
func (o *Objects) secret(name types.NamespacedName) Known[*SecretFacts] {
	if s, asked := o.Secrets[name]; asked {
		return s
	}
	return Known[*SecretFacts]{Err: errNotAsked}
}

// secretOf is where a server's certificate is looked for: in the namespace of the
// gateway pods, or where "namespace/name" says.
func (o *Objects) secretOf(server gateway.Server) (name types.NamespacedName, ok bool) {
	credential := strings.TrimPrefix(server.CredentialName, "kubernetes://")
	if credential == "" || o.Door == nil {
		return name, false
	}
	if namespace, bare, cross := strings.Cut(credential, "/"); cross {
		return types.NamespacedName{Namespace: namespace, Name: bare}, true
	}
	return types.NamespacedName{Namespace: o.Door.PodNamespace(), Name: credential}, true
}

// httpsServers are those of all Gateways of these pods that end TLS, Kubeflow's
// own Gateway first.
func (o *Objects) httpsServers() []gateway.Server {
	if o.Door == nil {
		return nil
	}
	var servers []gateway.Server
	for _, object := range o.Door.Gateways() {
		for _, server := range gateway.Servers(object) {
			if server.IsTLS() {
				servers = append(servers, server)
			}
		}
	}
	return servers
}
