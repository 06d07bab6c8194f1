package state

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

// Storage is a place for sessions.
type Storage string

// The places.
const (
	// StorageKeyring is a file encrypted with a key in the system's keyring.
	StorageKeyring Storage = "keyring"
	// StorageFile is a file that its owner alone can read.
	StorageFile Storage = "file"
	// StorageNone keeps nothing.
	StorageNone Storage = "none"
)

const (
	sessionsDir = "sessions"
	// storageFile holds the choice of storage.
	storageFile = "storage"
	// moveLimit bounds the wait for another process that changes the storage.
	moveLimit = 10 * time.Second
)

// Sessions opens the stored sessions. asked is where they shall be kept; ""
// means where they were last time, and for a first time the keyring if it
// answers within three seconds, else a file. What worked is remembered; another
// choice moves what is there and leaves no copy in the old place. The error is of
// reason LocalState, also where the keyring that was chosen does not answer: the
// way out is to ask for another storage, which gives up what cannot be read.
func (h *Home) Sessions(ctx context.Context, asked Storage, ring Keyring) (*Sessions, error) {
	if asked != "" && !asked.known() {
		return nil, fault.New(fault.Usage, "use keyring, file or none", "session storage %q is not known", asked)
	}
	opener := h.storageOpener(ring)
	if err := os.MkdirAll(opener.dir, dirMode); err != nil {
		return nil, fault.New(fault.LocalState, elsewhere, "make the folder for sessions: %w", err)
	}
	sweepSessions(opener.dir, h.now())
	before := remembered(opener.dir)
	if before != "" && (asked == "" || asked == before) {
		s, err := opener.open(ctx, before, false)
		if !errors.Is(err, errNoKey) {
			return s, err
		}
	}
	unlock, err := h.lockShortly(ctx)
	if err != nil {
		return nil, err
	}
	s, err := opener.change(ctx, remembered(opener.dir), asked) // again: another process may have chosen
	return s, errors.Join(err, unlock())
}

// lockShortly takes the lock of the state folder for a change of milliseconds,
// or of a few questions to the keyring.
func (h *Home) lockShortly(ctx context.Context) (unlock func() error, err error) {
	ctx, cancel := context.WithTimeout(ctx, moveLimit)
	defer cancel()
	return h.Lock(ctx)
}

func (s Storage) known() bool {
	return s == StorageKeyring || s == StorageFile || s == StorageNone
}

// remembered is the last choice, "" for none.
func remembered(dir string) Storage {
	content, err := os.ReadFile(filepath.Join(dir, storageFile))
	if choice := Storage(strings.TrimSpace(string(content))); err == nil && choice.known() {
		return choice
	}
	return ""
}

// storageOpener opens and changes the storage.
type storageOpener struct {
	home *Home
	dir  string
	safe keySafe
}

func (h *Home) storageOpener(ring Keyring) storageOpener {
	return storageOpener{home: h, dir: filepath.Join(h.dir, sessionsDir), safe: keySafe{ring, "sessions in " + h.dir}}
}

// open opens a storage. The lock of the state folder must be held to draw a new
// key where the keyring has none: of two new keys one would be lost.
func (o storageOpener) open(ctx context.Context, storage Storage, draw bool) (*Sessions, error) {
	s := &Sessions{home: o.home, dir: o.dir, storage: storage}
	if storage != StorageKeyring {
		return s, nil
	}
	var err error
	if s.key, err = o.safe.key(ctx, draw); err != nil {
		return nil, fault.New(fault.LocalState, "unlock the keyring, or keep sessions in a file: --session-storage=file",
			"open the stored sessions, whose key is in the system's keyring: %w", err)
	}
	return s, nil
}

// change opens the storage that was asked for, and moves there what is in the
// one before.
func (o storageOpener) change(ctx context.Context, before, asked Storage) (*Sessions, error) {
	wanted := cmp.Or(asked, before, StorageKeyring)
	s, err := o.open(ctx, wanted, true)
	if err != nil && asked == "" && before == "" && ctx.Err() == nil {
		wanted = StorageFile
		s, err = o.open(ctx, wanted, false)
	}
	if err != nil {
		return nil, err
	}
	if err := o.move(ctx, before, s); err != nil {
		return nil, err
	}
	err = replaceFile(filepath.Join(o.dir, storageFile), []byte(wanted+"\n"), keyMode)
	return s, fault.Wrap(fault.LocalState, elsewhere, wrap("remember where sessions are kept", err))
}

// move writes all sessions anew, and deletes those that can no longer be read,
// and the key that nothing is encrypted with any more. Cut short, it leaves
// some sessions that count as none.
func (o storageOpener) move(ctx context.Context, before Storage, to *Sessions) error {
	from, err := o.open(ctx, before, false)
	if err != nil {
		if ctx.Err() != nil { // it was not the keyring that failed
			return err
		}
		from = &Sessions{home: o.home, dir: o.dir, storage: StorageFile} // the key is gone, and so is what it opens
	}
	files, err := to.files()
	if err != nil {
		return err
	}
	for _, file := range files {
		kept, err := from.read(file)
		if err != nil || to.storage == StorageNone {
			err = removeFile(file)
		} else {
			err = to.write(kept.SessionID, kept.Data)
		}
		if err != nil {
			return err
		}
	}
	if before == StorageKeyring && to.storage != StorageKeyring {
		_ = o.safe.forget(ctx) // it opens nothing any more
	}
	return nil
}

// RemoveSessions deletes all sessions, those that cannot be read included, and
// the key in the keyring if that is in use. The choice of storage stays.
func (h *Home) RemoveSessions(ctx context.Context, ring Keyring) error {
	opener := h.storageOpener(ring)
	unlock, err := h.lockShortly(ctx)
	if err != nil {
		return err
	}
	if remembered(opener.dir) == StorageKeyring {
		_ = opener.safe.forget(ctx) // it opens nothing any more
	}
	// Locks stay: two files of one name would be two locks.
	for _, kind := range []string{"*" + sessionSuffix, "*" + refusalSuffix, tempPattern} {
		err = errors.Join(err, removeOlder(opener.dir, kind, func(fs.FileInfo) bool { return true }))
	}
	return errors.Join(err, unlock())
}

// tempPattern is of files half-written, see writeTemp.
const tempPattern = newPrefix + "*"

// sweepSessions removes what killed processes left half-written, which may hold
// a session, and refusals that nobody waits for any more. What cannot be removed
// stays for the next time.
func sweepSessions(dir string, now time.Time) {
	olderThan := func(age time.Duration) func(fs.FileInfo) bool {
		return func(info fs.FileInfo) bool { return now.Sub(info.ModTime()).Abs() > age }
	}
	_ = removeOlder(dir, tempPattern, olderThan(abandoned))
	_ = removeOlder(dir, "*"+refusalSuffix, olderThan(refusalLife))
}

func removeOlder(dir, pattern string, old func(fs.FileInfo) bool) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return fault.New(fault.LocalState, elsewhere, "list the sessions: %w", err)
	}
	for _, entry := range entries {
		matches, _ := filepath.Match(pattern, entry.Name())
		if info, infoErr := entry.Info(); matches && infoErr == nil && old(info) {
			err = errors.Join(err, removeFile(filepath.Join(dir, entry.Name())))
		}
	}
	return err
}
