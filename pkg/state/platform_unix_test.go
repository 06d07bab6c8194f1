//go:build unix

package state

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

func wantMode(t testing.TB, path string, want fs.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != want {
		t.Errorf("%s has the mode %04o, want %04o", path, got, want)
	}
}

func TestOpenChecksWhoMayWrite(t *testing.T) {
	for mode, text := range map[fs.FileMode]string{
		0o700: "", 0o750: "", 0o755: "", 0o770: "(mode 0770)", 0o702: "(mode 0702)", 0o777: "(mode 0777)",
	} {
		dir := t.TempDir()
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		_, err := Open(dir, nil)
		if text == "" {
			if err != nil {
				t.Errorf("%04o: %v", mode, err)
			}
			continue
		}
		mustRefuse(t, err, text)
		if hint := fault.HintOf(err); !strings.HasPrefix(hint, "chmod go-w "+dir) {
			t.Errorf("hint %q", hint)
		}
	}
}

func TestOpenChecksTheOwner(t *testing.T) {
	if os.Geteuid() == 0 {
		dir := t.TempDir()
		if err := os.Chown(dir, 12345, -1); err != nil {
			t.Fatal(err)
		}
		_, err := Open(dir, nil)
		mustRefuse(t, err, "belongs to user 12345, and this is user 0")
		return
	}
	_, err := Open("/", nil)
	mustRefuse(t, err, "belongs to user 0")
}

func TestOpenNeedsToWrite(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skipf("NOT RUN %s: nothing is read-only for root", t.Name())
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	_, err := Open(dir, nil)
	mustRefuse(t, err, "write to the state folder")
}

func TestKeysThatOthersMayUseAreRefused(t *testing.T) {
	h, a := mustOpen(t, t.TempDir(), newClock()), newAuthority(t)
	key := filepath.Join(mustSave(t, h, a, home), "ca.key")
	for _, mode := range []fs.FileMode{0o640, 0o604, 0o620} {
		if err := os.Chmod(key, mode); err != nil {
			t.Fatal(err)
		}
		_, err := h.Authority(a.Fingerprint())
		mustRefuse(t, err, "others may use the private key")
		if hint := fault.HintOf(err); hint != "chmod 600 "+key {
			t.Errorf("hint %q", hint)
		}
	}
	if err := os.Chmod(key, 0o400); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Authority(a.Fingerprint()); err != nil {
		t.Errorf("a key that only we may read: %v", err)
	}
}

func TestLocalKeyThatOthersMayUseIsRefused(t *testing.T) {
	h := mustOpen(t, t.TempDir(), newClock())
	if _, err := h.LocalAuthority(h.now()); err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(h.Dir(), localDir, keyFile)
	if err := os.Chmod(key, 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := h.LocalAuthority(h.now())
	mustRefuse(t, err, "others may use the private key")
	if hint := fault.HintOf(err); hint != "chmod 600 "+key {
		t.Errorf("hint %q", hint)
	}
}

// TestFoldersThatCannotBeWritten: the errors of the writes say which.
func TestFoldersThatCannotBeWritten(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skipf("NOT RUN %s: nothing is read-only for root", t.Name())
	}
	dir := t.TempDir()
	h := mustOpen(t, dir, newClock())
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	_, err := h.ComputerID()
	mustRefuse(t, err, "write the id of this computer")
	_, err = h.SaveAuthority(newAuthority(t), home)
	mustRefuse(t, err, "save the certificate authority")
	mustRefuse(t, Export(dir, exported(), true), "export to "+dir)
	for _, below := range []string{dir, filepath.Join(dir, "a", "b")} {
		mustRefuse(t, CheckExport(below, exported(), true), dir+" cannot be written: permission denied")
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
}

// TestAFileSystemWithoutPermissions has modes as a Windows drive in WSL (0777) and a
// mounted share (0755) show them, whatever chmod said. Mounting one takes root.
func TestAFileSystemWithoutPermissions(t *testing.T) {
	for mode, kept := range map[fs.FileMode]bool{0o600: true, 0o700: true, 0o400: true, 0o777: false, 0o755: false, 0o644: false, 0o640: false} {
		err := checkKept("/mnt/c/Users/me/kftls/.probe-1", mode)
		if kept {
			if err != nil {
				t.Errorf("%04o: %v", mode, err)
			}
			continue
		}
		mustRefuse(t, err, "others could read a private key in /mnt/c/Users/me/kftls: its file system keeps no permissions")
		if hint := fault.HintOf(err); !strings.Contains(hint, "in WSL: export KFTLS_HOME=~/.config/kftls") {
			t.Errorf("hint %q", hint)
		}
	}
}

// TestOpenOnAFileSystemWithoutPermissions is the same on a real one: FAT.
func TestOpenOnAFileSystemWithoutPermissions(t *testing.T) {
	dir := mountFAT(t)
	_, err := Open(filepath.Join(dir, "kftls"), nil)
	mustRefuse(t, err, "its file system keeps no permissions")
	if left, _ := os.ReadDir(filepath.Join(dir, "kftls")); len(left) != 0 {
		t.Errorf("left there: %v", left)
	}
}

func mountFAT(t *testing.T) string {
	t.Helper()
	image, dir := filepath.Join(t.TempDir(), "fat"), t.TempDir()
	if err := os.WriteFile(image, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, command := range [][]string{{"mkfs.vfat", image}, {"mount", "-o", "loop", image, dir}} {
		if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			t.Skipf("NOT RUN %s: %s: %v %s", t.Name(), strings.Join(command, " "), err, strings.TrimSpace(string(out)))
		}
	}
	t.Cleanup(func() {
		if err := exec.Command("umount", dir).Run(); err != nil {
			t.Error(err)
		}
	})
	return dir
}
