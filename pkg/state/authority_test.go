package state

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kftls/kubectl-kftls/pkg/ca"
)

var (
	home  = Origin{Server: "https://127.0.0.1:6443", Gateway: "kubeflow/kubeflow-gateway"}
	other = Origin{Server: "https://127.0.0.1:6443", Gateway: "kubeflow/other"}
)

func newAuthority(t testing.TB) *ca.Authority {
	t.Helper()
	a, err := ca.NewAuthority(ca.AuthorityOptions{Permit: ca.DefaultNames()})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func mustSave(t testing.TB, h *Home, a *ca.Authority, o Origin) string {
	t.Helper()
	dir, err := h.SaveAuthority(a, o)
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestAuthorityIsKept(t *testing.T) {
	h, a := mustOpen(t, t.TempDir(), newClock()), newAuthority(t)
	dir := mustSave(t, h, a, home)
	if want := filepath.Join(h.Dir(), "ca", a.Fingerprint()); dir != want {
		t.Errorf("kept in %q, want %q", dir, want)
	}
	wantMode(t, dir, 0o700)
	wantMode(t, filepath.Join(dir, "ca.key"), 0o600)
	got, err := h.Authority(a.Fingerprint())
	if err != nil {
		t.Fatal(err)
	}
	if got.Fingerprint() != a.Fingerprint() || got.Key == nil {
		t.Errorf("read back %s, key %v", got.Fingerprint(), got.Key)
	}
	onDisk, err := os.ReadFile(h.CertificatePath(a.Fingerprint()))
	if err != nil || !bytes.Equal(onDisk, a.CertificatePEM()) {
		t.Errorf("ca.crt: %v\n%s", err, onDisk)
	}
}

func TestSaveAgainAddsWhatIsMissing(t *testing.T) {
	c := newClock()
	h, a := mustOpen(t, t.TempDir(), c), newAuthority(t)
	dir := mustSave(t, h, &ca.Authority{Certificate: a.Certificate}, home)
	if got, err := h.Authority(a.Fingerprint()); err != nil || got.Key != nil {
		t.Fatalf("kept without its key: %v, %v", got, err)
	}
	c.at = c.at.Add(time.Hour)
	mustSave(t, h, a, home)
	wantMode(t, filepath.Join(dir, "ca.key"), 0o600)
	before := contents(t, h.Dir())
	mustSave(t, h, a, home)
	mustSave(t, h, &ca.Authority{Certificate: a.Certificate}, home) // does not lose the key
	if after := contents(t, h.Dir()); after != before {
		t.Errorf("saved again, and changed:\n%s\nwas\n%s", after, before)
	}
	mustSave(t, h, a, other)
	for _, o := range []Origin{home, other} {
		if got, err := h.AuthoritiesFor(o); err != nil || len(got) != 1 || got[0].Key == nil {
			t.Errorf("%s: %v, %v", o.Gateway, got, err)
		}
	}
}

func TestSaveAtTheSameTime(t *testing.T) {
	dir, a := t.TempDir(), newAuthority(t)
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			h, err := Open(dir, nil)
			if err == nil {
				_, err = h.SaveAuthority(a, home)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	entries, err := os.ReadDir(filepath.Join(dir, "ca"))
	if err != nil || len(entries) != 1 {
		t.Errorf("entries %v, %v", entries, err)
	}
}

func TestAuthoritiesForListsNewestFirst(t *testing.T) {
	c := newClock()
	h := mustOpen(t, t.TempDir(), c)
	if got, err := h.AuthoritiesFor(home); err != nil || len(got) != 0 {
		t.Errorf("an empty home has %v, %v", got, err)
	}
	var want []string
	for range 4 {
		a := newAuthority(t)
		mustSave(t, h, a, home)
		want = append([]string{a.Fingerprint()}, want...)
		c.at = c.at.Add(time.Second)
	}
	mustSave(t, h, newAuthority(t), other)
	spoilt := mustSave(t, h, newAuthority(t), home)
	writeFile(t, filepath.Join(spoilt, "origin.json"), "{", 0o600) // only a hint: not found by it, no more
	got, err := h.AuthoritiesFor(home)
	if err != nil || len(got) != len(want) {
		t.Fatalf("%d authorities, %v", len(got), err)
	}
	for i := range want {
		if got[i].Fingerprint() != want[i] {
			t.Errorf("at %d: %s, want %s", i, got[i].Fingerprint(), want[i])
		}
	}
}

func TestAuthorityRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		spoil func(t *testing.T, dir string)
		text  string
	}{
		"no certificate":      {func(t *testing.T, dir string) { remove(t, filepath.Join(dir, "ca.crt")) }, "ca.crt"},
		"broken certificate":  {func(t *testing.T, dir string) { writeFile(t, filepath.Join(dir, "ca.crt"), "x", 0o600) }, "no certificate in PEM form"},
		"another certificate": {func(t *testing.T, dir string) { replaceWithAnother(t, dir) }, "holds another certificate authority"},
		"broken key":          {func(t *testing.T, dir string) { writeFile(t, filepath.Join(dir, "ca.key"), "x", 0o600) }, "no private key in PEM form"},
		"another's key": {func(t *testing.T, dir string) {
			key, err := newAuthority(t).KeyPEM()
			if err != nil {
				t.Fatal(err)
			}
			writeFile(t, filepath.Join(dir, "ca.key"), string(key), 0o600)
		}, "does not belong to"},
	} {
		t.Run(name, func(t *testing.T) {
			h, a := mustOpen(t, t.TempDir(), newClock()), newAuthority(t)
			tt.spoil(t, mustSave(t, h, a, home))
			_, err := h.Authority(a.Fingerprint())
			mustRefuse(t, err, tt.text)
			if _, err := h.SaveAuthority(a, home); err == nil {
				t.Error("saved over what cannot be read")
			}
			if _, err := h.AuthoritiesFor(home); err == nil {
				t.Error("listed without a word")
			}
		})
	}
}

func replaceWithAnother(t *testing.T, dir string) {
	t.Helper()
	remove(t, filepath.Join(dir, "ca.key"))
	writeFile(t, filepath.Join(dir, "ca.crt"), string(newAuthority(t).CertificatePEM()), 0o600)
}

// TestFingerprintsNameNoOtherFolders: they come from a cluster.
func TestFingerprintsNameNoOtherFolders(t *testing.T) {
	h := mustOpen(t, t.TempDir(), newClock())
	for _, fingerprint := range []string{
		"", ".", "..", "../../etc", strings.Repeat("a", 63), strings.Repeat("A", 64), strings.Repeat("/", 64), "../" + strings.Repeat("a", 61),
	} {
		_, err := h.Authority(fingerprint)
		mustRefuse(t, err, "is not a fingerprint")
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%q: %v is not fs.ErrNotExist", fingerprint, err)
		}
		mustRefuse(t, h.RemoveAuthority(fingerprint), "is not a fingerprint")
		if path := h.CertificatePath(fingerprint); path != "" {
			t.Errorf("%q has the path %q", fingerprint, path)
		}
	}
}

