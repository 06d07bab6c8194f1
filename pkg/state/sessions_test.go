package state

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zalando/go-keyring"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

var (
	alice  = SessionID{"https://kubeflow.example.com", "alice@example.com"}
	bob    = SessionID{"https://kubeflow.example.com", "bob@example.com"}
	secret = []byte(`{"cookies":[{"name":"c","value":"kept-Value-7"}]}`)
)

// ring is a keyring in memory.
type ring struct {
	mu      sync.Mutex
	entries map[string]string
	err     error
	hangs   chan struct{}
}

func newRing() *ring { return &ring{entries: map[string]string{}} }

func (r *ring) Get(service, user string) (string, error) {
	if r.hangs != nil {
		<-r.hangs
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	entry, known := r.entries[service+user]
	if r.err == nil && !known {
		return "", keyring.ErrNotFound
	}
	return entry, r.err
}

func (r *ring) Set(service, user, text string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		r.entries[service+user] = text
	}
	return r.err
}

func (r *ring) Delete(service, user string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.entries, service+user)
	return r.err
}

func openSessions(t *testing.T, h *Home, asked Storage, r Keyring) *Sessions {
	t.Helper()
	s, err := h.Sessions(t.Context(), asked, r)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newTestHome(t *testing.T) *Home {
	t.Helper()
	h, err := Open(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// isOnDisk tells whether the secret can be read in any file of the folder.
func isOnDisk(t *testing.T, h *Home) bool {
	t.Helper()
	found := false
	err := filepath.WalkDir(h.Dir(), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if strings.HasSuffix(path, sessionSuffix) && info.Mode().Perm() != keyMode {
			t.Errorf("%s has mode %o", path, info.Mode().Perm())
		}
		content, err := os.ReadFile(path)
		// JSON holds bytes in base64, whatever their place.
		found = found || bytes.Contains(content, secret) || bytes.Contains(content, []byte("eyJjb29raWVzIjpbeyJ"))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestSessionsAreKept(t *testing.T) {
	for _, storage := range []Storage{StorageFile, StorageKeyring} {
		t.Run(string(storage), func(t *testing.T) {
			h, r := newTestHome(t), newRing()
			s := openSessions(t, h, storage, r)
			if _, err := s.Load(alice); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("nothing was saved, and Load says %v", err)
			}
			for _, id := range []SessionID{bob, alice} {
				if err := s.Save(id, secret); err != nil {
					t.Fatal(err)
				}
			}
			again := openSessions(t, h, "", r)
			if again.Storage() != storage {
				t.Errorf("the choice was %s, and %s was remembered", storage, again.Storage())
			}
			if data, err := again.Load(alice); err != nil || !bytes.Equal(data, secret) {
				t.Errorf("Load: %q, %v", data, err)
			}
			ids, err := again.List(alice.Endpoint)
			if err != nil || len(ids) != 2 || ids[0] != alice || ids[1] != bob {
				t.Errorf("List: %v, %v", ids, err)
			}
			if ids, _ := again.List("https://other.example.com"); len(ids) != 0 {
				t.Errorf("List of another endpoint: %v", ids)
			}
			if isOnDisk(t, h) != (storage == StorageFile) {
				t.Errorf("with %s, readable on the disk: %v", storage, isOnDisk(t, h))
			}
			if err := errors.Join(again.Delete(alice), again.Delete(alice)); err != nil {
				t.Error(err)
			}
			if _, err := again.Load(alice); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("deleted, and Load says %v", err)
			}
		})
	}
}

func TestChangedStorageLeavesNoCopy(t *testing.T) {
	h, r := newTestHome(t), newRing()
	if err := openSessions(t, h, StorageFile, r).Save(alice, secret); err != nil {
		t.Fatal(err)
	}
	moved := openSessions(t, h, StorageKeyring, r)
	if data, err := moved.Load(alice); err != nil || !bytes.Equal(data, secret) || isOnDisk(t, h) {
		t.Errorf("to the keyring: %q, %v, still readable: %v", data, err, isOnDisk(t, h))
	}
	back := openSessions(t, h, StorageFile, r)
	if data, err := back.Load(alice); err != nil || !bytes.Equal(data, secret) || len(r.entries) != 0 {
		t.Errorf("to a file: %q, %v, keys left: %d", data, err, len(r.entries))
	}
	none := openSessions(t, h, StorageNone, r)
	if err := none.Save(alice, secret); err != nil {
		t.Error(err)
	}
	if ids, err := none.List(""); err != nil || len(ids) != 0 || isOnDisk(t, h) {
		t.Errorf("to none: %v, %v", ids, err)
	}
}

func TestKeyringThatDoesNotAnswer(t *testing.T) {
	h, r := newTestHome(t), newRing()
	r.err = errors.New("no such bus")
	s := openSessions(t, h, "", r)
	if s.Storage() != StorageFile {
		t.Errorf("without a keyring the storage is %s", s.Storage())
	}
	_, err := h.Sessions(t.Context(), StorageKeyring, r)
	if fault.ReasonOf(err) != fault.LocalState || !strings.Contains(err.Error(), "no such bus") {
		t.Errorf("the keyring was asked for: %v", err)
	}

	h, r = newTestHome(t), newRing()
	if err := openSessions(t, h, "", r).Save(alice, secret); err != nil {
		t.Fatal(err)
	}
	r.err = errors.New("locked")
	_, err = h.Sessions(t.Context(), "", r)
	if fault.ReasonOf(err) != fault.LocalState || !strings.Contains(fault.HintOf(err), "--session-storage=file") {
		t.Errorf("the remembered keyring is gone: %v", err)
	}
	file := openSessions(t, h, StorageFile, r)
	if ids, err := file.List(""); err != nil || len(ids) != 0 {
		t.Errorf("what nobody can read any more is still there: %v, %v", ids, err)
	}
}

func TestKeyringThatHangs(t *testing.T) {
	r := newRing()
	r.hangs = make(chan struct{})
	defer close(r.hangs)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := (keySafe{r, "x"}).key(ctx, true); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func TestForeignFilesCountAsNone(t *testing.T) {
	h := newTestHome(t)
	s := openSessions(t, h, StorageFile, newRing())
	for _, content := range []string{"", "{", `{"version":2}`, `{"version":1,"nonce":"AA==","sealed":"AA=="}`, "\x00\xff"} {
		if err := os.WriteFile(s.path(alice), []byte(content), keyMode); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Load(alice); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%q: %v", content, err)
		}
		if ids, err := s.List(""); err != nil || len(ids) != 0 {
			t.Errorf("%q: %v, %v", content, ids, err)
		}
	}
}

// TestRefusalIsForThoseWhoWaited: one logs in and is refused, one waited with
// the same password, one with another, one comes later.
func TestRefusalIsForThoseWhoWaited(t *testing.T) {
	s := openSessions(t, newTestHome(t), StorageFile, newRing())
	first, err := s.Lock(t.Context(), alice)
	if err != nil {
		t.Fatal(err)
	}
	waited := make(chan *SessionLock)
	go func() {
		lock, err := s.Lock(t.Context(), alice)
		if err != nil {
			t.Error(err)
		}
		waited <- lock
	}()
	if other, err := s.Lock(t.Context(), bob); err != nil {
		t.Errorf("another login has a lock of its own: %v", err)
	} else if err := other.Unlock(); err != nil {
		t.Error(err)
	}
	for { // until the other one waits
		short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		_, err := s.Lock(short, alice)
		cancel()
		if fault.ReasonOf(err) == fault.Timeout {
			break
		}
	}
	if err := errors.Join(first.NoteRefusal("wrong-Password-7", "Invalid"), first.Unlock()); err != nil {
		t.Fatal(err)
	}
	lock := <-waited
	if text, refused := lock.Refusal("wrong-Password-7"); !refused || text != "Invalid" {
		t.Errorf("the same password: %q, %v", text, refused)
	}
	if _, refused := lock.Refusal("right"); refused {
		t.Error("another password was refused along")
	}
	content, err := os.ReadFile(lock.refused)
	if err != nil || bytes.Contains(content, []byte("wrong-Password-7")) {
		t.Errorf("the note holds the password: %v", err)
	}
	if err := lock.Unlock(); err != nil {
		t.Fatal(err)
	}
	later, err := s.Lock(t.Context(), alice)
	if err != nil {
		t.Fatal(err)
	}
	defer later.Unlock()
	if _, refused := later.Refusal("wrong-Password-7"); refused {
		t.Error("who came later may try again")
	}
	if exists(later.refused) {
		t.Error("the note is still there")
	}
}

func TestRemoveSessions(t *testing.T) {
	h, r := newTestHome(t), newRing()
	if err := openSessions(t, h, StorageKeyring, r).Save(alice, secret); err != nil {
		t.Fatal(err)
	}
	if err := h.RemoveSessions(t.Context(), r); err != nil || len(r.entries) != 0 {
		t.Errorf("%v, keys left: %d", err, len(r.entries))
	}
	if ids, err := openSessions(t, h, "", r).List(""); err != nil || len(ids) != 0 {
		t.Errorf("%v, %v", ids, err)
	}
}

func FuzzSessionFile(f *testing.F) {
	f.Add([]byte(`{"version":1,"plain":{"endpoint":"e","login":"l","data":"eHg="}}`))
	f.Add([]byte(`{"version":1,"nonce":"AAAAAAAAAAAAAAAA","sealed":"AA=="}`))
	s := &Sessions{storage: StorageKeyring, key: make([]byte, keyBytes)}
	f.Fuzz(func(_ *testing.T, content []byte) { _, _ = s.open(content) })
}
