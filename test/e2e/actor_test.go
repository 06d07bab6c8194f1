//go:build e2e && linux

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kftls/kubectl-kftls/test/e2e/apiproxy"
)

// runLimit ends a command of an actor that hangs.
const runLimit = time.Minute

// actor is somebody with a computer of their own, and a road of their own to
// the API server.
type actor struct {
	name    string
	program string // the built plugin
	path    string // PATH
	dir     string // HOME
	home    string // KFTLS_HOME
	proxy   *apiproxy.Proxy
}

// newActor makes a computer on which the plugin never ran.
func (bed *testbed) newActor(t *testing.T, name string) *actor {
	t.Helper()
	dir := t.TempDir()
	proxy, err := apiproxy.Start(bed.config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = proxy.Close() })
	a := &actor{
		name: name, program: builtProgram(t, "kubectl-kftls"), path: bed.path,
		dir: dir, home: filepath.Join(dir, "kftls"), proxy: proxy,
	}
	if err := proxy.WriteKubeconfig(a.kubeconfig()); err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *actor) kubeconfig() string { return filepath.Join(a.dir, "kubeconfig") }

// command prepares the plugin on the actor's computer.
func (a *actor) command(ctx context.Context, line string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, a.program, strings.Fields(line)...)
	cmd.Dir = a.dir
	cmd.Env = []string{
		"HOME=" + a.dir, "KFTLS_HOME=" + a.home, "KUBECONFIG=" + a.kubeconfig(), "PATH=" + a.path, "LANG=C.UTF-8",
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// told is how a command ended, and what it said.
type told struct {
	who, line      string
	code           int // -1: by a signal
	stdout, stderr string
}

// String is all of it, for a test that failed.
func (r told) String() string {
	return fmt.Sprintf("%s$ kubectl kftls %s\n%s%s[exit code %d]", r.who, r.line, r.stdout, r.stderr, r.code)
}

// run lets a command end by itself.
func (a *actor) run(t *testing.T, line string) told {
	t.Helper()
	said, err := a.tryRun(t.Context(), line)
	if err != nil {
		t.Fatal(err)
	}
	return said
}

func (a *actor) tryRun(ctx context.Context, line string) (told, error) {
	ctx, cancel := context.WithTimeout(ctx, runLimit)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := a.command(ctx, line)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	said := told{who: a.name, line: line, code: cmd.ProcessState.ExitCode(), stdout: stdout.String(), stderr: stderr.String()}
	if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		return said, fmt.Errorf("%s: %s: %w", a.name, line, err)
	} else if ok && ctx.Err() != nil {
		return said, fmt.Errorf("%s did not end within %s (%w):\n%s", a.name, runLimit, exit, said)
	}
	if showsKey(said.stdout + said.stderr) {
		return said, fmt.Errorf("%s: %s printed a private key", a.name, line)
	}
	return said, nil
}

// must lets a command end with exit code 0.
func (a *actor) must(t *testing.T, line string) told {
	t.Helper()
	said := a.run(t, line)
	if said.code != 0 {
		t.Fatalf("%s:\n%s", a.name, said)
	}
	return said
}

// files lists what is in the state folder, relative to it.
func (a *actor) files(t *testing.T) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(a.home, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(a.home, path)
		all = append(all, name)
		return err
	})
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return all
}
