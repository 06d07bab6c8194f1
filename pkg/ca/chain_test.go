package ca

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"slices"
	"testing"
	"time"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

// link is a certificate of a company's CA with its key.
type link struct {
	*x509.Certificate
	key crypto.Signer
}

// newLink makes a CA certificate below a parent, or a root for nil.
func newLink(t *testing.T, name string, parent *link, change func(*x509.Certificate)) *link {
	t.Helper()
	key, err := RSA2048.generate()
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		Subject: pkix.Name{Organization: []string{"Example"}, CommonName: name}, NotBefore: noon.AddDate(-1, 0, 0), NotAfter: noon.AddDate(5, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	if change != nil {
		change(template)
	}
	above, signs := template, key
	if parent != nil {
		above, signs = parent.Certificate, parent.key
	}
	c, err := sign(template, above, key.Public(), signs)
	if err != nil {
		t.Fatal(err)
	}
	return &link{c, key}
}

func (l *link) keyPEM(t *testing.T) []byte {
	t.Helper()
	text, err := encodeKey(l.key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestAuthorityOfACompany(t *testing.T) {
	root := newLink(t, "Example Root", nil, nil)
	middle := newLink(t, "Example Policy", root, nil)
	issuing := newLink(t, "Example Issuing", middle, func(c *x509.Certificate) {
		c.NotAfter = noon.AddDate(0, 2, 0)
		c.MaxPathLenZero = true
		c.PermittedDNSDomains, c.PermittedDNSDomainsCritical = []string{"example.com"}, true
	})
	stranger := newLink(t, "Stranger", nil, nil)
	names := mustNames(t, "kubeflow.example.com", "*.apps.example.com", "192.0.2.7")
	for name, order := range map[string][]*x509.Certificate{
		"upwards":      {issuing.Certificate, middle.Certificate, root.Certificate},
		"downwards":    {root.Certificate, middle.Certificate, issuing.Certificate},
		"with another": {stranger.Certificate, root.Certificate, issuing.Certificate, middle.Certificate},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := ParseAuthorityChain(encodeCertificates(order...), issuing.keyPEM(t))
			if err != nil {
				t.Fatal(err)
			}
			if !a.Certificate.Equal(root.Certificate) || !bytes.Equal(a.CertificatePEM(), encodeCertificates(root.Certificate)) {
				t.Errorf("clients are given %s", a.Certificate.Subject)
			}
			leaf := mustLeaf(t, a, LeafOptions{Names: names})
			if got := slices.Concat([]*x509.Certificate{leaf.Certificate}, leaf.Issuers); len(got) != 4 || !got[1].Equal(issuing.Certificate) || !got[3].Equal(root.Certificate) {
				t.Errorf("a chain of %d is served", len(got))
			}
			if !leaf.Certificate.NotAfter.Equal(issuing.NotAfter) {
				t.Errorf("the leaf ends on %s, its issuer on %s", leaf.Certificate.NotAfter, issuing.NotAfter)
			}
			if refused := askOpenSSL(t, requireOpenSSL(t), root.Certificate, leaf, "ml.apps.example.com", noon); refused != "" {
				t.Errorf("openssl: %s", refused)
			}
			read, err := ParseLeaf(leaf.ChainPEM(), nil)
			if err != nil {
				t.Fatal(err)
			}
			published := &Authority{Certificate: root.Certificate}
			if reason := read.Unfit(published, Demand{Names: names}, noon); reason != "" {
				t.Errorf("to who knows the root alone: %s", reason)
			}
			if reason := read.Unfit(&Authority{Certificate: stranger.Certificate}, Demand{}, noon); reason == "" {
				t.Error("it fits another root")
			}
			mustRefuse(t, a.Permits(mustNames(t, "kubeflow.example.org")), `"Example Issuing"`)
			if !a.Expired(issuing.NotAfter.Add(time.Second)) || a.Expired(issuing.NotAfter) {
				t.Error("it does not end with its first certificate")
			}
		})
	}
}

func TestAuthorityOfACompanyIsRefused(t *testing.T) {
	root := newLink(t, "Example Root", nil, nil)
	issuing := newLink(t, "Example Issuing", root, nil)
	server := newLink(t, "www.example.com", root, func(c *x509.Certificate) { c.IsCA = false })
	usage := newLink(t, "No Signer", root, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCRLSign })
	closed := newLink(t, "Closed Root", nil, func(c *x509.Certificate) { c.MaxPathLenZero = true })
	tooDeep := newLink(t, "Too Deep", closed, nil)
	namesake := newLink(t, "Example Root", nil, nil)
	expired := newLink(t, "Old Issuing", root, func(c *x509.Certificate) { c.NotAfter = noon.AddDate(0, 0, -1) })
	early := newLink(t, "Early Issuing", root, func(c *x509.Certificate) { c.NotBefore = noon.AddDate(0, 0, 1) })
	excludes := newLink(t, "Elsewhere Issuing", root, func(c *x509.Certificate) { c.ExcludedDNSDomains = []string{"localhost"} })
	mailOnly := newLink(t, "Mail Issuing", root, func(c *x509.Certificate) {
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection}
	})
	for name, tt := range map[string]struct {
		chain []*link
		key   []byte
		text  string
	}{
		"nothing":                  {nil, root.keyPEM(t), "no certificate in PEM form found"},
		"no key":                   {[]*link{root}, encodeCertificates(root.Certificate), "no private key in PEM form found"},
		"encrypted key":            {[]*link{root}, block("ENCRYPTED PRIVATE KEY", []byte("x")), "encrypted with a passphrase"},
		"another's key":            {[]*link{issuing, root}, namesake.keyPEM(t), `belongs to none of the certificates: "Example Issuing"`},
		"a server's certificate":   {[]*link{server, root}, server.keyPEM(t), `"www.example.com" (` + Fingerprint(server.Certificate)[:12] + ") is not that of a certificate authority"},
		"may not sign":             {[]*link{usage, root}, usage.keyPEM(t), "lacks keyCertSign"},
		"below a server":           {[]*link{newLink(t, "Odd", server, nil), server, root}, nil, "is not that of a certificate authority"},
		"without its root":         {[]*link{issuing}, issuing.keyPEM(t), `the issuer of "Example Issuing" (` + Fingerprint(issuing.Certificate)[:12] + `), "CN=Example Root,O=Example", is not in it`},
		"a namesake of its root":   {[]*link{issuing, namesake}, issuing.keyPEM(t), `did not sign "Example Issuing"`},
		"expired":                  {[]*link{expired, root}, expired.keyPEM(t), `the certificate authority "Old Issuing" (` + Fingerprint(expired.Certificate)[:12] + ") ended on 2026-11-22"},
		"not yet valid":            {[]*link{early, root}, early.keyPEM(t), `"Early Issuing" (` + Fingerprint(early.Certificate)[:12] + ") begins only on 2026-11-24"},
		"forbids the name":         {[]*link{excludes, root}, excludes.keyPEM(t), "do not permit localhost"},
		"a root that allows none":  {[]*link{tooDeep, closed}, tooDeep.keyPEM(t), "path length"},
		"for something else alone": {[]*link{mailOnly, root}, mailOnly.keyPEM(t), "incompatible key usage"},
	} {
		t.Run(name, func(t *testing.T) {
			var certificates []*x509.Certificate
			for _, l := range tt.chain {
				certificates = append(certificates, l.Certificate)
			}
			key := tt.key
			if key == nil {
				key = tt.chain[0].keyPEM(t)
			}
			a, err := ParseAuthorityChain(encodeCertificates(certificates...), key)
			if err == nil {
				_, err = a.NewLeaf(LeafOptions{Names: DefaultNames(), Now: noon})
			}
			mustRefuse(t, err, tt.text)
			if bytes.Contains([]byte(err.Error()+fault.HintOf(err)), []byte("PRIVATE KEY")) {
				t.Error("a key is shown")
			}
		})
	}
}

