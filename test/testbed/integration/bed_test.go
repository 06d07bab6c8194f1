//go:build integration && linux

// Package integration runs real testbeds, by the built bin/testbed.
package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kftls/kubectl-kftls/test/testbed/internal/control"
)

// callLimit bounds one command, answerLimit what is polled for.
const (
	callLimit   = 3 * time.Minute
	answerLimit = 30 * time.Second
)

// bed is a testbed of one test's own.
type bed struct {
	t   *testing.T
	dir string
}

// long leaves a test to make test-all: with -short it is not run.
func long(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("it is left to make test-all")
	}
}

// up starts a testbed, which ends with the test.
func up(t *testing.T, flags ...string) *bed {
	t.Helper()
	b := &bed{t: t, dir: filepath.Join(t.TempDir(), "bed")}
	t.Cleanup(func() { b.must("down") })
	began := time.Now()
	b.must(append([]string{"up", "--detach"}, flags...)...)
	t.Logf("up after %.1f s", time.Since(began).Seconds())
	return b
}

// run runs a command of the testbed.
func (b *bed) run(args ...string) (string, error) {
	program, err := filepath.Abs("../../../bin/testbed")
	if err != nil {
		return "", err
	}
	return output(program, append(args, "--dir", b.dir), "KUBECONFIG="+filepath.Join(b.dir, "admin.kubeconfig"))
}

func (b *bed) must(args ...string) string {
	b.t.Helper()
	out, err := b.run(args...)
	if err != nil {
		b.t.Fatalf("testbed %s: %v", strings.Join(args, " "), err)
	}
	return out
}

// kubectl runs the testbed's kubectl as its administrator.
func (b *bed) kubectl(args ...string) string {
	b.t.Helper()
	out, err := output(filepath.Join(b.dir, "bin", "kubectl"), args, "KUBECONFIG="+filepath.Join(b.dir, "admin.kubeconfig"))
	if err != nil {
		b.t.Fatalf("kubectl %s: %v", strings.Join(args, " "), err)
	}
	return out
}

func output(program string, args []string, env ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), callLimit)
	defer cancel()
	var out, messages bytes.Buffer
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = &out, &messages
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%w\n%s%s", err, out.String(), messages.String())
	}
	return out.String(), nil
}

func (b *bed) status() control.Status {
	b.t.Helper()
	var status control.Status
	if err := json.Unmarshal([]byte(b.must("status", "-o", "json")), &status); err != nil {
		b.t.Fatal(err)
	}
	return status
}

// processes opens a handle on every process of the testbed, by its name.
func (b *bed) processes() map[string]int {
	b.t.Helper()
	handles := map[string]int{}
	for _, c := range b.status().Components {
		handle, err := unix.PidfdOpen(c.PID, 0)
		if err != nil {
			b.t.Fatalf("%s: %v", c.Name, err)
		}
		b.t.Cleanup(func() { unix.Close(handle) })
		handles[c.Name] = handle
	}
	return handles
}

// allGone waits for the end of processes.
func allGone(t *testing.T, handles map[string]int) {
	t.Helper()
	for name, handle := range handles {
		if err := awaitEnd(handle); err != nil {
			t.Errorf("%s still runs (%v)", name, err)
		}
	}
}

// awaitEnd waits until the process of a pidfd has ended. A signal to the test
// itself cuts a wait short (EINTR), and means nothing.
func awaitEnd(handle int) error {
	for end := time.Now().Add(answerLimit); ; {
		left := max(0, time.Until(end))
		switch n, err := unix.Poll([]unix.PollFd{{Fd: int32(handle), Events: unix.POLLIN}}, int(left.Milliseconds())); {
		case err == nil && n == 1:
			return nil
		case err != nil && !errors.Is(err, unix.EINTR):
			return err
		case left == 0:
			return fmt.Errorf("not within %s", answerLimit)
		}
	}
}

// get asks a gateway, without a proxy and without following redirects.
func get(t *testing.T, url string) (status int, kind, body string) {
	t.Helper()
	client := http.Client{
		Timeout: answerLimit, Transport: &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	answer, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, answer.Header.Get("Content-Type"), string(data)
}

// frontDoor checks what an unknown visitor gets from every gateway.
func (b *bed) frontDoor(replicas int) {
	b.t.Helper()
	gateways := b.status().Gateways
	if len(gateways) != replicas {
		b.t.Fatalf("gateways %q, want %d", gateways, replicas)
	}
	for _, url := range gateways {
		if status, kind, body := get(b.t, url); status != 403 || !strings.HasPrefix(kind, "text/html") || !strings.Contains(body, "Sign in with Dex") {
			b.t.Errorf("%s: %d %s\n%s", url, status, kind, body)
		}
		if status, kind, body := get(b.t, url+"apis/v2beta1/runs"); status != 401 || kind != "application/json" || body != "{}" {
			b.t.Errorf("%sapis: %d %s %s", url, status, kind, body)
		}
		if status, _, _ := get(b.t, url+"dex/.well-known/openid-configuration"); status != 200 {
			b.t.Errorf("%sdex: %d", url, status)
		}
	}
}
