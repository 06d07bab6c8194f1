package ca

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"slices"
	"strings"
	"testing"
	"time"
)

func mustLeaf(t testing.TB, a *Authority, o LeafOptions) *Leaf {
	t.Helper()
	if o.Now.IsZero() {
		o.Now = noon
	}
	l, err := a.NewLeaf(o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestNewLeaf(t *testing.T) {
	names := DefaultNames().Union(mustNames(t, "*.example.com", "bücher.example", "10.0.0.1"))
	a := mustAuthority(t, AuthorityOptions{Permit: names})
	l := mustLeaf(t, a, LeafOptions{Names: names})
	c := l.Certificate
	if !slices.Equal(l.Names().Strings(), names.Strings()) {
		t.Errorf("names %q, want %q", l.Names().Strings(), names.Strings())
	}
	if c.Subject.String() != "CN=localhost" || c.Issuer.String() != a.Certificate.Subject.String() {
		t.Errorf("subject %q, issuer %q", c.Subject, c.Issuer)
	}
	if !bytes.Equal(c.AuthorityKeyId, a.Certificate.SubjectKeyId) || len(c.AuthorityKeyId) != 20 || len(c.SubjectKeyId) != 20 {
		t.Errorf("AKI %x, SKI %x, the CA's SKI %x", c.AuthorityKeyId, c.SubjectKeyId, a.Certificate.SubjectKeyId)
	}
	if c.IsCA || !c.BasicConstraintsValid || c.KeyUsage != x509.KeyUsageDigitalSignature {
		t.Errorf("CA %v, key usage %b", c.IsCA, c.KeyUsage)
	}
	if !slices.Equal(c.ExtKeyUsage, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}) || c.UnknownExtKeyUsage != nil {
		t.Errorf("extended key usage %v", c.ExtKeyUsage)
	}
	if got, want := c.NotBefore, time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC); !got.Equal(want) {
		t.Errorf("begins %v, want %v", got, want)
	}
	if life := c.NotAfter.Sub(c.NotBefore) + time.Second; life != 397*24*time.Hour {
		t.Errorf("lives %v", life)
	}
	if c.SerialNumber.Cmp(a.Certificate.SerialNumber) == 0 || len(l.Issuers) != 1 || l.Fingerprint() != Fingerprint(c) {
		t.Errorf("serial %v, issuers %d, fingerprint %s", c.SerialNumber, len(l.Issuers), l.Fingerprint())
	}
	for _, host := range []string{"localhost", "a.example.com", "xn--bcher-kva.example", "127.0.0.1", "::1", "10.0.0.1"} {
		if v := ask(t, a.Certificate, l, host, noon); v.goError != nil || v.openssl != "" {
			t.Errorf("%s: %v, %s", host, v.goError, v.openssl)
		}
	}
	for _, host := range []string{"example.com", "a.b.example.com", "127.0.0.2"} {
		if v := ask(t, a.Certificate, l, host, noon); v.goError == nil || v.openssl == "" {
			t.Errorf("%s is accepted: %v, %s", host, v.goError, v.openssl)
		}
	}
}

func TestLeafOfRSAKeyEncipherment(t *testing.T) {
	a := mustAuthority(t, AuthorityOptions{Permit: DefaultNames()})
	l := mustLeaf(t, a, LeafOptions{Names: DefaultNames(), KeyAlgorithm: RSA2048})
	if want := x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment; l.Certificate.KeyUsage != want {
		t.Errorf("key usage %b, want %b", l.Certificate.KeyUsage, want)
	}
}

func TestLongNamesLeaveTheSubjectEmpty(t *testing.T) {
	for _, tt := range []struct {
		name string
		want string
	}{
		{strings.Repeat("a", 55) + ".example", ""}, // 63 characters
		{strings.Repeat("a", 56) + ".example", ""}, // 64
		{strings.Repeat("a", 57) + ".example", "empty"},
	} {
		names := mustNames(t, tt.name, "127.0.0.1")
		a := mustAuthority(t, AuthorityOptions{Permit: names})
		l := mustLeaf(t, a, LeafOptions{Names: names})
		if empty := l.Certificate.Subject.String() == ""; empty != (tt.want == "empty") {
			t.Errorf("%d characters: subject %q", len(tt.name), l.Certificate.Subject)
		}
		if critical := sansCritical(t, l.Certificate); critical != (tt.want == "empty") {
			t.Errorf("%d characters: critical names %v", len(tt.name), critical)
		}
		for _, host := range names.Strings() {
			if v := ask(t, a.Certificate, l, host, noon); v.goError != nil || v.openssl != "" {
				t.Errorf("%s: %v, %s", host, v.goError, v.openssl)
			}
		}
	}
}

func sansCritical(t *testing.T, c *x509.Certificate) bool {
	t.Helper()
	for _, e := range c.Extensions {
		if e.Id.String() == "2.5.29.17" { // id-ce-subjectAltName
			return e.Critical
		}
	}
	t.Fatal("no subject alternative names")
	return false
}

func TestLeafValidity(t *testing.T) {
	day := 24 * time.Hour
	start := noon.UTC().Truncate(time.Second)
	for _, tt := range []struct {
		name            string
		authority, leaf time.Duration
		want            time.Time
	}{
		{"default", 0, 0, start.Add(397*day - time.Hour - time.Second)},
		{"as asked", 0, 10 * day, start.Add(10 * day)},
		{"one minute", 0, time.Minute, start.Add(time.Minute)},
		{"longest", 0, 397 * day, start.Add(397*day - time.Hour - time.Second)},
		{"cut by the CA's end", 30 * day, 0, start.Add(30 * day)},
		{"asked beyond the CA's end", 30 * day, 31 * day, start.Add(30 * day)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := mustAuthority(t, AuthorityOptions{Permit: DefaultNames(), Validity: tt.authority})
			l := mustLeaf(t, a, LeafOptions{Names: DefaultNames(), Validity: tt.leaf})
			if got := l.Certificate.NotAfter; !got.Equal(tt.want) {
				t.Errorf("ends %v, want %v", got, tt.want)
			}
			if RenewalDue(l.Certificate, noon, 0) {
				t.Error("a new leaf is near its end")
			}
		})
	}
}

