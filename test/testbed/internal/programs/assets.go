package programs

import (
	"context"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// versionLimit ends a program that does not tell its version.
const versionLimit = 10 * time.Second

// assetVersions are the releases of etcd and kube-apiserver that the testbed
// takes from KUBEBUILDER_ASSETS: the minor versions of the ones it would build.
var assetVersions = map[string]*regexp.Regexp{
	Etcd:      regexp.MustCompile(`\b(3\.[67]\.\d+\S*)`),
	APIServer: regexp.MustCompile(`\b(v1\.37\.\d+\S*)`),
}

// useAssets takes etcd and kube-apiserver from where kubebuilder's and envtest's
// convention says, if their versions fit.
func (b Builder) useAssets(ctx context.Context, set *Set) {
	dir := b.variable("KUBEBUILDER_ASSETS")
	if dir == "" {
		return
	}
	for name, fits := range assetVersions {
		path := filepath.Join(dir, name)
		if !isExecutable(path) {
			b.note("KUBEBUILDER_ASSETS has no %s: the testbed's own is used", name)
			continue
		}
		said := askVersion(ctx, path)
		match := fits.FindStringSubmatch(said)
		if match == nil {
			b.note("%s is of another version (%s): the testbed's own is used", path, said)
			continue
		}
		b.note("%s %s is taken from KUBEBUILDER_ASSETS: %s", name, match[1], path)
		set.Programs[name] = Program{Name: name, Path: path, Version: match[1], Origin: "KUBEBUILDER_ASSETS"}
	}
}

// askVersion is the first line that a program prints for --version.
func askVersion(ctx context.Context, path string) string {
	ctx, cancel := context.WithTimeout(ctx, versionLimit)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, "--version").Output()
	if err != nil {
		return err.Error()
	}
	first, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	return first
}

// variable is the value of an environment variable; the last one wins.
func (b Builder) variable(name string) string {
	value := ""
	for _, entry := range b.Environ {
		if v, ok := strings.CutPrefix(entry, name+"="); ok {
			value = v
		}
	}
	return value
}
