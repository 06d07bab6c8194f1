package judge

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Forward is a kubectl port-forward of a judge.
type forward struct {
	cmd  *exec.Cmd
	done chan struct{}
	mu   sync.Mutex
	text bytes.Buffer
}

func (f *forward) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.text.Write(p)
}

func startForward(ctx context.Context, port int, where Surroundings) (*forward, error) {
	kubectl, err := lookPath("kubectl", where.Env)
	if err != nil {
		return nil, err
	}
	f := &forward{done: make(chan struct{})}
	f.cmd = exec.CommandContext(ctx, kubectl, "-n", "istio-system", "port-forward",
		"--pod-running-timeout", "2s", "service/istio-ingressgateway", fmt.Sprintf("%d:%d", where.Port, port))
	f.cmd.Dir, f.cmd.Env, f.cmd.Stdout, f.cmd.Stderr = where.Dir, where.Env, f, f
	if err := f.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = f.cmd.Wait() // its exit code is read
		close(f.done)
	}()
	return f, nil
}

// listens waits until kubectl listens; false if it ends before.
func (f *forward) listens() bool {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		if strings.Contains(f.said(), "Forwarding from") {
			return true
		}
		select {
		case <-f.done:
			return false
		case <-ticker.C:
		}
	}
}

func (f *forward) said() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.text.String()
}

func (f *forward) exit() int {
	<-f.done
	return f.cmd.ProcessState.ExitCode()
}

func (f *forward) stop() {
	_ = f.cmd.Process.Kill() // it may have ended
	<-f.done
}

// lookPath finds a program on the PATH of an environment that is not ours.
func lookPath(name string, env []string) (string, error) {
	path := ""
	for _, variable := range env {
		if value, ok := strings.CutPrefix(variable, "PATH="); ok {
			path = value
		}
	}
	for _, folder := range filepath.SplitList(path) {
		if found, err := exec.LookPath(filepath.Join(folder, name)); err == nil {
			return found, nil
		}
	}
	return "", fmt.Errorf("%s is not on the PATH %s", name, path)
}
