package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/kftls/kubectl-kftls/pkg/ca"
	"github.com/kftls/kubectl-kftls/pkg/fault"
)

// sourceFile lies in the folder of an authority whose key is its owner's.
const sourceFile = "source.json"

// Source is where the files of a CA lie that somebody else made and keeps. This
// computer remembers the way to them and copies the root's certificate alone: a
// company's key is to lie where the company put it.
type Source struct {
	// Certificates is the file with the certificates, Key the one with the key.
	Certificates string `json:"certificates"`
	Key          string `json:"key"`
}

// storedSource is the content of source.json.
type storedSource struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Source
}

// SaveSource remembers where the files of a kept authority lie.
func (h *Home) SaveSource(fingerprint string, s Source) error {
	data, err := json.MarshalIndent(storedSource{APIVersion: "kftls.github.io/v1alpha1", Kind: "AuthoritySource", Source: s}, "", "  ")
	if err != nil {
		return fmt.Errorf("encode %s: %w", sourceFile, err)
	}
	if err := replaceFile(filepath.Join(h.authorityDir(fingerprint), sourceFile), append(data, '\n'), publicMode); err != nil {
		return fault.New(fault.LocalState, placeHint(h.dir, err), "remember where the key of the certificate authority lies: %w", err)
	}
	return nil
}

// Source returns where the files of an authority lie, false when that is not
// remembered.
func (h *Home) Source(fingerprint string) (Source, bool) {
	if !isFingerprint(fingerprint) {
		return Source{}, false
	}
	var stored storedSource
	data, err := os.ReadFile(filepath.Join(h.authorityDir(fingerprint), sourceFile))
	if err != nil || json.Unmarshal(data, &stored) != nil || stored.Key == "" {
		return Source{}, false
	}
	return stored.Source, true
}

// Read reads an authority from the files. Errors are of reason Certificate for
// their content, and LocalState where they cannot be read.
func (s Source) Read() (*ca.Authority, error) {
	certificates, err := os.ReadFile(s.Certificates)
	if err != nil {
		return nil, fault.New(fault.LocalState, "", "read the certificates of a CA: %w", err)
	}
	key, err := os.ReadFile(s.Key)
	if err != nil {
		return nil, fault.New(fault.LocalState, "", "read the key of a CA: %w", err)
	}
	authority, err := ca.ParseAuthorityChain(certificates, key)
	if err != nil {
		return nil, fault.New(fault.ReasonOf(err), fault.HintOf(err), "the CA of %s and %s: %w", s.Certificates, s.Key, err)
	}
	return authority, nil
}

// DiscardKey deletes an authority's key from this computer, or forgets where it
// lies. Its certificate stays.
func (h *Home) DiscardKey(fingerprint string) error {
	if !isFingerprint(fingerprint) {
		return fault.New(fault.LocalState, "", "%q is not a fingerprint: %w", fingerprint, fs.ErrNotExist)
	}
	dir := h.authorityDir(fingerprint)
	var failed error
	for _, name := range []string{keyFile, sourceFile} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			failed = errors.Join(failed, err)
		}
	}
	if failed == nil && exists(dir) {
		failed = syncDir(dir)
	}
	if failed != nil {
		return fault.New(fault.LocalState, "delete it by hand", "discard the key of the certificate authority %s: %w", fingerprint, failed)
	}
	return nil
}
