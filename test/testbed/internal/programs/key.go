package programs

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// keyFormat is raised when what the cache holds changes its form.
const keyFormat = "kftls-testbed programs 1"

// Source is the folder of the testbed's source code (test/testbed), in which
// the modules of the programs lie.
type Source struct{ Dir string }

// FindSource looks for the testbed's source code: where the variable says, if
// it is not empty, then beside the folder of the executable (bin/testbed), then
// from the working directory upwards.
func FindSource(variable, executable, workingDir string) (Source, error) {
	if variable != "" {
		return checkSource(variable)
	}
	candidates := []string{filepath.Dir(filepath.Dir(executable))}
	for dir := workingDir; ; dir = filepath.Dir(dir) {
		candidates = append(candidates, dir)
		if dir == filepath.Dir(dir) {
			break
		}
	}
	for _, root := range candidates {
		if source, err := checkSource(filepath.Join(root, "test", "testbed")); err == nil {
			return source, nil
		}
	}
	return Source{}, errors.New("the testbed's source code (test/testbed) is neither beside this program nor above the working directory: set TESTBED_SOURCE to it")
}

func checkSource(dir string) (Source, error) {
	for _, m := range modules {
		if _, err := os.Stat(filepath.Join(dir, m.dir, "go.mod")); err != nil {
			return Source{}, fmt.Errorf("%s is not the testbed's source code: %w", dir, err)
		}
	}
	return Source{Dir: dir}, nil
}

// Key names everything that the programs are built from: the modules' go.mod
// and go.sum, the main packages that lie in them, the flags, the Go version and
// the platform. The same key means the same programs.
func (s Source) Key(goVersion string) (string, error) {
	sum := sha256.New()
	fmt.Fprintln(sum, keyFormat, runtime.GOOS, runtime.GOARCH, goVersion)
	fmt.Fprintln(sum, buildFlags, buildEnv, commonFlags)
	for _, m := range modules {
		for _, t := range m.targets {
			flags := ""
			if t.ldflags != nil {
				flags = t.ldflags("v1.2.3")
			}
			fmt.Fprintln(sum, m.dir, t.name, t.pkg, t.versionOf, t.fixed, flags)
		}
	}
	files, err := s.files()
	if err != nil {
		return "", fmt.Errorf("list what the programs are built from: %w", err)
	}
	for _, name := range files {
		data, err := os.ReadFile(filepath.Join(s.Dir, name))
		if err != nil {
			return "", fmt.Errorf("read what the programs are built from: %w", err)
		}
		fmt.Fprintln(sum, name, len(data))
		sum.Write(data)
	}
	return hex.EncodeToString(sum.Sum(nil))[:16], nil
}

// files are go.mod, go.sum and the Go files (tests left out) below programs/,
// as slash-separated paths in a fixed order.
func (s Source) files() ([]string, error) {
	var names []string
	err := fs.WalkDir(os.DirFS(s.Dir), "programs", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !entry.IsDir() && isInput(path.Base(name)) {
			names = append(names, name)
		}
		return nil
	})
	slices.Sort(names)
	return names, err
}

func isInput(base string) bool {
	return base == "go.mod" || base == "go.sum" ||
		strings.HasSuffix(base, ".go") && !strings.HasSuffix(base, "_test.go")
}
