package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// writeTemp writes data to a new file in dir and brings it to the disk. The
// file has its mode before it has content. The caller renames or removes it.
func writeTemp(dir string, data []byte, mode fs.FileMode) (path string, err error) {
	f, err := os.CreateTemp(dir, newPrefix) // mode 0600
	if err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	err = fill(f, data, mode)
	return f.Name(), err
}

func fill(f *os.File, data []byte, mode fs.FileMode) error {
	err := f.Chmod(mode)
	if err == nil && mode.Perm()&0o077 == 0 {
		err = closeToOthers(f.Name())
	}
	if err == nil {
		_, err = f.Write(data)
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// replaceFile puts data in the place of the file at path, if there is one.
func replaceFile(path string, data []byte, mode fs.FileMode) error {
	temp, err := writeTemp(filepath.Dir(path), data, mode)
	if err != nil {
		return err
	}
	if err := os.Rename(temp, path); err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	return syncDir(filepath.Dir(path))
}

// createFile is replaceFile for a file that must not exist yet: of several
// processes one succeeds and the others get fs.ErrExist.
func createFile(path string, data []byte, mode fs.FileMode) error {
	temp, err := writeTemp(filepath.Dir(path), data, mode)
	if err != nil {
		return err
	}
	// Unlike a rename a link never replaces.
	if err := errors.Join(os.Link(temp, path), os.Remove(temp)); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// createDir makes the folder at path with these files in it, all at once.
func createDir(path string, files []File) error {
	parent := filepath.Dir(path)
	if err := os.MkdirAll(parent, dirMode); err != nil {
		return err
	}
	temp, err := os.MkdirTemp(parent, newPrefix) // mode 0700
	if err != nil {
		return err
	}
	if err := fillDir(temp, files); err != nil {
		return errors.Join(err, os.RemoveAll(temp))
	}
	if err := os.Rename(temp, path); err != nil {
		return errors.Join(err, os.RemoveAll(temp))
	}
	return syncDir(parent)
}

func fillDir(dir string, files []File) error {
	for _, file := range files {
		if err := replaceFile(filepath.Join(dir, file.Name), file.Data, file.Mode); err != nil {
			return fmt.Errorf("write %s: %w", file.Name, err)
		}
	}
	return nil
}
