//go:build e2e && linux

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// watchPace is how often the processes of the stories are looked at. What lives
// shorter is not seen: stories about child processes let these tell themselves.
const watchPace = 100 * time.Millisecond

// watchProcesses keeps the arguments of the plugin's processes, and arguments
// and environment of those that it started, for the search for secrets. The
// plugin's own environment is the user's affair: the password may stand there.
func watchProcesses(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() {
		seen := map[string]bool{}
		ticker := time.NewTicker(watchPace)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				look(seen)
			}
		}
	})
	t.Cleanup(func() { cancel(); done.Wait() })
}

func look(seen map[string]bool) {
	folders, _ := filepath.Glob("/proc/[0-9]*")
	for _, folder := range folders {
		command, err := os.ReadFile(filepath.Join(folder, "cmdline"))
		if err != nil || len(command) == 0 || seen[folder+string(command)] {
			continue
		}
		seen[folder+string(command)] = true
		environment, err := os.ReadFile(filepath.Join(folder, "environ"))
		if err != nil || !bytes.Contains(environment, []byte("KFTLS_HOME="+os.TempDir()+"/")) {
			continue
		}
		text := string(bytes.ReplaceAll(command, []byte{0}, []byte{' '}))
		isChild := hasPluginAbove(folder)
		if isPlugin(command) || isChild {
			vault.keep(place{name: "the arguments of a process", text: text})
		}
		if isChild {
			vault.keep(place{name: fmt.Sprintf("the environment of %q", text), text: string(environment)})
		}
	}
}

func isPlugin(command []byte) bool {
	program, _, _ := bytes.Cut(command, []byte{0})
	return strings.HasPrefix(filepath.Base(string(program)), "kubectl")
}

// hasPluginAbove tells whether a process was started by the plugin, or by one
// that was.
func hasPluginAbove(folder string) bool {
	for range 20 {
		parent := parentOf(folder)
		if parent <= 1 {
			return false
		}
		folder = "/proc/" + strconv.Itoa(parent)
		command, err := os.ReadFile(filepath.Join(folder, "cmdline"))
		if err != nil {
			return false
		}
		if program, _, _ := bytes.Cut(command, []byte{0}); filepath.Base(string(program)) == "kubectl-kftls" {
			return true
		}
	}
	return false
}

func parentOf(folder string) int {
	stat, err := os.ReadFile(filepath.Join(folder, "stat"))
	if err != nil {
		return 0
	}
	// pid (name) state ppid …; the name may hold anything (proc_pid_stat(5)).
	_, rest, _ := strings.Cut(string(stat[bytes.LastIndexByte(stat, ')')+1:]), " ")
	fields := strings.Fields(rest)
	if len(fields) < 2 {
		return 0
	}
	parent, err := strconv.Atoi(fields[1])
	if err != nil {
		return 0
	}
	return parent
}
