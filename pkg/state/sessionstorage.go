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
// answers within three seconds, else a file. The choice is remembered; a changed
// one moves what is there and leaves no copy in the old place. The error is of
// reason LocalState, also where the keyring that was chosen does not answer.
func (h *Home) Sessions(ctx context.Context, asked Storage, ring Keyring) (*Sessions, error) {
	dir := filepath.Join(h.dir, sessionsDir)
	if err := os.MkdirAll(dir, dirMode); err != nil {
		return nil, fault.New(fault.LocalState, elsewhere, "make the folder for sessions: %w", err)
	}
	opener := storageOpener{dir: dir, safe: keySafe{ring, "sessions in " + h.dir}}
	before := opener.remembered()
	if before != "" && (asked == "" || asked == before) {
		s, err := opener.open(ctx, before)
		if err == nil {
			s.sweep(h.now())
		}
		return s, err
	}
	waiting, cancel := context.WithTimeout(ctx, moveLimit)
	defer cancel()
	unlock, err := h.Lock(waiting)
	if err != nil {
		return nil, err
	}
	s, err := opener.change(ctx, opener.remembered(), asked) // again: another process may have chosen
	return s, errors.Join(err, unlock())
}

// storageOpener opens and changes the storage.
type storageOpener struct {
	dir  string
	safe keySafe
}

// remembered is the last choice, "" for none.
func (o storageOpener) remembered() Storage {
	content, err := os.ReadFile(filepath.Join(o.dir, storageFile))
	if err != nil {
		return ""
	}
	switch known := Storage(strings.TrimSpace(string(content))); known {
	case StorageKeyring, StorageFile, StorageNone:
		return known
	}
	return ""
}

func (o storageOpener) open(ctx context.Context, storage Storage) (*Sessions, error) {
	s := &Sessions{dir: o.dir, storage: storage}
	if storage != StorageKeyring {
		return s, nil
	}
	var err error
	if s.key, err = o.safe.key(ctx, true); err != nil {
		return nil, fault.New(fault.LocalState, "unlock the keyring, or keep sessions in a file: --session-storage=file",
			"open the stored sessions, whose key is in the system's keyring: %w", err)
	}
	return s, nil
}

// change opens the storage that was asked for, and moves there what is in the
// one before.
func (o storageOpener) change(ctx context.Context, before, asked Storage) (*Sessions, error) {
	wanted := cmp.Or(asked, before)
	if wanted == "" {
		wanted = StorageKeyring
	}
	s, err := o.open(ctx, wanted)
	if err != nil && asked == "" && before == "" && ctx.Err() == nil {
		wanted = StorageFile
		s, err = o.open(ctx, wanted)
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
// and the key that nothing is encrypted with any more.
func (o storageOpener) move(ctx context.Context, before Storage, to *Sessions) error {
	from, err := o.open(ctx, before)
	if err != nil {
		from = &Sessions{dir: o.dir, storage: StorageFile} // the keyring is gone, and so is what it opens
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
			err = to.Save(kept.SessionID, kept.Data)
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

// RemoveSessions deletes all sessions, whatever they are encrypted with, and the
// key in the keyring if that is in use.
func (h *Home) RemoveSessions(ctx context.Context, ring Keyring) error {
	opener := storageOpener{dir: filepath.Join(h.dir, sessionsDir), safe: keySafe{ring, "sessions in " + h.dir}}
	if opener.remembered() == StorageKeyring {
		_ = opener.safe.forget(ctx)
	}
	err := os.RemoveAll(opener.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fault.New(fault.LocalState, elsewhere, "delete the sessions: %w", err)
	}
	return nil
}
