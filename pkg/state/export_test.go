package state

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

func exported() []File {
	return []File{
		{Name: "ca.crt", Data: []byte("ca\n"), Mode: 0o644, Ours: func(b []byte) bool { return strings.HasPrefix(string(b), "ours") }},
		{Name: "tls.key", Data: []byte("key\n"), Mode: 0o600},
	}
}

func TestExport(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	for range 2 { // the second time nothing changes
		if err := Export(dir, exported(), false); err != nil {
			t.Fatal(err)
		}
		wantMode(t, dir, 0o700)
		wantMode(t, filepath.Join(dir, "ca.crt"), 0o644)
		wantMode(t, filepath.Join(dir, "tls.key"), 0o600)
		wantFiles(t, dir, map[string]string{"ca.crt": "ca\n", "tls.key": "key\n"})
	}
}

func TestExportOverOthers(t *testing.T) {
	for name, tt := range map[string]struct {
		present   map[string]string
		overwrite bool
		text      string
	}{
		"another file beside":   {map[string]string{"notes.txt": "mine"}, false, ""},
		"ours of before":        {map[string]string{"ca.crt": "ours of before"}, false, ""},
		"foreign":               {map[string]string{"ca.crt": "foreign"}, false, "ca.crt would be overwritten"},
		"foreign key":           {map[string]string{"tls.key": "ours of before"}, false, "tls.key would be overwritten"},
		"foreign, both":         {map[string]string{"ca.crt": "foreign", "tls.key": "other"}, false, "tls.key would be overwritten"},
		"foreign, authorised":   {map[string]string{"ca.crt": "foreign", "tls.key": "other"}, true, ""},
		"the same content both": {map[string]string{"ca.crt": "ca\n", "tls.key": "key\n"}, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for file, content := range tt.present {
				writeFile(t, filepath.Join(dir, file), content, 0o600)
			}
			checked := CheckExport(dir, exported(), tt.overwrite)
			wantFiles(t, dir, tt.present)
			err := Export(dir, exported(), tt.overwrite)
			if (checked == nil) != (err == nil) {
				t.Errorf("checked: %v, exported: %v", checked, err)
			}
			if tt.text != "" {
				mustRefuse(t, err, tt.text)
				if !strings.Contains(fault.HintOf(err), "--overwrite") {
					t.Errorf("hint %q", fault.HintOf(err))
				}
				wantFiles(t, dir, tt.present)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]string{"ca.crt": "ca\n", "tls.key": "key\n"}
			if mine, ok := tt.present["notes.txt"]; ok {
				want["notes.txt"] = mine
			}
			wantFiles(t, dir, want)
			wantMode(t, filepath.Join(dir, "tls.key"), 0o600)
		})
	}
}

func TestCheckExportMakesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	if err := CheckExport(dir, exported(), false); err != nil || exists(dir) {
		t.Errorf("checked: %v; the folder is there: %v", err, exists(dir))
	}
}

func TestExportRefuses(t *testing.T) {
	for _, name := range []string{"", ".", "..", "../ca.crt", "a/b"} {
		err := Export(t.TempDir(), []File{{Name: name}}, true)
		if err == nil || !strings.Contains(err.Error(), "is not the name of a file") {
			t.Errorf("%q: %v", name, err)
		}
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "ca.crt"), 0o700); err != nil {
		t.Fatal(err)
	}
	mustRefuse(t, Export(dir, exported(), true), "is not a regular file")
	wantFiles(t, filepath.Join(dir, "ca.crt"), nil)
	file := filepath.Join(t.TempDir(), "file")
	writeFile(t, file, "", 0o600)
	mustRefuse(t, Export(file, exported(), true), "make the folder")
	mustRefuse(t, CheckExport(file, exported(), true), "is not a folder")
}

// wantFiles checks that dir holds exactly these files.
func wantFiles(t *testing.T, dir string, want map[string]string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != len(want) {
		t.Errorf("%s holds %v", dir, entries)
	}
	for name, content := range want {
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || string(got) != content {
			t.Errorf("%s holds %q, %v", name, got, err)
		}
	}
}