func TestRemoveAuthority(t *testing.T) {
	h, a, kept := mustOpen(t, t.TempDir(), newClock()), newAuthority(t), newAuthority(t)
	mustSave(t, h, a, home)
	mustSave(t, h, kept, home)
	if err := h.RemoveAuthority(a.Fingerprint()); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Authority(a.Fingerprint()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after removal: %v", err)
	}
	err := h.RemoveAuthority(a.Fingerprint())
	mustRefuse(t, err, "remove the certificate authority")
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("removed twice: %v", err)
	}
	entries, err := os.ReadDir(filepath.Join(h.Dir(), "ca"))
	if err != nil || len(entries) != 1 || entries[0].Name() != kept.Fingerprint() {
		t.Errorf("left: %v, %v", entries, err)
	}
}

// TestHalfAnAuthorityIsNotFound: what a killed run left is of no use.
func TestHalfAnAuthorityIsNotFound(t *testing.T) {
	h := mustOpen(t, t.TempDir(), newClock())
	half := filepath.Join(h.Dir(), "ca", ".new-123")
	if err := os.MkdirAll(half, 0o700); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(half, "ca.key"), "half a key", 0o600)
	if got, err := h.AuthoritiesFor(home); err != nil || len(got) != 0 {
		t.Errorf("found %v, %v", got, err)
	}
}

func writeFile(t testing.TB, path, content string, mode fs.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

// contents is every path below dir with its mode, time of change and bytes.
func contents(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		data, err := os.ReadFile(path)
		b.WriteString(path + info.Mode().String() + info.ModTime().String() + string(data) + "\n")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}
