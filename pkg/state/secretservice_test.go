//go:build linux

package state

import (
	"bytes"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/zalando/go-keyring"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

// insideBus tells the process that runs on a bus of its own.
const insideBus = "KFTLS_TEST_SECRET_SERVICE"

// The scripts start a test again, $0, in its own session, with its name in $1.
const (
	again = "\nexec \"$0\" -test.run \"^$1\\$\" -test.v"
	// unlocked has a Secret Service whose keyring one line on stdin unlocks.
	unlocked = `printf '%s\n' throw-away | gnome-keyring-daemon --unlock --components=secrets >/dev/null || exit 1` + again
	// empty has a Secret Service, started when it is asked, without any keyring:
	// it would ask for a password in a window, and there is no display.
	empty = again
	// locked has one with the keyring of an earlier session, which nobody opens.
	locked = `echo throw-away | gnome-keyring-daemon --unlock --components=secrets --foreground >/dev/null &
for i in 1 2 3 4 5 6 7 8 9 10; do
	[ -e "$XDG_DATA_HOME/keyrings/login.keyring" ] && break
	sleep 0.2
done
kill $! && [ -e "$XDG_DATA_HOME/keyrings/login.keyring" ] || exit 1
wait $!` + again
)

// noServices configures a bus that starts no service and has none.
const noServices = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:tmpdir=/tmp</listen><policy context="default">
<allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/></policy></busconfig>`

// onBus runs the rest of a test in a process, on a bus and in folders of its
// own: no keyring of the user who runs it is touched. It returns false in the
// process that starts the other one.
func onBus(t *testing.T, script, config string, programs ...string) bool {
	t.Helper()
	if os.Getenv(insideBus) != "" {
		t.Cleanup(closeBus)
		return true
	}
	for _, program := range append(programs, "dbus-run-session") {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("NOT RUN %s: %s is not on this machine", t.Name(), program)
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
	var flags []string
	if config != "" {
		writeFile(t, filepath.Join(dir, "bus.conf"), config, 0o600)
		flags = []string{"--config-file=" + filepath.Join(dir, "bus.conf")}
	}
	command := exec.CommandContext(t.Context(), "dbus-run-session", append(flags, "--", "sh", "-c", script, self, t.Name())...)
	command.Env = append(os.Environ(), insideBus+"=1", "HOME="+dir, "XDG_RUNTIME_DIR="+runtime,
		"XDG_DATA_HOME="+filepath.Join(dir, "data"), "XDG_CACHE_HOME="+filepath.Join(dir, "cache"), "DISPLAY=", "WAYLAND_DISPLAY=")
	output, err := command.CombinedOutput()
	if err != nil || !bytes.Contains(output, []byte("--- PASS: "+t.Name())) {
		t.Errorf("%v\n%s", err, output)
	}
	return false
}

// closeBus ends the connection that the keyring's library keeps.
func closeBus() {
	if conn, err := dbus.SessionBus(); err == nil {
		_ = conn.Close()
	}
}

// TestSecretService keeps sessions with the key in a real Secret Service.
func TestSecretService(t *testing.T) {
	if !onBus(t, unlocked, "", "gnome-keyring-daemon") {
		return
	}
	h, system := newTestHome(t), SystemKeyring()
	s := openSessions(t, h, "", system)
	if s.Storage() != StorageKeyring {
		t.Fatalf("a Secret Service is there, and the storage is %s", s.Storage())
	}
	mustKeep(t, s)
	if data, err := openSessions(t, h, "", system).Load(alice); err != nil || !bytes.Equal(data, secret) {
		t.Errorf("Load: %q, %v", data, err)
	}
	if isOnDisk(t, h) {
		t.Error("the session lies on the disk in the clear")
	}
	if another := openSessions(t, newTestHome(t), "", system); bytes.Equal(another.key, s.key) {
		t.Error("two state folders share a key")
	}
	file := openSessions(t, h, StorageFile, system)
	if data, err := file.Load(alice); err != nil || !bytes.Equal(data, secret) {
		t.Errorf("moved to a file: %q, %v", data, err)
	}
	wantNoKey(t, h)
	mustKeep(t, openSessions(t, h, StorageKeyring, system))
	if err := h.RemoveSessions(t.Context(), system); err != nil {
		t.Error(err)
	}
	wantNoKey(t, h)
	if ids, err := openSessions(t, h, "", system).List(""); err != nil || len(ids) != 0 {
		t.Errorf("after RemoveSessions: %v, %v", ids, err)
	}
}

func mustKeep(t *testing.T, s *Sessions) {
	t.Helper()
	if err := s.Save(alice, secret); err != nil {
		t.Fatal(err)
	}
}

func wantNoKey(t *testing.T, h *Home) {
	t.Helper()
	if _, err := SystemKeyring().Get(keyringService, "sessions in "+h.Dir()); !errors.Is(err, keyring.ErrNotFound) {
		t.Errorf("the key is still in the keyring: %v", err)
	}
}

// TestEmptySecretService finds one that has no keyring yet.
func TestEmptySecretService(t *testing.T) {
	if onBus(t, empty, "", "gnome-keyring-daemon") {
		wantFallback(t)
	}
}

// TestLockedSecretService finds one that nobody unlocks.
func TestLockedSecretService(t *testing.T) {
	if onBus(t, locked, "", "gnome-keyring-daemon") {
		wantFallback(t)
	}
}

// TestBusWithoutSecretService finds a session bus, and no keyring on it.
func TestBusWithoutSecretService(t *testing.T) {
	if onBus(t, again, noServices) {
		wantFallback(t)
	}
}

// TestNoBus has no dbus-launch start a bus, which would stay behind.
func TestNoBus(t *testing.T) {
	launched := filepath.Join(t.TempDir(), "launched")
	bin := t.TempDir()
	writeFile(t, filepath.Join(bin, "dbus-launch"), "#!/bin/sh\n: >'"+launched+"'\nexit 1\n", 0o700)
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	for _, address := range []string{"autolaunch:", "unix:path=" + filepath.Join(bin, "nothing"), "nonsense"} {
		t.Setenv("DBUS_SESSION_BUS_ADDRESS", address)
		if address == "autolaunch:" && exists("/run/user/"+strconv.Itoa(os.Getuid())+"/bus") {
			continue // the bus of the user who runs this would answer
		}
		wantFallback(t)
	}
	if exists(launched) {
		t.Error("a bus was started")
	}
}

// TestBusThatHangs has a bus that takes connections and says nothing.
func TestBusThatHangs(t *testing.T) {
	socket, err := net.Listen("unix", filepath.Join(t.TempDir(), "bus"))
	if err != nil {
		t.Fatal(err)
	}
	held := make(chan net.Conn, 8)
	go func() {
		defer close(held)
		for {
			conn, err := socket.Accept()
			if err != nil {
				return
			}
			held <- conn
		}
	}()
	t.Cleanup(func() {
		_ = socket.Close()
		for conn := range held {
			_ = conn.Close()
		}
	})
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path="+socket.Addr().String())
	wantFallback(t)
}

// wantFallback wants sessions in a file, soon, where the keyring is of no use,
// and a word where it was asked for.
func wantFallback(t *testing.T) {
	t.Helper()
	h, began := newTestHome(t), time.Now()
	s := openSessions(t, h, "", SystemKeyring())
	if took := time.Since(began); s.Storage() != StorageFile || took > 2*keyringLimit {
		t.Errorf("the storage is %s, after %s", s.Storage(), took)
	}
	mustKeep(t, s)
	_, err := h.Sessions(t.Context(), StorageKeyring, SystemKeyring())
	if took := time.Since(began); fault.ReasonOf(err) != fault.LocalState || took > 4*keyringLimit {
		t.Errorf("asked for the keyring: %v, after %s", err, took)
	}
	t.Logf("the keyring: %v", err)
	if data, err := openSessions(t, h, "", SystemKeyring()).Load(alice); err != nil || !bytes.Equal(data, secret) {
		t.Errorf("afterwards: %q, %v", data, err)
	}
}
