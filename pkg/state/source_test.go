package state

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kftls/kubectl-kftls/internal/testutil"
	"github.com/kftls/kubectl-kftls/pkg/ca"
	"github.com/kftls/kubectl-kftls/pkg/fault"
)

func TestSource(t *testing.T) {
	home, err := Open(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	chain, key := testutil.NewCompany(t, time.Now(), nil).Write(t, t.TempDir())
	source := Source{Certificates: chain, Key: key}
	authority, err := source.Read()
	if err != nil || authority.Key == nil || len(authority.Intermediates) != 1 {
		t.Fatalf("got %+v, %v", authority, err)
	}
	fingerprint := authority.Fingerprint()
	if got, known := home.Source(fingerprint); known {
		t.Errorf("before: %+v", got)
	}
	if err := home.SaveSource(fingerprint, source); fault.ReasonOf(err) != fault.LocalState {
		t.Errorf("of an authority that is not kept: %v", err)
	}
	dir, err := home.SaveAuthority(&ca.Authority{Certificate: authority.Certificate}, Origin{Server: "https://api", Gateway: "a/b"})
	if err != nil {
		t.Fatal(err)
	}
	if err := home.SaveSource(fingerprint, source); err != nil {
		t.Fatal(err)
	}
	if got, known := home.Source(fingerprint); !known || got != source {
		t.Errorf("got %+v, %v", got, known)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if data, err := os.ReadFile(filepath.Join(dir, entry.Name())); err != nil || strings.Contains(string(data), "PRIVATE KEY") {
			t.Errorf("%s holds the key, or cannot be read: %v", entry.Name(), err)
		}
	}
	for _, wrong := range []string{"../" + fingerprint, "", strings.Repeat("0", 64)} {
		if _, known := home.Source(wrong); known {
			t.Errorf("there is a source of %q", wrong)
		}
	}
	if err := home.DiscardKey(fingerprint); err != nil {
		t.Fatal(err)
	}
	if _, known := home.Source(fingerprint); known {
		t.Error("the way is not forgotten")
	}
	if err := os.WriteFile(filepath.Join(dir, sourceFile), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, known := home.Source(fingerprint); known {
		t.Error("a spoilt file is taken")
	}
}

func TestSourceThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	chain, key := testutil.NewCompany(t, time.Now(), nil).Write(t, dir)
	for name, test := range map[string]struct {
		source Source
		reason fault.Reason
		says   string
	}{
		"no certificates": {Source{filepath.Join(dir, "none"), key}, fault.LocalState, "read the certificates of a CA: open "},
		"no key":          {Source{chain, filepath.Join(dir, "none")}, fault.LocalState, "read the key of a CA: open "},
		"not a key":       {Source{chain, chain}, fault.Certificate, "no private key in PEM form found"},
	} {
		_, err := test.source.Read()
		if fault.ReasonOf(err) != test.reason || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDiscardKey(t *testing.T) {
	home, err := Open(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	authority, err := ca.NewAuthority(ca.AuthorityOptions{Permit: ca.DefaultNames()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := home.SaveAuthority(authority, Origin{}); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time there is nothing to do
		if err := home.DiscardKey(authority.Fingerprint()); err != nil {
			t.Fatal(err)
		}
	}
	if kept, err := home.Authority(authority.Fingerprint()); err != nil || kept.Key != nil {
		t.Errorf("kept: %v", err)
	}
	if err := home.DiscardKey("../x"); fault.ReasonOf(err) != fault.LocalState {
		t.Errorf("what is not a fingerprint: %v", err)
	}
}

func TestAuthorities(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	home, err := Open(t.TempDir(), func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	if all, err := home.Authorities(); err != nil || len(all) != 0 {
		t.Errorf("of an empty folder: %v, %v", all, err)
	}
	var made []string
	for range 2 {
		authority, err := ca.NewAuthority(ca.AuthorityOptions{Permit: ca.DefaultNames()})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := home.SaveAuthority(authority, Origin{Server: "https://api", Gateway: "a/b"}); err != nil {
			t.Fatal(err)
		}
		made = append(made, authority.Fingerprint())
		now = now.Add(time.Hour)
	}
	if err := os.WriteFile(home.CertificatePath(made[0]), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	all, err := home.Authorities()
	if err != nil || len(all) != 2 || all[0].Fingerprint != made[1] || all[0].Err != nil || all[0].Authority.Key == nil || all[1].Err == nil {
		t.Errorf("got %+v, %v", all, err)
	}
}
