package programs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
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

// manifest is what a key's folder tells about itself.
const manifest = "built.json"

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
	defer os.RemoveAll(fresh)
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

// keep moves an executable into a key's folder, and writes it into the
// manifest. The file is there before the manifest tells of it.
func keep(dir, file string, program Program) error {
	bin := filepath.Join(dir, "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return fmt.Errorf("keep %s: %w", program.Name, err)
	}
	if err := os.Rename(file, filepath.Join(bin, program.Name)); err != nil {
		return fmt.Errorf("keep %s: %w", program.Name, err)
	}
	built, err := readManifest(dir)
	if err != nil {
		return err
	}
	built[program.Name] = program
	data, err := json.MarshalIndent(built, "", "  ")
	if err != nil {
		return fmt.Errorf("keep %s: %w", program.Name, err)
	}
	return replaceFile(filepath.Join(dir, manifest), data)
}

func readManifest(dir string) (map[string]Program, error) {
	built := map[string]Program{}
	data, err := os.ReadFile(filepath.Join(dir, manifest))
	if errors.Is(err, fs.ErrNotExist) {
		return built, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read what was built: %w", err)
	}
	if err := json.Unmarshal(data, &built); err != nil {
		return nil, fmt.Errorf("read what was built, in %s: %w", filepath.Join(dir, manifest), err)
	}
	return built, nil
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

func replaceFile(path string, data []byte) error {
	if err := os.WriteFile(path+".new", data, 0o644); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

func isExecutable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

// lockPoll is how often a waiting build asks for the lock.
const lockPoll = 200 * time.Millisecond

// lock keeps builds apart, also those of other processes.
func (b Builder) lock(ctx context.Context) (unlock func(), err error) {
	if err := os.MkdirAll(b.Cache, 0o755); err != nil {
		return nil, fmt.Errorf("make the cache: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(b.Cache, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open the cache's lock: %w", err)
	}
	for {
		err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { file.Close() }, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) {
			file.Close()
			return nil, fmt.Errorf("lock the cache: %w", err)
		}
		b.report(Progress{Doing: "waiting for another build, which holds " + file.Name()})
		select {
		case <-ctx.Done():
			file.Close()
			return nil, fmt.Errorf("wait for another build: %w", ctx.Err())
		case <-time.After(lockPoll):
		}
	}
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
