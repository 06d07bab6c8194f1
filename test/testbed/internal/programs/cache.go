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

// manifest is what a key's folder tells about itself.
const manifest = "built.json"

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

// keepUnused is how long the programs of another key stay: somebody may go back
// and forth between two versions of the source.
const keepUnused = 7 * 24 * time.Hour

// prune removes the programs of keys other than this one that were not built
// lately; each takes 450 MB.
func (b Builder) prune(key string) error {
	manifests, err := filepath.Glob(filepath.Join(b.Cache, "*", manifest))
	if err != nil {
		return fmt.Errorf("look for old programs: %w", err)
	}
	for _, path := range manifests {
		info, err := os.Stat(path)
		if err != nil || filepath.Base(filepath.Dir(path)) == key || time.Since(info.ModTime()) < keepUnused {
			continue
		}
		if err := os.RemoveAll(filepath.Dir(path)); err != nil {
			return fmt.Errorf("remove old programs: %w", err)
		}
	}
	return nil
}

// removeAll removes a temporary folder; what stays is pruned with its key.
func removeAll(dir string) { _ = os.RemoveAll(dir) }
