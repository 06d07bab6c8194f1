package state

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// abandoned is how old what is half-written must be to be no longer at work.
const abandoned = time.Hour

// The names of what is written beside its place, or on its way out, begin so.
const (
	newPrefix   = ".new-"
	oldPrefix   = ".old-"
	probePrefix = ".probe-"
)

// sweep removes what a killed process left half-written or half-removed. It may
// hold a key, but nothing refers to it. What cannot be removed stays for the
// next time. Sessions are swept where they are opened.
func (h *Home) sweep() {
	folders := []string{h.dir, filepath.Join(h.dir, unprovenDir), filepath.Join(h.dir, localDir)}
	for _, name := range []string{"ca", preparedDir} {
		parent := filepath.Join(h.dir, name)
		folders = append(folders, parent)
		entries, _ := os.ReadDir(parent)
		for _, entry := range entries {
			folders = append(folders, filepath.Join(parent, entry.Name()))
		}
	}
	for _, folder := range folders {
		entries, _ := os.ReadDir(folder)
		for _, entry := range entries {
			if h.isAbandoned(entry) {
				_ = os.RemoveAll(filepath.Join(folder, entry.Name()))
			}
		}
	}
}

func (h *Home) isAbandoned(entry fs.DirEntry) bool {
	if !slices.ContainsFunc([]string{newPrefix, oldPrefix, probePrefix}, func(prefix string) bool { return strings.HasPrefix(entry.Name(), prefix) }) {
		return false
	}
	info, err := entry.Info()
	return err == nil && h.now().Sub(info.ModTime()) > abandoned
}
