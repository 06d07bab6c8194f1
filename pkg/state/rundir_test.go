package state

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
)

func newRunFolder(t *testing.T, h *Home) *RunFolder {
	t.Helper()
	folder, err := h.NewRunFolder(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return folder
}

func TestRunFolder(t *testing.T) {
	home, err := Open(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	folder := newRunFolder(t, home)
	path, err := folder.Write("cookies.txt", []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" {
		for path, want := range map[string]fs.FileMode{folder.Path: 0o700, filepath.Dir(folder.Path): 0o700, path: 0o600} {
			if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
				t.Errorf("%s: %v, %v; want mode %o", path, info, err, want)
			}
		}
	}
	second := newRunFolder(t, home) // sweeps, and leaves the first alone
	if !exists(path) {
		t.Fatal("the folder of a run under way was swept")
	}
	for _, folder := range []*RunFolder{folder, second} {
		if err := folder.Remove(); err != nil || exists(folder.Path) {
			t.Errorf("remove: %v", err)
		}
	}
}

// TestRunFolderOfAKilledRun kills a process that holds one.
func TestRunFolderOfAKilledRun(t *testing.T) {
	if dir := os.Getenv("KFTLS_TEST_HOLD_RUN"); dir != "" {
		holdRun(t, dir)
	}
	dir := t.TempDir()
	home, err := Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command(os.Args[0], "-test.run", "^TestRunFolderOfAKilledRun$")
	child.Env = append(os.Environ(), "KFTLS_TEST_HOLD_RUN="+dir)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	held := runFolders(t, dir)
	if len(held) != 1 {
		t.Fatalf("the process holds %q", held)
	}
	_ = newRunFolder(t, home).Remove()
	if !exists(held[0]) {
		t.Fatal("the folder of a living process was swept")
	}
	_ = child.Process.Kill()
	_ = child.Wait()
	if !exists(held[0]) {
		t.Fatal("the folder is gone without being swept")
	}
	_ = newRunFolder(t, home).Remove()
	if left := runFolders(t, dir); len(left) != 0 {
		t.Errorf("left over: %q", left)
	}
}

// holdRun is the process that is killed.
func holdRun(t *testing.T, dir string) {
	t.Helper()
	home, err := Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	newRunFolder(t, home)
	_, _ = os.Stdout.WriteString("x")
	select {}
}

func runFolders(t *testing.T, dir string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, runsFolder, "run-*"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestRunFoldersAtOnce: nobody sweeps what another is about to lock.
func TestRunFoldersAtOnce(t *testing.T) {
	home, err := Open(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var work sync.WaitGroup
	for range 20 {
		work.Go(func() {
			folder, err := home.NewRunFolder(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := folder.Write("x", nil); err != nil {
				t.Error(err)
			}
			if err := folder.Remove(); err != nil {
				t.Error(err)
			}
		})
	}
	work.Wait()
}
