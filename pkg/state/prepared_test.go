package state

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kftls/kubectl-kftls/pkg/ca"
	"github.com/kftls/kubectl-kftls/pkg/fault"
)

var preparedOrigin = Origin{Server: "https://cluster:6443", Gateway: "kubeflow/kubeflow-gateway"}

// prepared makes a CA and a certificate of it.
func prepared(t *testing.T, asked string) Prepared {
	t.Helper()
	authority, err := ca.NewAuthority(ca.AuthorityOptions{Permit: ca.DefaultNames()})
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := authority.NewLeaf(ca.LeafOptions{Names: ca.DefaultNames()})
	if err != nil {
		t.Fatal(err)
	}
	return Prepared{Authority: authority, Leaf: leaf, Asked: asked}
}

func openHome(t *testing.T) *Home {
	t.Helper()
	h, err := Open(filepath.Join(t.TempDir(), "home"), nil)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestWhatIsPreparedIsFoundAgainAndNoAuthority(t *testing.T) {
	h, made := openHome(t), prepared(t, "first")
	if got, err := h.Prepared(preparedOrigin); got != nil || err != nil {
		t.Fatalf("before: %v, %v", got, err)
	}
	if err := h.Prepare(preparedOrigin, made); err != nil {
		t.Fatal(err)
	}
	got, err := h.Prepared(preparedOrigin)
	if err != nil {
		t.Fatal(err)
	}
	if got.Authority.Fingerprint() != made.Authority.Fingerprint() || got.Authority.Key == nil ||
		got.Leaf.Fingerprint() != made.Leaf.Fingerprint() || got.Leaf.Key == nil || got.Asked != "first" {
		t.Errorf("read %+v", got)
	}
	if kept, err := h.Authorities(); len(kept) != 0 || err != nil {
		t.Errorf("it counts as kept: %v, %v", kept, err)
	}
	other := Origin{Server: preparedOrigin.Server, Gateway: "other/gateway"}
	if got, err := h.Prepared(other); got != nil || err != nil {
		t.Errorf("of another Gateway: %v, %v", got, err)
	}
}

func TestWhatIsPreparedLaterReplacesTheFirst(t *testing.T) {
	h := openHome(t)
	for _, asked := range []string{"first", "second"} {
		if err := h.Prepare(preparedOrigin, prepared(t, asked)); err != nil {
			t.Fatal(err)
		}
	}
	alone := prepared(t, "third")
	alone.Authority = nil
	if err := h.Prepare(preparedOrigin, alone); err != nil {
		t.Fatal(err)
	}
	got, err := h.Prepared(preparedOrigin)
	if err != nil || got.Asked != "third" || got.Authority != nil || got.Leaf.Fingerprint() != alone.Leaf.Fingerprint() {
		t.Errorf("read %+v, %v", got, err)
	}
	if !h.HasPrepared(preparedOrigin) {
		t.Error("nothing is prepared")
	}
	for range 2 { // the second time there is nothing
		if err := h.ForgetPrepared(preparedOrigin); err != nil {
			t.Error(err)
		}
	}
	entries, err := os.ReadDir(filepath.Join(h.Dir(), preparedDir))
	if err != nil || len(entries) != 0 || h.HasPrepared(preparedOrigin) {
		t.Errorf("left: %v, %v", entries, err)
	}
}

func TestACAWhoseKeyIsThrownAwayIsPreparedWithoutIt(t *testing.T) {
	h, made := openHome(t), prepared(t, "")
	made.Authority.Key = nil
	if err := h.Prepare(preparedOrigin, made); err != nil {
		t.Fatal(err)
	}
	if got, err := h.Prepared(preparedOrigin); err != nil || got.Authority.Key != nil || got.Leaf.Key == nil {
		t.Errorf("read %+v, %v", got, err)
	}
}

func TestPreparedFilesThatCannotBeUsedSayHowToGoOn(t *testing.T) {
	for name, spoil := range map[string]func(dir string) (hint string, err error){
		"half a certificate": func(dir string) (string, error) {
			return "rm -r " + dir, os.WriteFile(filepath.Join(dir, certificateFile), []byte("-----BEGIN"), 0o600)
		},
		"no note": func(dir string) (string, error) {
			return "rm -r " + dir, os.Remove(filepath.Join(dir, preparedFile))
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := openHome(t)
			if err := h.Prepare(preparedOrigin, prepared(t, "")); err != nil {
				t.Fatal(err)
			}
			hint, err := spoil(h.preparedPath(preparedOrigin))
			if err != nil {
				t.Fatal(err)
			}
			_, err = h.Prepared(preparedOrigin)
			if fault.ReasonOf(err) != fault.LocalState || !strings.Contains(fault.HintOf(err), hint) {
				t.Errorf("%v; hint %q lacks %q", err, fault.HintOf(err), hint)
			}
		})
	}
}

func TestTwoThatPrepareAtOnceLeaveOneWhole(t *testing.T) {
	h := openHome(t)
	made := []Prepared{prepared(t, "a"), prepared(t, "b")}
	done := make(chan error)
	for _, one := range made {
		go func() {
			var last error
			for range 20 {
				if err := h.Prepare(preparedOrigin, one); err != nil {
					last = err
				}
			}
			done <- last
		}()
	}
	for range made {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	got, err := h.Prepared(preparedOrigin)
	if err != nil {
		t.Fatal(err)
	}
	want := made[0]
	if got.Asked == "b" {
		want = made[1]
	}
	if got.Authority.Fingerprint() != want.Authority.Fingerprint() || got.Leaf.Fingerprint() != want.Leaf.Fingerprint() {
		t.Error("what one prepared is mixed with what the other did")
	}
}
