package programs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Program is one executable of the testbed.
type Program struct {
	// Name is one of this package's constants.
	Name string `json:"name"`
	// Path is the executable file.
	Path string `json:"path"`
	// Version is as its makers write it: v1.37.2, 1.40.0.
	Version string `json:"version"`
	// Origin tells where it comes from: "built", a variable, the PATH, a wheel.
	Origin string `json:"origin"`
}

// Set is all that the testbed runs.
type Set struct {
	// Key is the build's key in the cache.
	Key string
	// Programs has an entry for each of this package's constants.
	Programs map[string]Program
	// CRDs is the file with Istio's CustomResourceDefinitions.
	CRDs string
}

// Path is the executable of a program; "" for a name that is not in the set.
func (s *Set) Path(name string) string { return s.Programs[name].Path }

// ErrNotBuilt says that the cache lacks something that is built or fetched.
var ErrNotBuilt = errors.New("the testbed's programs are not built")

// Builder builds and finds the programs.
type Builder struct {
	Source Source
	// Cache is the folder in which programs are kept, one folder per key.
	Cache string
	// Environ is the environment for the Go command and for pip; KUBEBUILDER_ASSETS,
	// TESTBED_ENVOY and PATH in it are looked at.
	Environ []string
	// Report is called with the progress, often. It may be nil.
	Report func(Progress)
	// Note is called with a line about something that was decided: which program
	// is used from where, what is ignored and why. It may be nil.
	Note func(string)
}

// Find returns the set if it is complete, else an error that wraps ErrNotBuilt.
// It builds and fetches nothing.
func (b Builder) Find(ctx context.Context) (*Set, error) {
	set, missing, err := b.look(ctx)
	if err != nil {
		return nil, err
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("%w: %s missing", ErrNotBuilt, missing[0])
	}
	return set, nil
}

// Build makes the set complete. What is in the cache is not built again. Only
// one build runs at a time; the others wait, until ctx ends.
func (b Builder) Build(ctx context.Context) (*Set, error) {
	unlock, err := b.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	set, missing, err := b.look(ctx)
	if err != nil || len(missing) == 0 {
		return set, err
	}
	dir := filepath.Dir(set.CRDs)
	if err := b.copyCRDs(ctx, set.CRDs); err != nil {
		return nil, err
	}
	for _, m := range modules {
		if err := b.buildModule(ctx, m, dir, missing); err != nil {
			return nil, err
		}
	}
	if _, ok := set.Programs[Envoy]; !ok {
		if err := b.fetchEnvoy(ctx, dir); err != nil {
			return nil, err
		}
	}
	if err := b.prune(filepath.Base(dir)); err != nil {
		return nil, err
	}
	return b.Find(ctx)
}

// look finds what there is, and names what is missing.
func (b Builder) look(ctx context.Context) (*Set, []string, error) {
	goVersion, err := b.Source.goVersion(ctx, b.Environ)
	if err != nil {
		return nil, nil, fmt.Errorf("ask Go for its version: %w", err)
	}
	key, err := b.Source.Key(goVersion)
	if err != nil {
		return nil, nil, err
	}
	dir := filepath.Join(b.Cache, key)
	set := &Set{Key: key, Programs: map[string]Program{}, CRDs: filepath.Join(dir, "istio-crds.yaml")}
	built, err := readManifest(dir)
	if err != nil {
		return nil, nil, err
	}
	for name, program := range built {
		program.Path = filepath.Join(dir, "bin", name)
		if isExecutable(program.Path) {
			set.Programs[name] = program
		}
	}
	b.useAssets(ctx, set)
	b.useEnvoy(ctx, set)
	return set, missingFrom(set), nil
}

func missingFrom(set *Set) []string {
	var missing []string
	for _, m := range modules {
		for _, t := range m.targets {
			if _, ok := set.Programs[t.name]; !ok {
				missing = append(missing, t.name)
			}
		}
	}
	if _, ok := set.Programs[Envoy]; !ok {
		missing = append(missing, Envoy)
	}
	if _, err := os.Stat(set.CRDs); err != nil {
		missing = append(missing, "Istio's CRDs")
	}
	return missing
}

// buildModule builds those targets of a module that are missing.
func (b Builder) buildModule(ctx context.Context, m module, dir string, missing []string) error {
	wanted := map[string]bool{}
	for _, name := range missing {
		wanted[name] = true
	}
	var targets []target
	for _, t := range m.targets {
		if wanted[t.name] {
			targets = append(targets, t)
		}
	}
	if len(targets) == 0 {
		return nil
	}
	g := b.Source.goIn(m, b.Environ)
	versions := map[string]string{}
	for _, t := range targets {
		version, err := g.version(ctx, t)
		if err != nil {
			return err
		}
		versions[t.name] = version
	}
	fresh, err := os.MkdirTemp(dir, "building-")
	if err != nil {
		return fmt.Errorf("make a folder to build in: %w", err)
	}
	defer removeAll(fresh)
	if err := g.build(ctx, targets, versions, fresh, b.report); err != nil {
		return err
	}
	for _, t := range targets {
		program := Program{Name: t.name, Version: versions[t.name], Origin: "built"}
		if err := keep(dir, filepath.Join(fresh, t.output), program); err != nil {
			return err
		}
	}
	return nil
}

// copyCRDs keeps Istio's CRDs, which lie in its module.
func (b Builder) copyCRDs(ctx context.Context, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return fmt.Errorf("make the cache: %w", err)
	}
	b.report(Progress{Doing: "downloading modules"})
	dir, err := b.Source.goIn(modules[0], b.Environ).moduleDir(ctx, "istio.io/istio")
	if err != nil {
		return err
	}
	data, err := os.ReadFile(filepath.Join(dir, "manifests", "charts", "base", "files", "crd-all.gen.yaml"))
	if err != nil {
		return fmt.Errorf("read Istio's CRDs: %w", err)
	}
	return replaceFile(to, data)
}

func (b Builder) report(p Progress) {
	if b.Report != nil {
		b.Report(p)
	}
}

func (b Builder) note(format string, args ...any) {
	if b.Note != nil {
		b.Note(fmt.Sprintf(format, args...))
	}
}
