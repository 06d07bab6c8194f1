//go:build unix

package state

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

func TestPreparedKeysAreTheirOwnersAlone(t *testing.T) {
	h := openHome(t)
	if err := h.Prepare(preparedOrigin, prepared(t, "")); err != nil {
		t.Fatal(err)
	}
	modes := map[string]fs.FileMode{}
	if err := filepath.WalkDir(filepath.Join(h.Dir(), preparedDir), func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if strings.HasSuffix(path, ".key") || entry.IsDir() {
			modes[path] = info.Mode().Perm()
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if len(modes) != 4 {
		t.Errorf("found %v", modes)
	}
	for path, mode := range modes {
		if mode&0o077 != 0 {
			t.Errorf("%s has mode %o", path, mode)
		}
	}

	path := filepath.Join(h.preparedPath(preparedOrigin), leafKeyFile)
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Prepared(preparedOrigin); fault.ReasonOf(err) != fault.LocalState || fault.HintOf(err) != "chmod 600 "+path {
		t.Errorf("%v, hint %q", err, fault.HintOf(err))
	}
}
