package clienttrust

import (
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestDefaultProfile(t *testing.T) {
	const two = "[Profile1]\nName=default\nIsRelative=1\nPath=a.default\nDefault=1\n\n[Profile0]\nPath=b.default-esr\n"
	for name, test := range map[string]struct {
		text, dir string
		ok        bool
	}{
		"the installation's": {two + "[Install3B60]\nDefault=b.default-esr\nLocked=1\n", "b.default-esr", true},
		"two installations":  {two + "[Install1]\nDefault=a.default\n[Install2]\nDefault=b.default-esr\n", "a.default", false},
		"the marked one":     {two, "a.default", true},
		"the only one":       {"[General]\nVersion=2\n[Profile0]\r\nPath=Profiles/x\r\n", "Profiles/x", true},
		"two, none marked":   {"[Profile0]\nPath=x\n[Profile1]\nPath=y\n", "x", false},
		"none":               {"[General]\nDefault=1\n", "", false},
	} {
		if dir, ok := defaultProfile(test.text); dir != test.dir || ok != test.ok {
			t.Errorf("%s: %q %t", name, dir, ok)
		}
	}
}

// onLinux is where browsers have databases of their own.
func onLinux(t *testing.T) *finder {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skipf("NOT RUN %s: browsers take the system's store here", t.Name())
	}
	home := t.TempDir()
	env := func(name string) string { return map[string]string{"HOME": home}[name] }
	lookPath := func(name string) (string, error) {
		if name == "chromium" || name == "firefox" {
			return "/usr/bin/" + name, nil
		}
		return "", errors.New("not here")
	}
	return &finder{env: env, lookPath: lookPath, files: &files{}}
}

func TestStoreOfChromium(t *testing.T) {
	f := onLinux(t)
	home := f.env("HOME")
	if got, want := f.chromiumStore("/usr/bin/chromium"), home+"/.local/share/pki/nssdb"; got != want {
		t.Errorf("without a store: %s", got)
	}
	old := home + "/.pki/nssdb"
	if err := os.MkdirAll(old, 0o700); err != nil {
		t.Fatal(err)
	}
	if got := f.chromiumStore("/usr/bin/chromium"); got != old {
		t.Errorf("with the old store: %s", got)
	}
	if got := f.chromiumStore("/snap/bin/chromium"); !strings.HasPrefix(got, home+"/snap/chromium") {
		t.Errorf("in a snap: %s", got)
	}
}

// TestUnknownBrowsers: what is not read is unknown, never a yes.
func TestUnknownBrowsers(t *testing.T) {
	f := onLinux(t)
	public, private := newCA(t, "public", nil), newCA(t, "private", nil)
	shop, own := newLeaf(t, public), newLeaf(t, private)
	for _, c := range f.browsers(t.Context()) {
		if !c.RootsKnown {
			t.Logf("NOT RUN %s with %s: %s", t.Name(), c.Name, c.RootsFrom)
			continue
		}
		c.public, c.special = []*x509.Certificate{public.cert}, []*x509.Certificate{own.cert}
		for _, chain := range [][]*x509.Certificate{{shop.cert}, {own.cert}} {
			if v := Predict([]Client{c}, chain, byName, "", time.Now())[0]; v.Known || v.Accepts || v.Why == "" {
				t.Errorf("%s: %+v", c.Name, v)
			}
		}
		if v := Predict([]Client{c}, []*x509.Certificate{newLeaf(t, private).cert}, byName, "", time.Now())[0]; !v.Known || v.Accepts {
			t.Errorf("%s, a private CA: %+v", c.Name, v)
		}
	}
	store := f.env("HOME") + "/.pki/nssdb"
	if err := os.MkdirAll(store, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(store, "cert9.db"), []byte("something else"), 0o600); err != nil {
		t.Fatal(err)
	}
	if c := f.chromium("Chromium", "/usr/bin/chromium"); c.RootsKnown {
		t.Errorf("a store that cannot be read: %+v", c)
	}
}
