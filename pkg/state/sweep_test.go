package state

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func TestWhatWasLeftHalfWrittenIsRemovedWhenItIsOld(t *testing.T) {
	dir := t.TempDir()
	fingerprint := "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	left := []string{
		".probe-1", ".new-2", "unproven/.new-3", "ca/.new-4/ca.key", "ca/.old-5/" + fingerprint + "/ca.key", "ca/" + fingerprint + "/.new-6", ".new-7/ca.key",
		"prepared/.new-8/tls.key", "prepared/x/.new-9",
	}
	kept := []string{"computer-id", "lock", "unproven/x", "ca/" + fingerprint + "/ca.crt", "prepared/x/tls.key", ".theirs"}
	begin := time.Now()
	for _, name := range slices.Concat(left, kept) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), dirMode); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("x"), keyMode); err != nil {
			t.Fatal(err)
		}
	}
	for _, at := range []struct {
		time time.Time
		want []string
	}{
		{begin, slices.Concat(left, kept)},
		{begin.Add(abandoned + time.Minute), kept},
	} {
		if _, err := Open(dir, func() time.Time { return at.time }); err != nil {
			t.Fatal(err)
		}
		var present []string
		for _, name := range slices.Concat(left, kept) {
			if exists(filepath.Join(dir, name)) {
				present = append(present, name)
			}
		}
		if !slices.Equal(present, at.want) {
			t.Errorf("%s later: %q, want %q", at.time.Sub(begin), present, at.want)
		}
	}
}
