package state

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/kftls/kubectl-kftls/pkg/ca"
	"github.com/kftls/kubectl-kftls/pkg/fault"
)

// preparedDir holds a folder for each front door for which something is prepared.
// It lies apart from the authorities: what is prepared is not in force.
const preparedDir = "prepared"

// The files of one folder beside those of an authority.
const (
	leafFile     = "tls.crt"
	leafKeyFile  = "tls.key"
	preparedFile = "prepared.json"
)

// Prepared is a CA and a certificate that were made and shown, and that no
// cluster has heard of by this computer.
type Prepared struct {
	// Authority is nil where the certificate is signed by one that is kept, or that
	// somebody else keeps. Its key is nil where it was thrown away.
	Authority *ca.Authority
	// Leaf is nil where a CA alone was prepared.
	Leaf *ca.Leaf
	// Asked says what they were made for, in words of who prepared them.
	Asked string
}

// storedPrepared is the content of prepared.json.
type storedPrepared struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Origin
	Asked string `json:"asked"`
}

// Prepare keeps what was prepared for a front door, in the place of what was
// prepared for it before.
func (h *Home) Prepare(o Origin, p Prepared) error {
	dir := h.preparedPath(o)
	files, err := p.files(o)
	if err == nil {
		err = replaceDir(dir, files)
	}
	if err != nil {
		return fault.New(fault.LocalState, elsewhere, "keep what was prepared in %s: %w", dir, err)
	}
	return nil
}

// replaceAttempts bounds the tries to replace a folder that other processes
// replace at the same time. What the last one wrote counts.
const replaceAttempts = 10

// replaceDir puts a folder with these files in the place of the one at path.
func replaceDir(path string, files []File) error {
	for attempt := 1; ; attempt++ {
		if err := discard(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		err := createDir(path, files)
		if !errors.Is(err, fs.ErrExist) || attempt == replaceAttempts {
			return err
		}
	}
}

func (p Prepared) files(o Origin) ([]File, error) {
	about, err := json.MarshalIndent(storedPrepared{
		APIVersion: "kftls.github.io/v1alpha1", Kind: "Prepared", Origin: o, Asked: p.Asked,
	}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", preparedFile, err)
	}
	files := []File{{Name: preparedFile, Data: append(about, '\n'), Mode: publicMode}}
	if p.Authority != nil {
		authority, err := authorityFiles(p.Authority)
		if err != nil {
			return nil, err
		}
		files = append(files, authority...)
	}
	if p.Leaf != nil {
		key, err := p.Leaf.KeyPEM()
		if err != nil {
			return nil, err
		}
		files = append(files, File{Name: leafFile, Data: p.Leaf.ChainPEM(), Mode: publicMode},
			File{Name: leafKeyFile, Data: key, Mode: keyMode})
	}
	return files, nil
}

// Prepared returns what was prepared for a front door, nil when that is nothing.
func (h *Home) Prepared(o Origin) (*Prepared, error) {
	dir := h.preparedPath(o)
	if !exists(dir) {
		return nil, nil
	}
	p, err := readPrepared(dir)
	if err != nil {
		return nil, fault.Wrap(fault.LocalState, cmp.Or(fault.HintOf(err), "remove it, and it is made anew: rm -r "+dir),
			fmt.Errorf("read what a dry run prepared: %w", err))
	}
	return p, nil
}

func readPrepared(dir string) (*Prepared, error) {
	data, err := os.ReadFile(filepath.Join(dir, preparedFile))
	if err != nil {
		return nil, err
	}
	var about storedPrepared
	if err := json.Unmarshal(data, &about); err != nil {
		return nil, fmt.Errorf("decode %s: %w", preparedFile, err)
	}
	p := &Prepared{Asked: about.Asked}
	if exists(filepath.Join(dir, certificateFile)) {
		if p.Authority, err = readAuthority(dir); err != nil {
			return nil, err
		}
	}
	if exists(filepath.Join(dir, leafFile)) {
		p.Leaf, err = readLeaf(dir)
	}
	return p, err
}

func readLeaf(dir string) (*ca.Leaf, error) {
	chain, err := os.ReadFile(filepath.Join(dir, leafFile))
	if err != nil {
		return nil, err
	}
	key, err := readKey(filepath.Join(dir, leafKeyFile))
	if err != nil {
		return nil, err
	}
	return ca.ParseLeaf(chain, key)
}

// HasPrepared tells whether something is prepared for a front door.
func (h *Home) HasPrepared(o Origin) bool { return exists(h.preparedPath(o)) }

// ForgetPrepared removes what was prepared for a front door, keys included. It is
// no error when that is nothing.
func (h *Home) ForgetPrepared(o Origin) error {
	if err := discard(h.preparedPath(o)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fault.New(fault.LocalState, "", "remove what a dry run prepared: %w", err)
	}
	return nil
}

func (h *Home) preparedPath(o Origin) string {
	name := sha256.Sum256([]byte(o.Server + "\n" + o.Gateway))
	return filepath.Join(h.dir, preparedDir, hex.EncodeToString(name[:16]))
}
