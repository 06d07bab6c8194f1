//go:build e2e && linux

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestTwoTestbeds runs two testbeds side by side, gives one of them HTTPS and
// ends both, one in order and one by kill -9: nothing of either may live on, and
// neither may feel the other.
func TestTwoTestbeds(t *testing.T) {
	t.Setenv("E2E_TESTBED", "")
	first, second := openTestbed(t, ""), openTestbed(t, "")
	if first.server == second.server || first.dir == second.dir {
		t.Fatalf("both testbeds are %s in %s", first.server, first.dir)
	}
	crossed := *first
	crossed.kubeconfig = second.kubeconfig
	if err := crossed.guard(); err == nil {
		t.Error("the guard of one testbed takes the other one for its own")
	}
	first.mustPlugin(t, "setup", "--yes")
	if out := first.mustPlugin(t, "status"); !strings.Contains(out, "serving") {
		t.Errorf("the first testbed says %s", out)
	}
	if out := second.mustPlugin(t, "status"); !strings.Contains(out, "not set up") {
		t.Errorf("the second testbed says %s", out)
	}

	// etcd, API server, controllers, testbed, and nine pods.
	for _, bed := range []*testbed{first, second} {
		if running := processesOf(bed.dir); len(running) < 13 {
			t.Fatalf("only these processes are known to be a testbed's:\n%s", strings.Join(running, "\n"))
		}
	}
	second.must(t, "down")
	requireGone(t, second, "testbed down")
	if out := first.mustPlugin(t, "status"); !strings.Contains(out, "serving") {
		t.Errorf("after the second testbed's end, the first one says %s", out)
	}

	if err := syscall.Kill(first.supervisor(t), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	requireGone(t, first, "kill -9")
	first.must(t, "down") // of what is not there is no error
}

// supervisor is the process that all others of a testbed belong to.
func (bed *testbed) supervisor(t *testing.T) int {
	t.Helper()
	var status struct{ PID int }
	if err := json.Unmarshal([]byte(bed.must(t, "status", "-o", "json")), &status); err != nil || status.PID == 0 {
		t.Fatalf("testbed status tells no process (%v)", err)
	}
	return status.PID
}

// mustPlugin runs the plugin on this testbed, with a state folder beside it.
func (bed *testbed) mustPlugin(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, builtProgram(t, "kubectl-kftls"), args...)
	cmd.Env = []string{"KUBECONFIG=" + bed.kubeconfig, "HOME=" + filepath.Dir(bed.dir), "PATH=" + bed.path}
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", args[0], err, out, stderr.String())
	}
	return string(out)
}

// requireGone waits for the end of every process that was started for a
// testbed: its folder is in the command line, the environment or the working
// directory of each.
func requireGone(t *testing.T, bed *testbed, after string) {
	t.Helper()
	var left []string
	if !wait(waitLimit, func() bool { left = processesOf(bed.dir); return len(left) == 0 }) {
		t.Errorf("after %s there are still:\n%s", after, strings.Join(left, "\n"))
	}
}

func processesOf(dir string) []string {
	var found []string
	folders, _ := filepath.Glob("/proc/[0-9]*")
	for _, folder := range folders {
		pid, err := strconv.Atoi(filepath.Base(folder))
		if err != nil || pid == os.Getpid() {
			continue
		}
		command, _ := os.ReadFile(filepath.Join(folder, "cmdline"))
		environment, _ := os.ReadFile(filepath.Join(folder, "environ"))
		place, _ := os.Readlink(filepath.Join(folder, "cwd"))
		if bytes.Contains(command, []byte(dir)) || bytes.Contains(environment, []byte(dir)) || strings.HasPrefix(place, dir) {
			found = append(found, strconv.Itoa(pid)+" "+string(bytes.ReplaceAll(command, []byte{0}, []byte{' '})))
		}
	}
	return found
}
