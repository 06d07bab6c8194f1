package state

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/kftls/kubectl-kftls/pkg/ca"
	"github.com/kftls/kubectl-kftls/pkg/fault"
)

// Kept is an authority as this computer keeps it.
type Kept struct {
	Fingerprint string
	// Authority is nil where it cannot be read; Err says why.
	Authority *ca.Authority
	Err       error
	// Origins are the front doors that it was used for.
	Origins []Origin
	SavedAt time.Time
}

// Authorities lists all authorities of clusters that this computer keeps, the
// newest first. One that cannot be read is listed, too.
func (h *Home) Authorities() ([]Kept, error) {
	entries, err := os.ReadDir(filepath.Join(h.dir, "ca"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fault.New(fault.LocalState, elsewhere, "list the certificate authorities: %w", err)
	}
	var found []Kept
	for _, entry := range entries {
		if !isFingerprint(entry.Name()) {
			continue
		}
		origin := readOrigins(h.authorityDir(entry.Name()))
		kept := Kept{Fingerprint: entry.Name(), Origins: origin.Origins, SavedAt: origin.SavedAt}
		kept.Authority, kept.Err = h.Authority(entry.Name())
		found = append(found, kept)
	}
	slices.SortStableFunc(found, func(x, y Kept) int { return y.SavedAt.Compare(x.SavedAt) })
	return found, nil
}
