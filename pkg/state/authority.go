package state

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/kftls/kubectl-kftls/pkg/ca"
	"github.com/kftls/kubectl-kftls/pkg/fault"
)

// The files of one authority's folder.
const (
	certificateFile = "ca.crt"
	keyFile         = "ca.key"
	originFile      = "origin.json"
)

// Origin is where an authority was made for. It is a hint, not an identity: one
// cluster has many URLs, and one URL stands for many clusters over time.
type Origin struct {
	// Server is the URL of the API server.
	Server string `json:"server"`
	// Gateway is the Istio Gateway, as namespace/name.
	Gateway string `json:"gateway"`
}

// origins is the content of origin.json.
type origins struct {
	APIVersion string    `json:"apiVersion"`
	Kind       string    `json:"kind"`
	SavedAt    time.Time `json:"savedAt"`
	Origins    []Origin  `json:"origins"`
}

// SaveAuthority keeps an authority, with its key if that is known, under its
// fingerprint, and returns the folder. When it returns the key is on the disk.
// An authority that is there already gains what it lacks: its key, or a
// further origin.
func (h *Home) SaveAuthority(a *ca.Authority, o Origin) (dir string, err error) {
	dir = h.authorityDir(a.Fingerprint())
	if !exists(dir) {
		err = h.create(dir, a, o)
	}
	if exists(dir) { // also when another process was quicker
		err = h.complete(dir, a, o)
	}
	if err != nil {
		return "", fault.New(fault.LocalState, cmp.Or(fault.HintOf(err), placeHint(h.dir, err)), "save the certificate authority in %s: %w", dir, err)
	}
	return dir, nil
}

func (h *Home) create(dir string, a *ca.Authority, o Origin) error {
	origin, err := encodeOrigins([]Origin{o}, h.now())
	if err != nil {
		return err
	}
	files, err := authorityFiles(a)
	if err != nil {
		return err
	}
	return createDir(dir, append(files, File{Name: originFile, Data: origin, Mode: publicMode}))
}

// authorityFiles are what readAuthority reads.
func authorityFiles(a *ca.Authority) ([]File, error) {
	files := []File{{Name: certificateFile, Data: a.CertificatePEM(), Mode: publicMode}}
	if a.Key == nil {
		return files, nil
	}
	key, err := a.KeyPEM()
	if err != nil {
		return nil, err
	}
	return append(files, File{Name: keyFile, Data: key, Mode: keyMode}), nil
}

func encodeOrigins(list []Origin, saved time.Time) ([]byte, error) {
	data, err := json.MarshalIndent(origins{
		APIVersion: "kftls.github.io/v1alpha1",
		Kind:       "AuthorityOrigin",
		SavedAt:    saved.UTC(),
		Origins:    list,
	}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", originFile, err)
	}
	return append(data, '\n'), nil
}

// complete adds to the folder of an authority what it lacks.
func (h *Home) complete(dir string, a *ca.Authority, o Origin) error {
	saved, err := h.Authority(a.Fingerprint())
	if err != nil {
		return err
	}
	if saved.Key == nil && a.Key != nil {
		key, err := a.KeyPEM()
		if err != nil {
			return err
		}
		if err := replaceFile(filepath.Join(dir, keyFile), key, keyMode); err != nil {
			return err
		}
	}
	known := readOrigins(dir)
	if slices.Contains(known.Origins, o) {
		return nil
	}
	data, err := encodeOrigins(append(known.Origins, o), known.SavedAt)
	if err != nil {
		return err
	}
	return replaceFile(filepath.Join(dir, originFile), data, publicMode)
}

// Authority returns the authority kept under a fingerprint; its Key is nil when
// only the certificate is kept. The error is an fs.ErrNotExist when there is
// none, and has the reason LocalState.
func (h *Home) Authority(fingerprint string) (*ca.Authority, error) {
	if !isFingerprint(fingerprint) {
		return nil, fault.New(fault.LocalState, "", "%q is not a fingerprint: %w", fingerprint, fs.ErrNotExist)
	}
	dir := h.authorityDir(fingerprint)
	a, err := readAuthority(dir)
	if err != nil {
		return nil, fault.Wrap(fault.LocalState, fault.HintOf(err), fmt.Errorf("read the certificate authority in %s: %w", dir, err))
	}
	if a.Fingerprint() != fingerprint {
		return nil, fault.New(fault.LocalState, "", "%s holds another certificate authority, %s", dir, a.Fingerprint())
	}
	return a, nil
}

func readAuthority(dir string) (*ca.Authority, error) {
	certificate, err := os.ReadFile(filepath.Join(dir, certificateFile))
	if err != nil {
		return nil, err
	}
	key, err := readKey(filepath.Join(dir, keyFile))
	if errors.Is(err, fs.ErrNotExist) {
		return ca.ParseAuthority(certificate, nil)
	}
	if err != nil {
		return nil, err
	}
	return ca.ParseAuthority(certificate, key)
}

// readKey reads a private key, unless others may, too.
func readKey(path string) ([]byte, error) {
	if err := checkSecret(path); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}

// AuthoritiesFor returns the authorities that were made for an origin, the
// newest first.
func (h *Home) AuthoritiesFor(o Origin) ([]*ca.Authority, error) {
	all, err := h.Authorities()
	if err != nil {
		return nil, err
	}
	out := []*ca.Authority{}
	for _, kept := range all {
		if !slices.Contains(kept.Origins, o) {
			continue
		}
		if kept.Err != nil {
			return nil, kept.Err
		}
		out = append(out, kept.Authority)
	}
	return out, nil
}

// readOrigins returns no origins where the file is missing or spoilt: it is
// only a hint, and the authority itself is still found by its fingerprint.
func readOrigins(dir string) origins {
	var o origins
	data, err := os.ReadFile(filepath.Join(dir, originFile))
	if err != nil || json.Unmarshal(data, &o) != nil {
		return origins{}
	}
	return o
}

// CertificatePath is where an authority's ca.crt lies, whether or not it is
// kept; "" for what is not a fingerprint.
func (h *Home) CertificatePath(fingerprint string) string {
	if !isFingerprint(fingerprint) {
		return ""
	}
	return filepath.Join(h.authorityDir(fingerprint), certificateFile)
}

// RemoveAuthority deletes an authority and its key. The error is an
// fs.ErrNotExist when there is none.
func (h *Home) RemoveAuthority(fingerprint string) error {
	if !isFingerprint(fingerprint) {
		return fault.New(fault.LocalState, "", "%q is not a fingerprint: %w", fingerprint, fs.ErrNotExist)
	}
	dir := h.authorityDir(fingerprint)
	if err := discard(dir); err != nil {
		return fault.New(fault.LocalState, "", "remove the certificate authority %s: %w", fingerprint, err)
	}
	return nil
}

// discard renames a folder before it is emptied, so that no half of it is ever
// found.
func discard(dir string) error {
	if _, err := os.Stat(dir); err != nil {
		return err
	}
	grave, err := os.MkdirTemp(filepath.Dir(dir), oldPrefix)
	if err != nil {
		return err
	}
	err = os.Rename(dir, filepath.Join(grave, filepath.Base(dir)))
	return errors.Join(err, os.RemoveAll(grave), syncDir(filepath.Dir(dir)))
}

func (h *Home) authorityDir(fingerprint string) string {
	return filepath.Join(h.dir, "ca", fingerprint)
}

// isFingerprint also keeps what a cluster says from naming other folders.
func isFingerprint(s string) bool { return isLowerHex(s, 64) }

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
