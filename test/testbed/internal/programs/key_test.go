package programs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// writeSource makes a folder that looks like the testbed's source code.
func writeSource(t *testing.T) Source {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "test", "testbed")
	for _, m := range modules {
		write(t, filepath.Join(dir, m.dir, "go.mod"), "module "+m.dir+"\n")
	}
	write(t, filepath.Join(dir, "programs", "dex", "main.go"), "package main\n")
	write(t, filepath.Join(dir, "programs", "dex", "main_test.go"), "package main\n")
	write(t, filepath.Join(dir, "programs", "README.md"), "words\n")
	return Source{Dir: dir}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func key(t *testing.T, s Source, goVersion string) string {
	t.Helper()
	k, err := s.Key(goVersion)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestKeyChangesWithWhatProgramsAreBuiltFrom(t *testing.T) {
	for _, test := range []struct {
		name, file, text string
		changes          bool
	}{
		{"a requirement", "programs/go.mod", "module other\n", true},
		{"a sum", "programs/go.sum", "sum\n", true},
		{"another module's requirement", "programs/oauth2-proxy/go.mod", "module other\n", true},
		{"a main package", "programs/dex/main.go", "package main // other\n", true},
		{"a new file", "programs/dex/more.go", "package main\n", true},
		{"a test", "programs/dex/main_test.go", "package main // other\n", false},
		{"words", "programs/README.md", "other words\n", false},
		{"the control program", "internal/programs/key.go", "package programs\n", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := writeSource(t)
			before := key(t, s, "go1.26.8")
			write(t, filepath.Join(s.Dir, test.file), test.text)
			if changed := key(t, s, "go1.26.8") != before; changed != test.changes {
				t.Errorf("key changed: %t, want %t", changed, test.changes)
			}
		})
	}
}

func TestKeyChangesWithGoAndNotWithTheFolder(t *testing.T) {
	a, b := writeSource(t), writeSource(t)
	if key(t, a, "go1.26.8") != key(t, b, "go1.26.8") {
		t.Error("the same source in another folder has another key")
	}
	if key(t, a, "go1.26.8") == key(t, a, "go1.27.1") {
		t.Error("another Go version has the same key")
	}
}

func TestFindSource(t *testing.T) {
	s := writeSource(t)
	root := filepath.Dir(filepath.Dir(s.Dir))
	elsewhere := t.TempDir()
	for _, test := range []struct {
		name, variable, executable, workingDir string
		fails                                  bool
	}{
		{"by the variable", s.Dir, "/x/bin/testbed", elsewhere, false},
		{"beside bin", "", filepath.Join(root, "bin", "testbed"), elsewhere, false},
		{"above the working directory", "", "/x/bin/testbed", filepath.Join(root, "test", "testbed", "programs"), false},
		{"nowhere", "", "/x/bin/testbed", elsewhere, true},
		{"a wrong variable is no guess", elsewhere, filepath.Join(root, "bin", "testbed"), root, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			found, err := FindSource(test.variable, test.executable, test.workingDir)
			if (err != nil) != test.fails {
				t.Fatalf("error %v", err)
			}
			if !test.fails && found != s {
				t.Errorf("found %s, want %s", found.Dir, s.Dir)
			}
		})
	}
}

func TestKubernetesFlags(t *testing.T) {
	flags := kubernetesFlags("v1.37.2")
	for _, want := range []string{
		"-X k8s.io/component-base/version.gitVersion=v1.37.2", "-X k8s.io/component-base/version.gitMajor=1",
		"-X k8s.io/client-go/pkg/version.gitMinor=37",
	} {
		if !strings.Contains(flags, want) {
			t.Errorf("%q lacks %q", flags, want)
		}
	}
}
