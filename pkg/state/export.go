package state

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

// File is a file to be written.
type File struct {
	// Name is the last part of the path.
	Name string
	Data []byte
	Mode fs.FileMode
	// Ours tells from the present content whether the file may be replaced
	// without being asked. Nil means that only the same content may stand there.
	Ours func(present []byte) bool
}

// Export writes files into the folder dir, made with mode 0700 if there is
// none. First all of them are checked: if a file of that name holds what is not
// ours to replace, and overwrite is false, nothing is written and the error
// names each. All content is on the disk before the first file gets its name.
func Export(dir string, files []File, overwrite bool) error {
	if err := os.MkdirAll(dir, dirMode); err != nil {
		return fault.New(fault.LocalState, exportHint(dir, err), "make the folder for the export: %w", err)
	}
	if err := CheckExport(dir, files, overwrite); err != nil {
		return err
	}
	temps, err := writeTemps(dir, files)
	for i := 0; err == nil && i < len(files); i++ {
		err = os.Rename(temps[i], filepath.Join(dir, files[i].Name))
	}
	if err == nil {
		err = syncDir(dir)
	}
	if err != nil {
		for _, temp := range temps {
			_ = os.Remove(temp) // those that were renamed are gone already
		}
		return fault.New(fault.LocalState, exportHint(dir, err), "export to %s: %w", dir, err)
	}
	return nil
}

func writeTemps(dir string, files []File) ([]string, error) {
	var temps []string
	for _, file := range files {
		temp, err := writeTemp(dir, file.Data, file.Mode)
		if err != nil {
			return temps, fmt.Errorf("write %s: %w", file.Name, err)
		}
		temps = append(temps, temp)
	}
	return temps, nil
}

// CheckExport tells, before anything is written, whether Export would refuse.
func CheckExport(dir string, files []File, overwrite bool) error {
	if err := checkFolder(dir); err != nil {
		return fault.New(fault.LocalState, "export to another folder", "export to %s: %w", dir, err)
	}
	var foreign []string
	for _, file := range files {
		if file.Name != filepath.Base(file.Name) || file.Name == "." || file.Name == ".." {
			return fault.New(fault.Internal, "", "%q is not the name of a file", file.Name)
		}
		path := filepath.Join(dir, file.Name)
		ours, err := replaceable(path, file)
		if err != nil {
			return fault.New(fault.LocalState, "", "export to %s: %w", dir, err)
		}
		if !ours {
			foreign = append(foreign, path)
		}
	}
	if len(foreign) > 0 && !overwrite {
		return fault.New(fault.LocalState, "add --overwrite to replace, or export to another folder",
			"%s would be overwritten", strings.Join(foreign, ", "))
	}
	return nil
}

// checkFolder tells whether files can be made in dir, or in what is there of the
// path to it.
func checkFolder(dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	info, err := os.Stat(dir)
	for errors.Is(err, fs.ErrNotExist) && dir != filepath.Dir(dir) {
		dir = filepath.Dir(dir)
		info, err = os.Stat(dir)
	}
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is not a folder", dir)
	}
	return checkWritable(dir)
}

// replaceable tells whether the file at path is missing or ours. What is not a
// regular file is an error, for --overwrite is about content.
func replaceable(path string, file File) (bool, error) {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	if !info.Mode().IsRegular() {
		return false, fmt.Errorf("%s is not a regular file", path)
	}
	present, err := os.ReadFile(path)
	if err != nil {
		return false, err
	}
	return bytes.Equal(present, file.Data) || file.Ours != nil && file.Ours(present), nil
}
