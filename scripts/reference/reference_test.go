package main

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kftls/kubectl-kftls/pkg/cmd"
)

var docs = filepath.Join("..", "..", "docs")

func TestTheReferenceIsOfTheseCommands(t *testing.T) {
	files := pages(cmd.Tree())
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(docs, name))
		if err != nil {
			t.Errorf("%v; make docs writes it", err)
			continue
		}
		if !bytes.Equal(got, want) {
			t.Errorf("docs/%s is stale; make docs writes it anew", name)
		}
	}
	for _, folder := range []string{"reference", "man"} {
		err := fs.WalkDir(os.DirFS(docs), folder, func(name string, entry fs.DirEntry, err error) error {
			if err == nil && !entry.IsDir() && files[name] == nil {
				t.Errorf("docs/%s is of a command that does not exist", name)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
}

func TestEachCommandHasAPageWithItsFlags(t *testing.T) {
	root := cmd.Tree()
	files := pages(root)
	man := string(files["man/kubectl-kftls.1"])
	for _, c := range shown(root) {
		page := string(files["reference/"+c.Name()+".md"])
		if !strings.Contains(page, "# kubectl kftls "+c.Name()+"\n") {
			t.Errorf("no page on %s", c.Name())
		}
		if !strings.Contains(man, ".SS kubectl kftls "+roff(c.Name())) {
			t.Errorf("the man page says nothing of %s", c.Name())
		}
	}
	for _, text := range []string{"`--san`", "`--discard-ca-key`"} {
		if !strings.Contains(string(files["reference/setup.md"]), text) {
			t.Errorf("the page on setup lacks %s", text)
		}
	}
}

func TestTheManPageIsGoodRoff(t *testing.T) {
	program, err := exec.LookPath("groff")
	if err != nil {
		t.Skip("NOT RUN groff: it is not installed")
	}
	check := exec.Command(program, "-man", "-Tutf8", "-ww", "-z")
	check.Stdin = bytes.NewReader(manPage(cmd.Tree()))
	if out, err := check.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("groff: %v\n%s", err, out)
	}
}

func TestRoff(t *testing.T) {
	for text, want := range map[string]string{
		"--san a\\b":      `\-\-san a\eb`,
		".netrc\n'quoted": "\\&.netrc\n\\&'quoted",
	} {
		if got := roff(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}

func TestTheSameCommandsMakeTheSamePackage(t *testing.T) {
	var first map[string][]byte
	for range 2 {
		files, err := packaged(cmd.Tree())
		if err != nil {
			t.Fatal(err)
		}
		for name, content := range first {
			if !bytes.Equal(files[name], content) {
				t.Errorf("%s differs from run to run", name)
			}
		}
		first = files
	}
	if len(first) != 6 {
		t.Errorf("there are %d files", len(first))
	}
}

func TestWhatIsGoneLosesItsPage(t *testing.T) {
	root := t.TempDir()
	for _, files := range []map[string][]byte{{"a/old.md": []byte("old")}, {"a/new.md": []byte("new")}} {
		if err := write(root, files); err != nil {
			t.Fatal(err)
		}
	}
	left, err := filepath.Glob(filepath.Join(root, "a", "*"))
	if err != nil || len(left) != 1 || filepath.Base(left[0]) != "new.md" {
		t.Errorf("left are %q (%v)", left, err)
	}
}
