package programs

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestCounter(t *testing.T) {
	c := newCounter(map[string][]string{"etcd": {"a", "b"}, "kubectl": {"b", "c"}})
	if c.progress.Total != 3 {
		t.Fatalf("total %d", c.progress.Total)
	}
	var said []string
	messages := follow(strings.NewReader("go: downloading m v1\na\nb\n# c\nc.go:1: wrong\n"), c, func(p Progress) { said = append(said, p.String()) })
	want := []string{
		"compiled 0 of 3 packages; left: etcd 2, kubectl 2",
		"downloading m v1",
		"compiled 1 of 3 packages; left: etcd 1, kubectl 2",
		"compiled 2 of 3 packages; left: kubectl 1",
	}
	if !slices.Equal(said, want) {
		t.Errorf("said %q, want %q", said, want)
	}
	if messages != "# c\nc.go:1: wrong\n" {
		t.Errorf("messages %q", messages)
	}
	c.line("c")
	if got := c.progress.String(); got != "compiled 3 packages, linking" {
		t.Errorf("at the end %q", got)
	}
}

// tiny makes a module with a program that prints its version.
func tiny(t *testing.T, code string) goCommand {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "go.mod"), "module example.com/tiny\n\ngo 1.26.0\n")
	write(t, filepath.Join(dir, "tool", "main.go"), code)
	return goCommand{dir: dir, env: append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")}
}

var tinyTarget = target{name: "tool", pkg: "./tool", output: "tool", ldflags: func(v string) string { return "-X main.version=" + v }}

func TestGoBuildStampsTheVersion(t *testing.T) {
	g := tiny(t, "package main\n\nvar version string\n\nfunc main() { print(version) }\n")
	into := t.TempDir()
	err := g.build(t.Context(), []target{tinyTarget}, map[string]string{"tool": "v9.8.7"}, into, func(Progress) {})
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(filepath.Join(into, "tool")).CombinedOutput()
	if err != nil || string(out) != "v9.8.7" {
		t.Errorf("the program says %q, %v", out, err)
	}
}

func TestGoBuildTellsWhatTheCompilerSays(t *testing.T) {
	g := tiny(t, "package main\n\nfunc main() { nonsense() }\n")
	err := g.build(t.Context(), []target{tinyTarget}, map[string]string{}, t.TempDir(), func(Progress) {})
	if err == nil || !strings.Contains(err.Error(), "undefined: nonsense") || !strings.Contains(err.Error(), "build tool") {
		t.Errorf("error %v", err)
	}
}

func TestKeepWritesTheManifest(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"etcd", "dex"} {
		file := filepath.Join(t.TempDir(), "built")
		write(t, file, "binary")
		if err := keep(dir, file, Program{Name: name, Version: "v1", Origin: "built"}); err != nil {
			t.Fatal(err)
		}
	}
	built, err := readManifest(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(built) != 2 || built["dex"].Version != "v1" {
		t.Errorf("manifest %v", built)
	}
}

// quietHome is a home in which go counts nothing: its telemetry writes beside the
// command, also after it, when the folder is being removed
// (golang.org/x/telemetry reads the file mode there).
func quietHome(t *testing.T) string {
	home := t.TempDir()
	dir := filepath.Join(home, ".config", "go", "telemetry")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "mode"), []byte("off"), 0o600); err != nil {
		t.Fatal(err)
	}
	return home
}

func TestFindNamesWhatIsMissing(t *testing.T) {
	b := Builder{Source: writeSource(t), Cache: t.TempDir(), Environ: []string{"PATH=" + os.Getenv("PATH"), "HOME=" + quietHome(t)}}
	_, err := b.Find(t.Context())
	if !errors.Is(err, ErrNotBuilt) {
		t.Fatalf("error %v", err)
	}
}

func TestOnlyOneBuildRuns(t *testing.T) {
	b := Builder{Cache: t.TempDir()}
	unlock, err := b.lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	waiting := make(chan struct{})
	second := b
	second.Report = func(p Progress) {
		if strings.Contains(p.Doing, "waiting for another build") {
			select {
			case <-waiting:
			default:
				close(waiting)
			}
		}
	}
	got := make(chan error, 1)
	go func() {
		unlock, err := second.lock(t.Context())
		if err == nil {
			unlock()
		}
		got <- err
	}()
	<-waiting
	unlock()
	if err := <-got; err != nil {
		t.Error(err)
	}
}

func TestAWaitForTheLockEnds(t *testing.T) {
	b := Builder{Cache: t.TempDir()}
	unlock, err := b.lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := b.lock(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
}

func TestPruneKeepsThisKeyAndYoungOnes(t *testing.T) {
	b := Builder{Cache: t.TempDir()}
	old := time.Now().Add(-keepUnused - time.Hour)
	for _, key := range []string{"this", "old", "young"} {
		path := filepath.Join(b.Cache, key, manifest)
		write(t, path, "{}")
		if key != "young" {
			if err := os.Chtimes(path, old, old); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := b.prune("this"); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(b.Cache)
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, entry := range entries {
		left = append(left, entry.Name())
	}
	if want := []string{"this", "young"}; !slices.Equal(left, want) {
		t.Errorf("left %q, want %q", left, want)
	}
}
