package nssdb

import (
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// stored reads a database of testdata. certutil of NSS 3.87 wrote the one, with
// pages that lead to others and a certificate that is longer than a page;
// Firefox ESR 153 the other, by its own interface.
func stored(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func names(list []*x509.Certificate) []string {
	var names []string
	for _, c := range list {
		names = append(names, c.Subject.CommonName)
	}
	slices.Sort(names)
	return names
}

func TestRead(t *testing.T) {
	many := []string{"anchor", "long"}
	for i := range 30 {
		many = append(many, fmt.Sprintf("many%d", i+1))
	}
	slices.Sort(many)
	for name, want := range map[string]struct{ anchors, others []string }{
		"nss-3.87.db":    {many, []string{"distrusted", "peer"}},
		"firefox-153.db": {[]string{"y"}, nil},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, file), stored(t, name), 0o600); err != nil {
			t.Fatal(err)
		}
		store, err := Read(dir)
		if err != nil {
			t.Fatal(err)
		}
		if got := names(store.Anchors); !slices.Equal(got, want.anchors) {
			t.Errorf("%s: anchors %q, want %q", name, got, want.anchors)
		}
		if got := names(store.Others); !slices.Equal(got, want.others) {
			t.Errorf("%s: others %q, want %q", name, got, want.others)
		}
	}
}

func TestReadWhatIsNotThere(t *testing.T) {
	if store, err := Read(t.TempDir()); err != nil || store.Anchors != nil || store.Others != nil {
		t.Errorf("no database: %v, %v", store, err)
	}
	if _, err := Read(t.TempDir() + "\x00"); err == nil {
		t.Error("a folder that cannot be read")
	}
}

// TestDamaged: half of a database is an error, not a smaller store.
func TestDamaged(t *testing.T) {
	whole := stored(t, "nss-3.87.db")
	logged := slices.Clone(whole)
	logged[18] = 2
	for name, data := range map[string][]byte{
		"empty": nil, "no database": []byte("a text"), "half": whole[:len(whole)/2], "with a log": logged,
		"header alone": whole[:headerSize],
	} {
		if store, err := parse(data); err == nil {
			t.Errorf("%s: %d anchors", name, len(store.Anchors))
		}
	}
}

// FuzzParse gives it anything: the file is one of others.
func FuzzParse(f *testing.F) {
	for _, name := range []string{"nss-3.87.db", "firefox-153.db"} {
		f.Add(stored(f, name))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		store, err := parse(data)
		if err != nil && (store.Anchors != nil || store.Others != nil) {
			t.Error("a store beside an error")
		}
	})
}
