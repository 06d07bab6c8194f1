package ca

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"strings"
	"testing"
)

// TestLax holds what is said of a company's CA against openssl's strict check.
func TestLax(t *testing.T) {
	laxConstraints, err := asn1.Marshal(struct{ IsCA bool }{true})
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		root, issuing func(*x509.Certificate)
		says          string
	}{
		"all as it should be":      {nil, nil, ""},
		"a root without key usage": {func(c *x509.Certificate) { c.KeyUsage = 0 }, nil, `"Example Root"` + " lacks a key usage"},
		"an intermediate whose basic constraints are not critical": {nil, func(c *x509.Certificate) {
			c.BasicConstraintsValid = false
			c.ExtraExtensions = []pkix.Extension{{Id: oidBasicConstraints, Value: laxConstraints}}
		}, `"Example Issuing"` + " lacks critical basic constraints"},
	} {
		t.Run(name, func(t *testing.T) {
			root := newLink(t, "Example Root", nil, test.root)
			issuing := newLink(t, "Example Issuing", root, test.issuing)
			a, err := ParseAuthorityChain(encodeCertificates(issuing.Certificate, root.Certificate), issuing.keyPEM(t))
			if err != nil {
				t.Fatal(err)
			}
			lax := strings.Join(a.Lax(), "; ")
			refused := askOpenSSL(t, requireOpenSSL(t), root.Certificate, mustLeaf(t, a, LeafOptions{Names: DefaultNames()}), "localhost", noon)
			if (refused == "") != (test.says == "") {
				t.Errorf("openssl says %q", refused)
			}
			if (lax == "") != (test.says == "") || !strings.Contains(withoutPrints(lax, a), test.says) {
				t.Errorf("got %q, want %q", lax, test.says)
			}
		})
	}
}

// TestLaxWithoutKeyIdentifiers takes them away from what is parsed: sign sets them.
func TestLaxWithoutKeyIdentifiers(t *testing.T) {
	root := newLink(t, "Example Root", nil, nil)
	issuing := newLink(t, "Example Issuing", root, nil)
	issuing.SubjectKeyId, issuing.AuthorityKeyId = nil, nil
	a := &Authority{Certificate: root.Certificate, Intermediates: []*x509.Certificate{issuing.Certificate}}
	if got := withoutPrints(strings.Join(a.Lax(), "; "), a); got != `the certificate "Example Issuing" lacks a subject key identifier, an authority key identifier` {
		t.Errorf("got %s", got)
	}
}

// withoutPrints leaves the fingerprints out of a text.
func withoutPrints(text string, a *Authority) string {
	for _, c := range a.chain() {
		text = strings.ReplaceAll(text, " ("+short(Fingerprint(c))+")", "")
	}
	return text
}
