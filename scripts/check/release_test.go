package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// notes is what a release of a version would say of itself.
func notes(version string) (string, error) {
	out, err := exec.Command(filepath.Join("..", "release.sh"), "notes", version).CombinedOutput()
	return string(out), err
}

func TestNotesAreTheSectionOfTheVersion(t *testing.T) {
	text, err := notes("v0.1.0")
	if err != nil || !strings.Contains(text, "The first release.") || !strings.Contains(text, "### Added") {
		t.Errorf("%v: %s", err, text)
	}
	if strings.Contains(text, "## [") || strings.Contains(text, "]: https://") {
		t.Errorf("they hold more than the section:\n%s", text)
	}
	for _, version := range []string{"v0.1", "v9.9.9"} {
		if text, err := notes(version); err == nil {
			t.Errorf("%s: %s", version, text)
		}
	}
}

func TestArchivesForKrewAreFound(t *testing.T) {
	dist := t.TempDir()
	for _, name := range []string{
		"kubectl-kftls_v0.1.0_linux_amd64.tar.gz", "kubectl-kftls_v0.1.0_windows_arm64.zip",
		"kubectl-kftls_0.1.0_amd64.deb", "kubectl-kftls_v0.1.0_linux_amd64.tar.gz.sbom.json", "checksums.txt",
	} {
		if err := os.WriteFile(filepath.Join(dist, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	found, err := krewArchives(dist)
	want := []krewArchive{
		{filepath.Join(dist, "kubectl-kftls_v0.1.0_linux_amd64.tar.gz"), "linux", "amd64"},
		{filepath.Join(dist, "kubectl-kftls_v0.1.0_windows_arm64.zip"), "windows", "arm64"},
	}
	if err != nil || !slices.Equal(found, want) {
		t.Errorf("found %v, %v", found, err)
	}
}

func TestSumsLeaveSBOMsOut(t *testing.T) {
	folder := t.TempDir()
	if err := os.Mkdir(filepath.Join(folder, "dist"), 0o700); err != nil {
		t.Fatal(err)
	}
	text := "aa  one.tar.gz\nbb  one.tar.gz.sbom.json\ncc  two.deb\n"
	if err := os.WriteFile(filepath.Join(folder, "dist", "checksums.txt"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := sums(nil, folder); !slices.Equal(got, []string{"aa  one.tar.gz\n", "cc  two.deb\n"}) {
		t.Errorf("got %q", got)
	}
}
