package state

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

func TestUnknownStorage(t *testing.T) {
	_, err := newTestHome(t).Sessions(t.Context(), "cloud", newRing())
	if fault.ReasonOf(err) != fault.Usage || !strings.Contains(fault.HintOf(err), "keyring, file or none") {
		t.Errorf("got %v", err)
	}
}

// TestStorageChangedInBetween has one run open the sessions, and another change
// the storage before the first one saves: no copy may appear in the old place.
func TestStorageChangedInBetween(t *testing.T) {
	for _, now := range []Storage{StorageKeyring, StorageNone} {
		h, r := newTestHome(t), newRing()
		early := openSessions(t, h, StorageFile, r)
		openSessions(t, h, now, r)
		mustRefuse(t, early.Save(alice, secret), "another run has changed the storage from file to "+string(now))
		if isOnDisk(t, h) {
			t.Errorf("%s was chosen, and the session lies in a plain file", now)
		}
	}
}

// TestFirstRunsAtTheSameTime must agree on one key.
func TestFirstRunsAtTheSameTime(t *testing.T) {
	dir, r := t.TempDir(), newRing()
	var wait sync.WaitGroup
	for i := range 10 {
		wait.Go(func() {
			h, err := Open(dir, nil)
			if err != nil {
				t.Error(err)
				return
			}
			s, err := h.Sessions(t.Context(), "", r)
			if err == nil {
				err = s.Save(SessionID{"e", strconv.Itoa(i)}, secret)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	h, err := Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	ids, err := openSessions(t, h, "", r).List("e")
	if err != nil || len(ids) != 10 {
		t.Errorf("%d of 10 sessions can be read, %v", len(ids), err)
	}
}

// TestSpoiltKey: what it opened is lost and goes, and a new key serves from now
// on, one for all.
func TestSpoiltKey(t *testing.T) {
	for name, spoil := range map[string]func(*ring){
		"gone":      func(r *ring) { clear(r.entries) },
		"nonsense":  func(r *ring) { setAll(r, "!") },
		"too short": func(r *ring) { setAll(r, "AAAA") },
		"another":   func(r *ring) { setAll(r, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=") },
	} {
		t.Run(name, func(t *testing.T) {
			h, r := newTestHome(t), newRing()
			mustSaveSession(t, openSessions(t, h, StorageKeyring, r), alice)
			spoil(r)
			s := openSessions(t, h, "", r)
			if ids, err := s.List(""); err != nil || len(ids) != 0 {
				t.Errorf("List: %v, %v", ids, err)
			}
			mustSaveSession(t, s, alice)
			if data, err := openSessions(t, h, "", r).Load(alice); err != nil || !bytes.Equal(data, secret) {
				t.Errorf("Load: %q, %v", data, err)
			}
		})
	}
}

func setAll(r *ring, text string) {
	for entry := range r.entries {
		r.entries[entry] = text
	}
}

func mustSaveSession(t *testing.T, s *Sessions, id SessionID) {
	t.Helper()
	if err := s.Save(id, secret); err != nil {
		t.Fatal(err)
	}
}

// TestKeyringThatPanics stands for the library, which does so when the other
// end of D-Bus talks nonsense.
func TestKeyringThatPanics(t *testing.T) {
	if s := openSessions(t, newTestHome(t), "", panicking{newRing()}); s.Storage() != StorageFile {
		t.Errorf("the storage is %s", s.Storage())
	}
}

type panicking struct{ *ring }

func (panicking) Get(string, string) (string, error) { panic("interface conversion") }

// TestInterruptedMove must not take Ctrl-C for a keyring that is gone.
func TestInterruptedMove(t *testing.T) {
	h, r := newTestHome(t), newRing()
	mustSaveSession(t, openSessions(t, h, StorageKeyring, r), alice)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.Sessions(ctx, StorageFile, r); err == nil {
		t.Error("moved after Ctrl-C")
	}
	opener := h.storageOpener(r)
	if err := opener.move(ctx, StorageKeyring, &Sessions{home: h, dir: opener.dir, storage: StorageFile}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if data, err := openSessions(t, h, "", r).Load(alice); err != nil || !bytes.Equal(data, secret) {
		t.Errorf("afterwards: %q, %v", data, err)
	}
}

// TestNothingHalfWrittenStays: a killed run leaves such a file, with a session in
// it.
func TestNothingHalfWrittenStays(t *testing.T) {
	c := newClock()
	h := mustOpen(t, filepath.Join(t.TempDir(), "[a]*"), c) // no pattern
	r := newRing()
	mustSaveSession(t, openSessions(t, h, StorageFile, r), alice)
	half := filepath.Join(h.Dir(), sessionsDir, ".new-1")
	writeFile(t, half, "half", keyMode)
	if err := os.Chtimes(half, c.at, c.at); err != nil {
		t.Fatal(err)
	}
	openSessions(t, h, "", r)
	if !exists(half) {
		t.Error("a file that may still be written is gone")
	}
	c.at = c.at.Add(abandoned + time.Second)
	openSessions(t, h, "", r)
	if exists(half) {
		t.Error("a file of an hour ago is still there")
	}
	writeFile(t, half, "half", keyMode)
	if err := h.RemoveSessions(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(filepath.Join(h.Dir(), sessionsDir))
	if err != nil || len(left) != 1 || left[0].Name() != storageFile {
		t.Errorf("left: %v, %v", left, err)
	}
}

func TestRemoveSessionsKeepsTheChoice(t *testing.T) {
	for _, storage := range []Storage{StorageFile, StorageKeyring, StorageNone} {
		h, r := newTestHome(t), newRing()
		mustSaveSession(t, openSessions(t, h, storage, r), alice)
		if err := h.RemoveSessions(t.Context(), r); err != nil || len(r.entries) != 0 {
			t.Errorf("%s: %v, keys left: %d", storage, err, len(r.entries))
		}
		if s := openSessions(t, h, "", r); s.Storage() != storage {
			t.Errorf("%s was chosen, and now it is %s", storage, s.Storage())
		}
	}
	if err := newTestHome(t).RemoveSessions(t.Context(), newRing()); err != nil {
		t.Errorf("there was nothing: %v", err)
	}
}

// TestRefusalsOfSeveralPasswords: each is posted once, also when another one was
// refused in between.
func TestRefusalsOfSeveralPasswords(t *testing.T) {
	s := openSessions(t, newTestHome(t), StorageFile, newRing())
	began := time.Now()
	for _, password := range []string{"a", "b"} {
		lock, err := s.Lock(t.Context(), alice)
		if err != nil {
			t.Fatal(err)
		}
		lock.began = began // it waited all the time
		if err := errors.Join(lock.NoteRefusal(password, "no to "+password), lock.Unlock()); err != nil {
			t.Fatal(err)
		}
		wantMode(t, lock.refused, keyMode)
	}
	lock, err := s.Lock(t.Context(), alice)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Unlock()
	lock.began = began
	for password, want := range map[string]string{"a": "no to a", "b": "no to b"} {
		if text, refused := lock.Refusal(password); text != want || !refused {
			t.Errorf("%s: %q, %v", password, text, refused)
		}
	}
}

// TestSessionLockEndsWithItsProcess: it is held until that is killed.
func TestSessionLockEndsWithItsProcess(t *testing.T) {
	if dir := os.Getenv("KFTLS_TEST_SESSION_LOCK"); dir != "" {
		h, err := Open(dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := openSessions(t, h, "", newRing()).Lock(t.Context(), alice); err != nil {
			t.Fatal(err)
		}
		fmt.Println("held")
		select {}
	}
	h := newTestHome(t)
	s := openSessions(t, h, StorageFile, newRing())
	holder := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^"+t.Name()+"$")
	holder.Env = append(os.Environ(), "KFTLS_TEST_SESSION_LOCK="+h.Dir())
	out, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := s.Lock(short, alice); fault.ReasonOf(err) != fault.Timeout {
		t.Errorf("another process holds it: %v", err)
	}
	if err := holder.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = holder.Wait() // killed
	lock, err := s.Lock(t.Context(), alice)
	if err != nil {
		t.Fatal(err)
	}
	if err := lock.Unlock(); err != nil {
		t.Error(err)
	}
}
