//go:build linux

package state

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// insideBus tells the process that runs on a bus of its own.
const insideBus = "KFTLS_TEST_SECRET_SERVICE"

// keyringScript starts the Secret Service with a keyring that one line on stdin
// unlocks, and then the test.
const keyringScript = `printf '%s\n' throw-away | gnome-keyring-daemon --unlock --components=secrets >/dev/null || exit 1
exec "$0" -test.run '^TestSecretService$' -test.v`

// TestSecretService keeps sessions with the key in a real Secret Service:
// gnome-keyring on a bus and in folders of its own. No keyring of the user who
// runs the test is touched.
func TestSecretService(t *testing.T) {
	if os.Getenv(insideBus) != "" {
		withSecretService(t)
		return
	}
	for _, program := range []string{"dbus-run-session", "gnome-keyring-daemon"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("NOT RUN Secret Service: %s is not on this machine", program)
		}
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	runtime := filepath.Join(dir, "run")
	if err := os.Mkdir(runtime, 0o700); err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), "dbus-run-session", "--", "sh", "-c", keyringScript, self)
	command.Env = append(os.Environ(), insideBus+"=1", "HOME="+dir, "XDG_RUNTIME_DIR="+runtime,
		"XDG_DATA_HOME="+filepath.Join(dir, "data"), "XDG_CACHE_HOME="+filepath.Join(dir, "cache"), "DISPLAY=", "WAYLAND_DISPLAY=")
	output, err := command.CombinedOutput()
	if err != nil || !bytes.Contains(output, []byte("--- PASS: TestSecretService")) {
		t.Errorf("%v\n%s", err, output)
	}
}

func withSecretService(t *testing.T) {
	h := newTestHome(t)
	s := openSessions(t, h, "", SystemKeyring())
	if s.Storage() != StorageKeyring {
		t.Fatalf("a Secret Service is there, and the storage is %s", s.Storage())
	}
	if err := s.Save(alice, secret); err != nil {
		t.Fatal(err)
	}
	if data, err := openSessions(t, h, "", SystemKeyring()).Load(alice); err != nil || !bytes.Equal(data, secret) {
		t.Errorf("Load: %q, %v", data, err)
	}
	if isOnDisk(t, h) {
		t.Error("the session lies on the disk in the clear")
	}
	if another := openSessions(t, newTestHome(t), "", SystemKeyring()); bytes.Equal(another.key, s.key) {
		t.Error("two state folders share a key")
	}
	file := openSessions(t, h, StorageFile, SystemKeyring())
	if data, err := file.Load(alice); err != nil || !bytes.Equal(data, secret) {
		t.Errorf("moved to a file: %q, %v", data, err)
	}
	if _, err := SystemKeyring().Get(keyringService, "sessions in "+h.Dir()); err == nil || !strings.Contains(err.Error(), "not found") {
		t.Errorf("the key is still in the keyring: %v", err)
	}
	if err := h.RemoveSessions(t.Context(), SystemKeyring()); err != nil {
		t.Error(err)
	}
	if isOnDisk(t, h) {
		t.Error("after RemoveSessions the session is still there")
	}
}
