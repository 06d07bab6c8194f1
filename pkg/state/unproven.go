package state

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

// unprovenDir holds a file for each front door to which this computer has
// added an HTTPS server without having seen yet that the login guards it. It
// outlives a kill -9: the next run knows that it must not trust what it finds.
const unprovenDir = "unproven"

// MarkUnproven notes that the guard of a front door's new server is not proven
// yet.
func (h *Home) MarkUnproven(o Origin) error {
	dir := filepath.Join(h.dir, unprovenDir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fault.New(fault.LocalState, placeHint(h.dir, err), "make the folder %s: %w", dir, err)
	}
	err := replaceFile(h.unprovenPath(o), []byte(o.Server+" "+o.Gateway+"\n"), 0o600)
	if err != nil {
		return fault.New(fault.LocalState, placeHint(h.dir, err), "note that the server is not proven yet: %w", err)
	}
	return nil
}

// MarkProven takes the note back.
func (h *Home) MarkProven(o Origin) error {
	if err := os.Remove(h.unprovenPath(o)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fault.New(fault.LocalState, "", "forget that a server was unproven: %w", err)
	}
	return nil
}

// IsUnproven tells whether the note is there.
func (h *Home) IsUnproven(o Origin) bool { return exists(h.unprovenPath(o)) }

func (h *Home) unprovenPath(o Origin) string {
	name := sha256.Sum256([]byte(o.Server + "\n" + o.Gateway))
	return filepath.Join(h.dir, unprovenDir, hex.EncodeToString(name[:16]))
}