// TestAuthorityChainInACircle is two certificates that signed each other.
func TestAuthorityChainInACircle(t *testing.T) {
	one, other := newLink(t, "One", nil, nil), newLink(t, "Other", nil, nil)
	crossed := func(of, by *link) *x509.Certificate {
		template := *of.Certificate
		c, err := sign(&template, by.Certificate, of.key.Public(), by.key)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	_, err := ParseAuthorityChain(encodeCertificates(crossed(one, other), crossed(other, one)), one.keyPEM(t))
	mustRefuse(t, err, "go round in a circle")
}

func TestUnmet(t *testing.T) {
	usual := mustAuthority(t, AuthorityOptions{Permit: DefaultNames()})
	open := mustAuthority(t, AuthorityOptions{Permit: DefaultNames(), Unconstrained: true})
	closed := mustAuthority(t, AuthorityOptions{Permit: DefaultNames(), ConstrainIPs: true, PermitDNS: []string{"example.com"}})
	for name, tt := range map[string]struct {
		o        AuthorityOptions
		a        *Authority
		unmet    string
		exceeded bool
	}{
		"nothing asked":           {AuthorityOptions{}, usual, "", false},
		"unconstrained, not so":   {AuthorityOptions{Unconstrained: true}, usual, "it has name constraints (permitted: localhost)", false},
		"unconstrained":           {AuthorityOptions{Unconstrained: true}, open, "", false},
		"unconstrained, unasked":  {AuthorityOptions{}, open, "", true},
		"addresses, not so":       {AuthorityOptions{ConstrainIPs: true}, usual, "it does not constrain IP addresses", false},
		"addresses":               {AuthorityOptions{ConstrainIPs: true}, closed, "", false},
		"addresses, unasked":      {AuthorityOptions{}, closed, "", true},
		"a wider name, not so":    {AuthorityOptions{PermitDNS: []string{"localhost", "*.example.com"}}, usual, "it does not permit *.example.com", false},
		"a wider name, permitted": {AuthorityOptions{PermitDNS: []string{"*.example.com"}, ConstrainIPs: true}, closed, "", false},
	} {
		if unmet, exceeded := tt.o.Unmet(tt.a), tt.o.Exceeded(tt.a); unmet != tt.unmet || exceeded != tt.exceeded {
			t.Errorf("%s: unmet %q, exceeded %v", name, unmet, exceeded)
		}
	}
}

func TestRenewFrom(t *testing.T) {
	a := mustAuthority(t, AuthorityOptions{Permit: DefaultNames()})
	l := mustLeaf(t, a, LeafOptions{Names: DefaultNames(), Validity: 90 * 24 * time.Hour})
	start := noon.UTC().Truncate(time.Second)
	for before, want := range map[time.Duration]time.Time{
		0:                    start.AddDate(0, 0, 60),
		10 * 24 * time.Hour:  start.AddDate(0, 0, 80),
		200 * 24 * time.Hour: start.AddDate(0, 0, -110),
	} {
		from := RenewFrom(l.Certificate, before)
		if !from.Equal(want) || !RenewalDue(l.Certificate, want, before) || RenewalDue(l.Certificate, want.Add(-time.Second), before) {
			t.Errorf("before %s: due from %s, want %s", before, from, want)
		}
	}
}

func FuzzParseAuthorityChain(f *testing.F) {
	a, err := NewAuthority(AuthorityOptions{Permit: DefaultNames(), Now: noon})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(a.CertificatePEM(), mustKeyPEM(f, a))
	f.Add([]byte{}, []byte{})
	f.Fuzz(func(t *testing.T, chain, key []byte) {
		got, err := ParseAuthorityChain(chain, key)
		if err != nil {
			return
		}
		if got.Key == nil || !pairs(got.Key, got.Signer().PublicKey) || signsItself(got.Certificate) != nil {
			t.Errorf("accepted: %s", describeAll(got.chain()))
		}
	})
}
