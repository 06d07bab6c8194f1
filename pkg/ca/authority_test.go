package ca

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

// noon is the present of these tests, with a fraction that certificates lose.
var noon = time.Date(2026, 11, 23, 12, 0, 0, 999, time.FixedZone("CET", 3600))

func mustAuthority(t testing.TB, o AuthorityOptions) *Authority {
	t.Helper()
	if o.Now.IsZero() {
		o.Now = noon
	}
	a, err := NewAuthority(o)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// mustRefuse wants an error with the reason Certificate and a text.
func mustRefuse(t *testing.T, err error, text string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), text) {
		t.Fatalf("error %v, want one that says %q", err, text)
	}
	if fault.ReasonOf(err) != fault.Certificate {
		t.Errorf("reason %q of %v, want Certificate", fault.ReasonOf(err), err)
	}
}

func TestNewAuthority(t *testing.T) {
	a := mustAuthority(t, AuthorityOptions{
		Permit:    DefaultNames().Union(mustNames(t, "*.example.com", "example.com", "bücher.example")),
		PermitDNS: []string{"corp.example", "*.example.com"},
	})
	c := a.Certificate
	if !c.IsCA || !c.BasicConstraintsValid || c.MaxPathLen != 0 || !c.MaxPathLenZero {
		t.Errorf("is CA %v, path length %d (%v)", c.IsCA, c.MaxPathLen, c.MaxPathLenZero)
	}
	keyPrint, _ := keyFingerprint(c.PublicKey)
	if want := "CN=kftls CA " + keyPrint[:12]; c.Subject.String() != want || c.Issuer.String() != want {
		t.Errorf("subject %q, issuer %q, want %q", c.Subject, c.Issuer, want)
	}
	if len(c.SubjectKeyId) != 20 || len(c.UnhandledCriticalExtensions) != 0 {
		t.Errorf("SKI %x, unhandled extensions %v", c.SubjectKeyId, c.UnhandledCriticalExtensions)
	}
	if got, want := c.NotBefore, time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC); !got.Equal(want) {
		t.Errorf("begins %v, want %v", got, want)
	}
	if got, want := c.NotAfter, time.Date(2036, 11, 20, 11, 0, 0, 0, time.UTC); !got.Equal(want) {
		t.Errorf("ends %v, want %v", got, want)
	}
	want := []string{"localhost", "example.com", "xn--bcher-kva.example", "corp.example"}
	if !slices.Equal(c.PermittedDNSDomains, want) || !c.PermittedDNSDomainsCritical || !a.Constrained() {
		t.Errorf("permits %q (critical: %v), want %q", c.PermittedDNSDomains, c.PermittedDNSDomainsCritical, want)
	}
	if c.PermittedIPRanges != nil || c.ExcludedIPRanges != nil || c.ExcludedDNSDomains != nil {
		t.Errorf("other constraints: %v %v %v", c.PermittedIPRanges, c.ExcludedIPRanges, c.ExcludedDNSDomains)
	}
	if a.Fingerprint() != Fingerprint(c) || !regexp.MustCompile("^[0-9a-f]{64}$").MatchString(a.Fingerprint()) {
		t.Errorf("fingerprint %q", a.Fingerprint())
	}
}

func TestAuthoritiesShareNothing(t *testing.T) {
	o := AuthorityOptions{Permit: DefaultNames()}
	a, b := mustAuthority(t, o), mustAuthority(t, o)
	if a.Certificate.Subject.String() == b.Certificate.Subject.String() {
		t.Error("two authorities have the same name")
	}
	if a.Certificate.SerialNumber.Cmp(b.Certificate.SerialNumber) == 0 {
		t.Error("two authorities have the same serial number")
	}
}

func TestSerialNumbers(t *testing.T) {
	long := 0
	for range 200 {
		serial, err := newSerial()
		if err != nil || serial.Sign() <= 0 || serial.BitLen() > 128 {
			t.Fatalf("serial number %v, %v", serial, err)
		}
		if serial.BitLen() > 120 {
			long++
		}
	}
	if long < 180 { // all but one in 256 have one of the first 8 bits set
		t.Errorf("only %d of 200 serial numbers use 128 bits", long)
	}
}

func TestNewAuthorityRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		o    AuthorityOptions
		text string
	}{
		"no DNS name":               {AuthorityOptions{Permit: Names{IPs: DefaultNames().IPs}}, "at least one DNS name to permit"},
		"permitted address":         {AuthorityOptions{Permit: DefaultNames(), PermitDNS: []string{"10.0.0.1"}}, "only DNS names can be permitted"},
		"malformed permitted name":  {AuthorityOptions{Permit: DefaultNames(), PermitDNS: []string{"a_b"}}, "underscore"},
		"unconstrained and not":     {AuthorityOptions{Permit: DefaultNames(), Unconstrained: true, ConstrainIPs: true}, "both unconstrained and constrained"},
		"unconstrained yet widened": {AuthorityOptions{Permit: DefaultNames(), Unconstrained: true, PermitDNS: []string{"a.example"}}, "both unconstrained and constrained"},
		"unknown key":               {AuthorityOptions{Permit: DefaultNames(), KeyAlgorithm: "dsa"}, `"dsa" is not known`},
		"negative validity":         {AuthorityOptions{Permit: DefaultNames(), Validity: -time.Hour}, "cannot be valid for -1h"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := NewAuthority(tt.o)
			mustRefuse(t, err, tt.text)
		})
	}
}

func TestAuthorityTimes(t *testing.T) {
	a := mustAuthority(t, AuthorityOptions{Permit: DefaultNames(), Validity: 30 * time.Minute})
	for after, want := range map[time.Duration]struct{ nearEnd, expired bool }{
		0:                {false, false},
		19 * time.Minute: {false, false},
		20 * time.Minute: {true, false},
		30 * time.Minute: {true, false},
		31 * time.Minute: {true, true},
	} {
		at := noon.Truncate(time.Second).Add(after)
		if a.NearEnd(at) != want.nearEnd || a.Expired(at) != want.expired {
			t.Errorf("after %s: near its end %v, expired %v", after, a.NearEnd(at), a.Expired(at))
		}
	}
	if present, err := NewAuthority(AuthorityOptions{Permit: DefaultNames()}); err != nil || present.Expired(time.Now()) {
		t.Errorf("the zero time is not the present: %v, %v", present.Certificate.NotAfter, err)
	}
}

func TestKeyAlgorithms(t *testing.T) {
	for _, algorithm := range KeyAlgorithms() {
		t.Run(string(algorithm), func(t *testing.T) {
			t.Parallel()
			parsed, err := ParseKeyAlgorithm(strings.ToUpper(string(algorithm)))
			if err != nil || parsed != algorithm {
				t.Fatalf("parsed as %q, %v", parsed, err)
			}
			a := mustAuthority(t, AuthorityOptions{Permit: DefaultNames(), KeyAlgorithm: algorithm})
			if got := AlgorithmOf(a.Certificate.PublicKey); got != algorithm {
				t.Errorf("the key is %q", got)
			}
			leaf := mustLeaf(t, a, LeafOptions{Names: DefaultNames(), KeyAlgorithm: algorithm})
			v := ask(t, a.Certificate, leaf, "localhost", noon)
			if v.goError != nil || v.openssl != "" {
				t.Errorf("refused: %v, %s", v.goError, v.openssl)
			}
		})
	}
	_, err := ParseKeyAlgorithm("")
	mustRefuse(t, err, `key algorithm "" is not known`)
	if hint := fault.HintOf(err); !strings.Contains(hint, "ecdsa-p256, ecdsa-p384, rsa-2048") {
		t.Errorf("hint %q", hint)
	}
}

func TestSubjectKeyID(t *testing.T) {
	a := mustAuthority(t, AuthorityOptions{Permit: DefaultNames()})
	point, err := a.Key.Public().(*ecdsa.PublicKey).Bytes() // the bits of the key, for an EC key
	if err != nil {
		t.Fatal(err)
	}
	if sum := sha256.Sum256(point); !bytes.Equal(a.Certificate.SubjectKeyId, sum[:20]) {
		t.Errorf("SKI %x, want %x", a.Certificate.SubjectKeyId, sum[:20])
	}
}
