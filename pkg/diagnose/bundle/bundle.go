// Package bundle packs a diagnosis for a bug report. It packs what it is given
// and takes out control characters; what may be given is for others to say.
package bundle

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

// folder is what the files lie in when a bundle is unpacked.
const folder = "kftls-diagnosis/"

// File is one file of a bundle.
type File struct {
	Name string
	text []byte
}

// JSON makes a file of a value, its fields in the order of their names.
func JSON(name string, value any) (File, error) {
	encoded, err := json.Marshal(value)
	if err != nil {
		return File{}, fmt.Errorf("encode %s: %w", name, err)
	}
	var tree any
	decoder := json.NewDecoder(bytes.NewReader(encoded))
	decoder.UseNumber()
	if err := decoder.Decode(&tree); err != nil {
		return File{}, fmt.Errorf("encode %s: %w", name, err)
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(cleaned(tree)); err != nil {
		return File{}, fmt.Errorf("encode %s: %w", name, err)
	}
	return File{name, text.Bytes()}, nil
}

// Text makes a file of a text.
func Text(name, text string) File { return File{name, []byte(clean(text, "\n"))} }

// cleaned takes the control characters out of all texts of a decoded value.
func cleaned(value any) any {
	switch v := value.(type) {
	case string:
		return clean(v, "")
	case []any:
		for i := range v {
			v[i] = cleaned(v[i])
		}
	case map[string]any:
		all := make(map[string]any, len(v))
		for name, part := range v {
			all[clean(name, "")] = cleaned(part)
		}
		return all
	}
	return value
}

// clean takes out control and format characters, which move a cursor or turn the
// direction of what a terminal shows.
func clean(text, kept string) string {
	return strings.Map(func(r rune) rune {
		if !strings.ContainsRune(kept, r) && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
}

// Absent tells by an error that a bundle cannot be written under this name, since
// something is there.
func Absent(path string) error {
	_, err := os.Lstat(path)
	if err == nil {
		return isThere(path)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return fault.New(fault.Usage, "name a file that can be written", "write a bundle: %w", err)
	}
	return nil
}

func isThere(path string) error {
	return fault.New(fault.Usage, "name a file that is not there yet", "the file %s is there already and is not written over", path)
}

// Write writes a .tar.gz with the files in the order of their names, for its
// owner alone to read. A file that is there is left alone.
func Write(path string, at time.Time, files ...File) (err error) {
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return isThere(path)
	}
	if err != nil {
		return fault.New(fault.LocalState, "name a file that can be written", "write a bundle: %w", err)
	}
	err = errors.Join(pack(out, at, files), out.Close())
	if err != nil {
		_ = os.Remove(path) // half a bundle helps nobody
		return fault.New(fault.LocalState, "", "write a bundle: %w", err)
	}
	return nil
}

func pack(w io.Writer, at time.Time, files []File) error {
	files = slices.SortedFunc(slices.Values(files), func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	zipped := gzip.NewWriter(w)
	archive := tar.NewWriter(zipped)
	for _, f := range files {
		header := &tar.Header{Name: folder + f.Name, Mode: 0o600, Size: int64(len(f.text)), ModTime: at.Truncate(time.Second), Format: tar.FormatPAX}
		if err := archive.WriteHeader(header); err != nil {
			return err
		}
		if _, err := archive.Write(f.text); err != nil {
			return err
		}
	}
	return errors.Join(archive.Close(), zipped.Close())
}
