package state

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/kftls/kubectl-kftls/pkg/ca"
	"github.com/kftls/kubectl-kftls/pkg/fault"
)

func TestLocalAuthority(t *testing.T) {
	h, now := newTestHome(t), time.Now()
	made, err := h.LocalAuthority(now)
	if err != nil {
		t.Fatal(err)
	}
	again, err := h.LocalAuthority(now)
	if err != nil || again.Fingerprint() != made.Fingerprint() {
		t.Errorf("asked again, it is another CA: %v", err)
	}
	if _, err := again.NewLeaf(ca.LeafOptions{Names: ca.DefaultNames(), Now: now}); err != nil {
		t.Errorf("it cannot sign for localhost: %v", err)
	}
	if _, err := again.NewLeaf(ca.LeafOptions{Names: ca.Names{DNS: []string{"example.com"}}, Now: now}); err == nil {
		t.Error("it signs for example.com")
	}
	for path, want := range map[string]os.FileMode{
		h.LocalCertificatePath(): publicMode,
		filepath.Join(filepath.Dir(h.LocalCertificatePath()), "ca.key"): keyMode,
		filepath.Dir(h.LocalCertificatePath()):                          dirMode,
	} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	if clusters, err := h.AuthoritiesFor(Origin{}); err != nil || len(clusters) != 0 {
		t.Errorf("it counts as a cluster's: %v, %v", clusters, err)
	}
	later, err := h.LocalAuthority(now.Add(11 * 365 * 24 * time.Hour))
	if err != nil || later.Fingerprint() == made.Fingerprint() {
		t.Errorf("after its end: %v", err)
	}
}

func TestBrokenLocalAuthorityStays(t *testing.T) {
	h := newTestHome(t)
	if _, err := h.LocalAuthority(time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(h.LocalCertificatePath(), []byte("broken"), publicMode); err != nil {
		t.Fatal(err)
	}
	_, err := h.LocalAuthority(time.Now())
	if fault.ReasonOf(err) != fault.LocalState || errors.Is(err, errExpired) {
		t.Errorf("got %v", err)
	}
}

func TestLocalAuthorityWithoutItsKey(t *testing.T) {
	h, now := newTestHome(t), time.Now()
	made, err := h.LocalAuthority(now)
	if err != nil {
		t.Fatal(err)
	}
	remove(t, filepath.Join(filepath.Dir(h.LocalCertificatePath()), keyFile))
	again, err := h.LocalAuthority(now)
	if err != nil || again.Key == nil || again.Fingerprint() == made.Fingerprint() {
		t.Errorf("without its key: %v", err)
	}
}

func TestLocalAuthorityAtTheSameTime(t *testing.T) {
	dir := t.TempDir()
	prints := make(chan string, 10)
	var wait sync.WaitGroup
	for range cap(prints) {
		wait.Go(func() {
			h, err := Open(dir, nil)
			if err != nil {
				t.Error(err)
				return
			}
			authority, err := h.LocalAuthority(time.Now())
			if err != nil {
				t.Error(err)
				return
			}
			leaf, err := authority.NewLeaf(ca.LeafOptions{Names: ca.DefaultNames(), Now: time.Now()})
			if err != nil {
				t.Error(err)
				return
			}
			prints <- ca.Fingerprint(leaf.Issuers[0])
		})
	}
	wait.Wait()
	close(prints)
	first := <-prints
	for fingerprint := range prints {
		if fingerprint != first {
			t.Error("two CAs were made")
		}
	}
}
