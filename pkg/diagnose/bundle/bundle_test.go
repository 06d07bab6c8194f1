package bundle_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/kftls/kubectl-kftls/pkg/diagnose/bundle"
	"github.com/kftls/kubectl-kftls/pkg/fault"
)

func TestWrite(t *testing.T) {
	path, again := filepath.Join(t.TempDir(), "a.tar.gz"), filepath.Join(t.TempDir(), "b.tar.gz")
	object, err := bundle.JSON("b.json", map[string]any{"z": "\x1b[31mred\u202e\n", "a\x07": 1, "html": "<&>"})
	if err != nil {
		t.Fatal(err)
	}
	text := bundle.Text("a.txt", "one\r\x1b[2J\ntwo\xff\n")
	at := time.Unix(1_800_000_000, 5)
	for _, write := range []error{bundle.Write(path, at, object, text), bundle.Write(again, at, text, object)} {
		if write != nil {
			t.Fatal(write)
		}
	}
	one, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if two, err := os.ReadFile(again); err != nil || !bytes.Equal(one, two) {
		t.Errorf("the order of the files matters (%v)", err)
	}
	names, texts := unpack(t, one)
	if want := []string{"kftls-diagnosis/a.txt", "kftls-diagnosis/b.json"}; !slices.Equal(names, want) {
		t.Errorf("files %q, want %q", names, want)
	}
	if want := []string{"one[2J\ntwo\uFFFD\n", "{\n  \"a\": 1,\n  \"html\": \"<&>\",\n  \"z\": \"[31mred\"\n}\n"}; !slices.Equal(texts, want) {
		t.Errorf("texts %q, want %q", texts, want)
	}
	if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode %s (%v)", info.Mode(), err)
	}
}

func TestNothingIsWrittenOver(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mine")
	if err := bundle.Absent(path); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{bundle.Absent(path), bundle.Write(path, time.Now())} {
		if fault.ReasonOf(err) != fault.Usage {
			t.Errorf("%v", err)
		}
	}
	if text, err := os.ReadFile(path); string(text) != "mine" || err != nil {
		t.Errorf("it is %q now (%v)", text, err)
	}
	if err := bundle.Write(filepath.Join(path, "below"), time.Now()); fault.ReasonOf(err) != fault.LocalState {
		t.Errorf("below a file: %v", err)
	}
}

func unpack(t *testing.T, packed []byte) (names, texts []string) {
	t.Helper()
	zipped, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	archive := tar.NewReader(zipped)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return names, texts
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		names, texts = append(names, header.Name), append(texts, string(text))
	}
}
