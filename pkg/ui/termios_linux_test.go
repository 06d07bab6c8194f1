package ui

import (
	"syscall"
	"testing"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

const getTermios = unix.TCGETS

// TestAskSecretTextDropsTheRest pastes more than is taken: the shell must not
// get it.
func TestAskSecretTextDropsTheRest(t *testing.T) {
	master, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer tty.Close()
	child := childOn("text")
	child.Stdin, child.Stderr = tty, tty
	child.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	screen := watch(t, master)
	screen.expect(t, "Paste: ")
	screen.typeIn(t, "value\r")
	for range 1000 {
		screen.typeIn(t, "and more\r")
	}
	if err := child.Wait(); err != nil {
		t.Error(err)
	}
	left, err := unix.IoctlGetInt(int(tty.Fd()), unix.TIOCINQ)
	if err != nil || left > 0 {
		t.Errorf("%d bytes are left for the shell, %v", left, err)
	}
}
