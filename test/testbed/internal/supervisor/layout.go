//go:build linux

// Package supervisor runs a testbed: it starts its parts in order, watches them,
// answers the commands, and ends them all.
package supervisor

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/kftls/kubectl-kftls/test/testbed/internal/proc"
)

// Layout is where things lie in a testbed's folder.
type Layout struct{ Dir string }

// Kubeconfig is the administrator's kubeconfig.
func (l Layout) Kubeconfig() string { return filepath.Join(l.Dir, "admin.kubeconfig") }

// PKI is the folder of keys and certificates.
func (l Layout) PKI() string { return filepath.Join(l.Dir, "pki") }

// Bin is the folder for the PATH; it holds kubectl alone.
func (l Layout) Bin() string { return filepath.Join(l.Dir, "bin") }

// Logs is the folder of the control plane's logs.
func (l Layout) Logs() string { return filepath.Join(l.Dir, "logs") }

// Log is the supervisor's own log.
func (l Layout) Log() string { return filepath.Join(l.Logs(), "testbed.log") }

func (l Layout) path(name string) string { return filepath.Join(l.Dir, name) }
func (l Layout) lockFile() string        { return l.path("lock") }
func (l Layout) recordFile() string      { return l.path("testbed.json") }

// What a run leaves behind. The secrets go when the testbed ends, the rest,
// which tells how it ended, when the next one begins.
var (
	secrets = []string{"pki", "controlplane", "node", "kubeconfigs", "admin.kubeconfig", "control.sock", "bin"}
	traces  = []string{"logs", "testbed.json"}
)

// ErrRunning says that a testbed runs in a folder already.
var ErrRunning = errors.New("a testbed already runs here")

// Lock makes the folder and takes it for this process. It refuses a folder with
// anything in it that is not a testbed's.
func (l Layout) Lock() (*os.File, error) {
	if err := l.check(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(l.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the testbed's folder: %w", err)
	}
	if err := os.Chmod(l.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("close the testbed's folder to others: %w", err)
	}
	file, err := os.OpenFile(l.lockFile(), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the testbed's lock: %w", err)
	}
	err = unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		file.Close()
		return nil, fmt.Errorf("%w: %s (bin/testbed down ends it, --dir takes another folder)", ErrRunning, l.Dir)
	}
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("lock the testbed's folder: %w", err)
	}
	return file, nil
}

// openLog makes the supervisor's own log.
func (l Layout) openLog() (*os.File, error) {
	if err := os.MkdirAll(l.Logs(), 0o700); err != nil {
		return nil, fmt.Errorf("make the folder for logs: %w", err)
	}
	file, err := os.OpenFile(l.Log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the testbed's log: %w", err)
	}
	return file, nil
}

// Clean removes the secrets that a testbed left which was killed. It does
// nothing while one runs, or if there never was one.
func (l Layout) Clean() error {
	if _, err := os.Stat(l.lockFile()); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	lock, err := l.Lock()
	if errors.Is(err, ErrRunning) {
		return nil
	}
	if err != nil {
		return err
	}
	defer lock.Close()
	return l.remove(secrets)
}

// check tells a testbed's folder from others, so that nothing of anybody's is
// deleted when `--dir` names the wrong one.
func (l Layout) check() error {
	entries, err := os.ReadDir(l.Dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look into the testbed's folder: %w", err)
	}
	known := append(append([]string{"lock"}, secrets...), traces...)
	for _, entry := range entries {
		if !slices.Contains(known, entry.Name()) {
			return fmt.Errorf("%s is not a testbed's folder: it holds %s", l.Dir, entry.Name())
		}
	}
	return nil
}

// remove deletes some of what is in the folder.
func (l Layout) remove(names []string) error {
	for _, name := range names {
		if err := os.RemoveAll(l.path(name)); err != nil {
			return fmt.Errorf("clear the testbed's folder: %w", err)
		}
	}
	return nil
}

// Record is how a running testbed is found again.
type Record struct {
	PID int `json:"pid"`
	// StartTicks is when the process started, in clock ticks since the boot: with
	// the PID it names one process for good.
	StartTicks uint64 `json:"startTicks"`
}

// Runs tells whether that very process still runs.
func (r Record) Runs() bool {
	ticks, err := proc.StartTicks(r.PID)
	return err == nil && ticks == r.StartTicks
}

func (l Layout) writeRecord() error {
	ticks, err := proc.StartTicks(os.Getpid())
	if err != nil {
		return err
	}
	data, err := json.Marshal(Record{PID: os.Getpid(), StartTicks: ticks})
	if err != nil {
		return fmt.Errorf("write down which process this is: %w", err)
	}
	if err := os.WriteFile(l.recordFile(), data, 0o600); err != nil {
		return fmt.Errorf("write down which process this is: %w", err)
	}
	return nil
}

// Supervisor finds the process that runs the testbed; nil if none does.
func (l Layout) Supervisor() (*Record, error) {
	data, err := os.ReadFile(l.recordFile())
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read which process runs the testbed: %w", err)
	}
	record := &Record{}
	if err := json.Unmarshal(data, record); err != nil {
		return nil, fmt.Errorf("read which process runs the testbed: %w", err)
	}
	if !record.Runs() {
		return nil, nil
	}
	return record, nil
}

// tail is how the last lines of a log are shown in an error.
func tail(logFile string) string {
	lines := proc.LastLines(logFile, 8)
	if len(lines) == 0 {
		return "\n    (nothing in " + logFile + ")"
	}
	return "\n    " + strings.Join(lines, "\n    ") + "\n    (from " + logFile + ")"
}
