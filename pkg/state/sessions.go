package state

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

// SessionID tells a session from others: of which Kubeflow, and whose.
type SessionID struct {
	// Endpoint is a name of the Kubeflow that the caller chooses.
	Endpoint string `json:"endpoint"`
	Login    string `json:"login"`
}

// Sessions are the sessions kept on this computer. What a session is, is the
// caller's affair: here it is bytes. Several processes may use them at once.
type Sessions struct {
	home    *Home
	dir     string
	storage Storage
	key     []byte // of StorageKeyring
}

// record is the content of one file, or of the box in it.
type record struct {
	SessionID
	Data []byte `json:"data"`
}

const sessionSuffix = ".session"

// Storage is where the sessions are kept.
func (s *Sessions) Storage() Storage { return s.storage }

// Load returns a stored session. The error is fs.ErrNotExist where there is none
// that can be read: a file that is broken, or whose key is gone, counts as none.
func (s *Sessions) Load(id SessionID) ([]byte, error) {
	found, err := s.read(s.path(id))
	if err != nil || found.SessionID != id {
		return nil, fmt.Errorf("the session of %s: %w", id.Login, fs.ErrNotExist)
	}
	return found.Data, nil
}

// Save keeps a session in the place of an earlier one. With StorageNone it does
// nothing. It fails where another process has changed the storage in the
// meantime: a copy in the old place would stay there.
func (s *Sessions) Save(id SessionID, data []byte) error {
	if s.storage == StorageNone {
		return nil
	}
	return s.locked(func() error {
		if now := remembered(s.dir); now != s.storage {
			return fault.New(fault.LocalState, "run the command again",
				"keep the session of %s: another run has changed the storage from %s to %s", id.Login, s.storage, cmp.Or(now, "nothing"))
		}
		return s.write(id, data)
	})
}

// Delete forgets a session; there need not be one.
func (s *Sessions) Delete(id SessionID) error {
	return s.locked(func() error { return removeFile(s.path(id)) })
}

// locked keeps a change of one session apart from a move of all of them.
func (s *Sessions) locked(change func() error) error {
	unlock, err := s.home.lockShortly(context.Background())
	if err != nil {
		return err
	}
	return errors.Join(change(), unlock())
}

func (s *Sessions) write(id SessionID, data []byte) error {
	content, err := s.seal(record{id, data})
	if err == nil {
		err = replaceFile(s.path(id), content, keyMode)
	}
	return fault.Wrap(fault.LocalState, placeHint(s.dir, err), wrap("keep the session of "+id.Login, err))
}

// List returns the sessions of an endpoint ("" of all) that can be read, sorted
// by endpoint and login.
func (s *Sessions) List(endpoint string) ([]SessionID, error) {
	files, err := s.files()
	if err != nil {
		return nil, err
	}
	var ids []SessionID
	for _, file := range files {
		found, err := s.read(file)
		if err == nil && (endpoint == "" || found.Endpoint == endpoint) {
			ids = append(ids, found.SessionID)
		}
	}
	slices.SortFunc(ids, func(a, b SessionID) int { return strings.Compare(a.Endpoint+"\n"+a.Login, b.Endpoint+"\n"+b.Login) })
	return ids, nil
}

// files does not use filepath.Glob: the path of the folder may hold a "[".
func (s *Sessions) files() ([]string, error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, fault.New(fault.LocalState, elsewhere, "list the sessions: %w", err)
	}
	var files []string
	for _, entry := range entries {
		if strings.HasSuffix(entry.Name(), sessionSuffix) {
			files = append(files, filepath.Join(s.dir, entry.Name()))
		}
	}
	return files, nil
}

// path is the file of a session. Its name says nothing about whose it is.
func (s *Sessions) path(id SessionID) string { return s.stem(id) + sessionSuffix }

func (s *Sessions) stem(id SessionID) string {
	sum := sha256.Sum256([]byte(id.Endpoint + "\x00" + id.Login))
	return filepath.Join(s.dir, hex.EncodeToString(sum[:16]))
}

// read opens one file. Whatever stands in it, the error is only that it is of
// no use.
func (s *Sessions) read(path string) (record, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return record{}, err
	}
	return s.open(content)
}

func removeFile(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fault.New(fault.LocalState, elsewhere, "delete a session: %w", err)
	}
	return nil
}

func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}