func TestNewLeafRefuses(t *testing.T) {
	a := mustAuthority(t, AuthorityOptions{Permit: DefaultNames(), Validity: time.Hour})
	for name, tt := range map[string]struct {
		authority *Authority
		o         LeafOptions
		text      string
	}{
		"no key":            {&Authority{Certificate: a.Certificate}, LeafOptions{Names: DefaultNames()}, "its private key is not on this computer"},
		"no names":          {a, LeafOptions{}, "at least one DNS name"},
		"addresses only":    {a, LeafOptions{Names: Names{IPs: DefaultNames().IPs}}, "at least one DNS name"},
		"outside":           {a, LeafOptions{Names: mustNames(t, "www.example.org")}, "do not permit www.example.org"},
		"negative validity": {a, LeafOptions{Names: DefaultNames(), Validity: -1}, "cannot be valid for"},
		"too long":          {a, LeafOptions{Names: DefaultNames(), Validity: 397*24*time.Hour + 1}, "at most 397 days"},
		"unknown key":       {a, LeafOptions{Names: DefaultNames(), KeyAlgorithm: "rsa-512"}, `"rsa-512" is not known`},
		"after the CA":      {a, LeafOptions{Names: DefaultNames(), Now: noon.Add(2 * time.Hour)}, "ended on 2026-11-23T12:00:00Z"},
		"before the CA":     {a, LeafOptions{Names: DefaultNames(), Now: noon.Add(-2 * time.Hour)}, "begins only on 2026-11-23T10:00:00Z"},
	} {
		t.Run(name, func(t *testing.T) {
			if tt.o.Now.IsZero() {
				tt.o.Now = noon
			}
			_, err := tt.authority.NewLeaf(tt.o)
			mustRefuse(t, err, tt.text)
		})
	}
}

// TestNewLeafVerifiesItself lets the constraints that Permits reads differ from
// those in the certificate: the chain must be tried, not believed.
func TestNewLeafVerifiesItself(t *testing.T) {
	a := mustAuthority(t, AuthorityOptions{Permit: DefaultNames()})
	b := mustAuthority(t, AuthorityOptions{Permit: DefaultNames()})
	mixed := &Authority{Certificate: a.Certificate, Key: b.Key}
	if _, err := mixed.NewLeaf(LeafOptions{Names: DefaultNames(), Now: noon}); err == nil {
		t.Error("a leaf signed by another key than the CA's is returned")
	}
}

func TestUnfit(t *testing.T) {
	names := mustNames(t, "localhost", "*.example.com", "127.0.0.1")
	a := mustAuthority(t, AuthorityOptions{Permit: names})
	other := mustAuthority(t, AuthorityOptions{Permit: names})
	l := mustLeaf(t, a, LeafOptions{Names: names, Validity: 90 * 24 * time.Hour})
	day := 24 * time.Hour
	for _, tt := range []struct {
		name      string
		leaf      *Leaf
		authority *Authority
		want      []string
		algorithm KeyAlgorithm
		at        time.Time
		reason    string
	}{
		{"fits", l, a, names.Strings(), "", noon, ""},
		{"fits fewer names", l, a, []string{"localhost"}, ECDSAP256, noon, ""},
		{"fits a name below the wildcard", l, a, []string{"a.example.com"}, "", noon, ""},
		{"fits an hour early", l, a, []string{"localhost"}, "", noon.Add(-time.Hour), ""},
		{"fits just before its last third", l, a, []string{"localhost"}, "", noon.Add(60*day - time.Second), ""},
		{"other CA", l, other, names.Strings(), "", noon, "not signed by the certificate authority " + other.Fingerprint()[:12]},
		{"lacks names", l, a, []string{"localhost", "example.com", "10.0.0.1"}, "", noon, "lacks example.com, 10.0.0.1"},
		{"key", l, a, names.Strings(), RSA2048, noon, "its key is ecdsa-p256, not rsa-2048"},
		{"too early", l, a, names.Strings(), "", noon.Add(-time.Hour - time.Second), "not valid before 2026-11-23T10:00:00Z"},
		{"near its end", l, a, names.Strings(), "", noon.Add(60 * day), "near its end on 2027-02-21T11:00:00Z"},
		{"over", l, a, names.Strings(), "", noon.Add(91 * day), "ended on 2027-02-21T11:00:00Z"},
		{"outside the constraints", forge(t, a, names.Union(mustNames(t, "www.example.org"))), a, names.Strings(), "", noon, "clients refuse it"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := tt.leaf.Unfit(tt.authority, Demand{Names: mustNames(t, tt.want...), KeyAlgorithm: tt.algorithm}, tt.at)
			if (got == "") != (tt.reason == "") || !strings.Contains(got, tt.reason) {
				t.Errorf("unfit because %q, want %q", got, tt.reason)
			}
		})
	}
}

func TestAlgorithmOfForeignKeys(t *testing.T) {
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if got := AlgorithmOf(public); got != "ed25519" {
		t.Errorf("an Ed25519 key is called %q", got)
	}
}
