package clients

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kftls/kubectl-kftls/pkg/ca"
)

func TestMainRefusesItsCommandLine(t *testing.T) {
	g := newGround(t, ca.AuthorityOptions{Permit: ca.DefaultNames()})
	keyFile := writeKey(t, g)
	for name, args := range map[string][]string{
		"nothing":               {},
		"another verb":          {"try", "-ca", g.caFile, "-address", g.address.String(), "localhost"},
		"no host":               {"accept", "-ca", g.caFile, "-address", g.address.String()},
		"no CA":                 {"accept", "-address", g.address.String(), "localhost"},
		"no address":            {"accept", "-ca", g.caFile, "localhost"},
		"an address by name":    {"accept", "-ca", g.caFile, "-address", "localhost:443", "localhost"},
		"a flag of the other":   {"refuse", "-ca", g.caFile, "-address", g.address.String(), "-key", keyFile, "www.example.org"},
		"an unknown flag":       {"accept", "-cacert", g.caFile, "localhost"},
		"no key":                {"refuse", "-ca", g.caFile, "www.example.org"},
		"a key that is none":    {"refuse", "-ca", g.caFile, "-key", g.caFile, "www.example.org"},
		"nothing to be refused": {"refuse", "-ca", g.caFile, "-key", keyFile, "localhost"},
	} {
		var out bytes.Buffer
		if code := Main(t.Context(), ".", args, &out); code != 2 || !strings.HasPrefix(out.String(), "clients: ") {
			t.Errorf("%s: exit code %d, %s", name, code, &out)
		}
	}
}

func writeKey(t *testing.T, g ground) string {
	t.Helper()
	key, err := g.authority.KeyPEM()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(filepath.Dir(g.caFile), "ca.key")
	if err := os.WriteFile(path, key, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestRunJudges uses made-up clients: that a result is held against what was
// wanted must not hang on what this machine has.
func TestRunJudges(t *testing.T) {
	says := func(v Verdict, text string) func(context.Context, Dial) Answer {
		return func(context.Context, Dial) Answer { return Answer{v, text} }
	}
	here := func(context.Context) (string, error) { return "1.0", nil }
	g := newGround(t, ca.AuthorityOptions{Permit: ca.DefaultNames()})
	for _, tt := range []struct {
		name   string
		client Client
		tried  Case
		ok     bool
		line   string
	}{
		{"accepted", Client{Dial: says(Accepted, "")}, Case{Want: Accepted}, true, "c 1.0, h: accepted"},
		{"accepted, unwanted", Client{Dial: says(Accepted, "")}, Case{Want: Refused}, false, "UNEXPECTED c 1.0, h: accepted, want refused"},
		{"refused", Client{Dial: says(Refused, "no")}, Case{Want: Refused}, true, "c 1.0, h: refused (no)"},
		{"refused, unwanted", Client{Dial: says(Refused, "no")}, Case{Want: Accepted}, false, "UNEXPECTED c 1.0, h: refused, want accepted (no)"},
		{"failed is not refused", Client{Dial: says(Failed, "no")}, Case{Want: Refused}, false, "UNEXPECTED c 1.0, h: failed, want refused (no)"},
		{
			"by constraints",
			Client{Dial: says(Refused, "out of tree"), ConstraintText: "tree"},
			Case{Want: Refused, ByConstraints: true},
			true,
			"c 1.0, h: refused (out of tree)",
		},
		{
			"for another reason",
			Client{Dial: says(Refused, "expired"), ConstraintText: "tree"},
			Case{Want: Refused, ByConstraints: true},
			false,
			"UNEXPECTED c 1.0, h: refused, want refused (expired)",
		},
		{"applies none", Client{Dial: says(Accepted, ""), IgnoresConstraints: true}, Case{Want: Refused, ByConstraints: true}, true, "c 1.0, h: accepted"},
		{
			"applies none, and refuses",
			Client{Dial: says(Refused, "no"), IgnoresConstraints: true},
			Case{Want: Refused, ByConstraints: true},
			false,
			"UNEXPECTED c 1.0, h: refused, want accepted (no)",
		},
		{
			"missing",
			Client{Find: func(context.Context) (string, error) { return "", errors.New("none here") }},
			Case{Want: Accepted},
			false,
			"NOT RUN c: none here",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.client.Name, tt.tried.Host, tt.tried.Address = "c", "h", g.address
			if tt.client.Find == nil {
				tt.client.Find = here
			}
			results := Run(t.Context(), []Client{tt.client}, []Case{tt.tried})
			if len(results) != 1 || results[0].OK != tt.ok || results[0].String() != tt.line {
				t.Errorf("results %v (%v), want %q (%v)", results, results[0].OK, tt.line, tt.ok)
			}
		})
	}
}

// TestNobodyListens: a client that reaches nothing must not count as one that
// refuses a certificate.
func TestNobodyListens(t *testing.T) {
	g := newGround(t, ca.AuthorityOptions{Permit: ca.DefaultNames()})
	nobody := netip.AddrPortFrom(g.address.Addr(), 1) // tcpmux, which nothing serves
	for _, r := range Run(t.Context(), Table(), []Case{{Host: "localhost", Address: nobody, CAFile: g.caFile, Want: Refused}}) {
		if r.Verdict != Failed && r.Verdict != NotRun {
			t.Error(r)
		}
	}
}
