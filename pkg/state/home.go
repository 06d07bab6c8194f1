// Package state keeps what must outlive a run on this computer: the keys of
// certificate authorities, by fingerprint, this computer's own among them but
// apart, and sessions, by Kubeflow and login.
//
// Every file is written beside its place, brought to the disk and renamed, so
// that a crash leaves either the old state or the new one.
package state

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

const (
	keyMode    fs.FileMode = 0o600
	publicMode fs.FileMode = 0o644
	dirMode    fs.FileMode = 0o700
)

// Home is the state folder of one user on one computer.
type Home struct {
	dir string
	now func() time.Time
}

// Open returns the state folder dir, made with mode 0700 if there is none. It
// refuses, with the reason LocalState, a folder that cannot be written or that
// others may write. What killed processes left half-written an hour ago or
// earlier is removed. A nil now means time.Now.
func Open(dir string, now func() time.Time) (*Home, error) {
	if now == nil {
		now = time.Now
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fault.New(fault.LocalState, elsewhere, "find the state folder: %w", err)
	}
	isNew := !exists(dir)
	if err := os.MkdirAll(dir, dirMode); err != nil {
		return nil, fault.New(fault.LocalState, placeHint(dir, err), "make the state folder: %w", err)
	}
	if isNew {
		if err := closeToOthers(dir); err != nil {
			return nil, fault.Wrap(fault.LocalState, elsewhere, err)
		}
	}
	info, err := os.Stat(dir)
	if err != nil {
		return nil, fault.New(fault.LocalState, elsewhere, "open the state folder: %w", err)
	}
	foreign, err := checkOwnership(dir, info), probeWrite(dir)
	switch {
	case errors.Is(err, errUnkept): // its mode says nothing, and chmod would change nothing
		return nil, err
	case foreign != nil:
		return nil, foreign
	case err != nil:
		return nil, fault.New(fault.LocalState, placeHint(dir, err), "write to the state folder: %w", err)
	}
	h := &Home{dir: dir, now: now}
	h.sweep()
	return h, nil
}

// errUnkept is a file system on which everybody has the same rights on every file.
var errUnkept = errors.New("its file system keeps no permissions")

// probeWrite finds out by doing: permissions alone do not tell of a full disk
// or of one mounted read-only, nor what becomes of the mode of a secret.
func probeWrite(dir string) error {
	f, err := os.CreateTemp(dir, probePrefix)
	if err != nil {
		return err
	}
	_, err = f.WriteString("written to see whether it can be\n")
	if err == nil {
		err = closeToOthers(f.Name()) // it has the mode of a secret
	}
	return errors.Join(err, f.Close(), os.Remove(f.Name()))
}

// Dir returns the absolute path of the state folder.
func (h *Home) Dir() string { return h.dir }

// computerIDDigits is the length of a computer's id, in hex digits.
const computerIDDigits = 12

// ComputerID returns 12 random hex digits that tell this computer (more truly:
// this state folder) from others. They are drawn once; of two processes that
// draw at the same time both return the digits of one.
func (h *Home) ComputerID() (string, error) {
	path := filepath.Join(h.dir, "computer-id")
	id, err := readComputerID(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return id, err
	}
	var random [computerIDDigits / 2]byte
	if _, err := rand.Read(random[:]); err != nil {
		return "", fmt.Errorf("draw an id for this computer: %w", err)
	}
	err = createFile(path, []byte(hex.EncodeToString(random[:])+"\n"), publicMode)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return "", fault.New(fault.LocalState, placeHint(h.dir, err), "write the id of this computer: %w", err)
	}
	return readComputerID(path)
}

func readComputerID(path string) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", fault.Wrap(fault.LocalState, elsewhere, fmt.Errorf("read the id of this computer: %w", err))
	}
	id := strings.TrimSpace(string(data))
	if !isLowerHex(id, computerIDDigits) {
		return "", fault.New(fault.LocalState, "delete the file, and a new id is drawn",
			"%s does not hold %d hex digits", path, computerIDDigits)
	}
	return id, nil
}

func isLowerHex(s string, digits int) bool {
	return len(s) == digits && strings.Trim(s, "0123456789abcdef") == ""
}
