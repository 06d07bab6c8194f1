//go:build linux

// Package browsers opens addresses in real browsers without a window, for the
// tests that compare what is said of browsers with what they do. Each browser is
// spoken to in its own protocol, so that no driver has to be installed.
package browsers

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// Browser is one that runs.
type Browser interface {
	// Open goes to an address and returns the code of the error that the browser
	// shows, such as ERR_CERT_AUTHORITY_INVALID; "" for a page that came.
	Open(ctx context.Context, address string) (code string, err error)
	// Close ends the browser.
	Close() error
}

// openLimit bounds one page; startLimit the start on a machine that has other
// things to do.
const (
	openLimit  = 30 * time.Second
	startLimit = time.Minute
)

// environment gives a browser a home of its own and nothing of the user's.
func environment(home string) []string {
	return []string{"HOME=" + home, "PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C", "XDG_RUNTIME_DIR=" + home}
}

// program prepares one that has its own process group, so that its children end
// with it.
func program(name, home string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...) //nolint:noctx // Close ends it
	cmd.Env, cmd.Dir = environment(home), home
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	return cmd
}

// end kills the group and waits for the browser itself.
func end(cmd *exec.Cmd) error {
	if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("end %s: %w", filepath.Base(cmd.Path), err)
	}
	_ = cmd.Wait() // by a signal, as meant
	return nil
}
