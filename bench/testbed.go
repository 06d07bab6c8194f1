package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"k8s.io/cli-runtime/pkg/genericclioptions"

	"github.com/kftls/kubectl-kftls/pkg/cluster"
)

// testbed is a front door of our own, started for the bench and ended with it.
type testbed struct {
	// dir is the testbed's folder and everything of the bench's.
	dir string
	// env is the environment of every program: kubeconfig, home and state
	// folder are the bench's own.
	env      []string
	plugin   string
	kubectl  string
	gateways []string // the replicas' addresses
	// accessLogs are what the replicas write, in the same order.
	accessLogs []string
	auditLog   string
	cluster    *cluster.Cluster
}

const (
	testbedProgram = "bin/testbed"
	pluginProgram  = "bin/kubectl-kftls"
)

// startTestbed starts one, and refuses anything that is not it.
func startTestbed(ctx context.Context) (*testbed, error) {
	dir, err := os.MkdirTemp("", "kftls-bench-")
	if err != nil {
		return nil, err
	}
	bed := &testbed{dir: dir, env: append(os.Environ(), "KFTLS_HOME="+filepath.Join(dir, "state"))}
	if err := bed.start(ctx); err != nil {
		bed.stop()
		return nil, err
	}
	return bed, nil
}

func (b *testbed) start(ctx context.Context) (err error) {
	if b.plugin, err = filepath.Abs(pluginProgram); err != nil {
		return err
	}
	if _, err := b.testbed(ctx, "up", "--detach", "--audit"); err != nil {
		return err
	}
	env, err := b.testbed(ctx, "env")
	if err != nil {
		return err
	}
	b.env = append(b.env, "HOME="+filepath.Join(b.dir, "home")) // after up, whose programs lie in the user's cache
	if b.env, err = b.evaluated(ctx, env); err != nil {
		return err
	}
	if _, err := b.testbed(ctx, "guard"); err != nil {
		return fmt.Errorf("this is not the bench's testbed: %w", err)
	}
	if err := b.learn(ctx); err != nil {
		return err
	}
	if b.kubectl, err = b.lookPath(ctx, "kubectl"); err != nil {
		return err
	}
	flags := genericclioptions.NewConfigFlags(false)
	kubeconfig := b.value("KUBECONFIG")
	flags.KubeConfig = &kubeconfig
	b.cluster, err = cluster.New(flags, cluster.Options{UserAgent: "kftls-bench"})
	return err
}

// testbed runs a verb of the testbed's program and returns what it prints.
func (b *testbed) testbed(ctx context.Context, args ...string) (string, error) {
	command := exec.CommandContext(ctx, testbedProgram, append(args, "--dir", filepath.Join(b.dir, "testbed"))...)
	command.Env = b.env
	var out, problem bytes.Buffer
	command.Stdout, command.Stderr = &out, &problem
	if err := command.Run(); err != nil {
		return "", fmt.Errorf("testbed %s: %w: %s", args[0], err, strings.TrimSpace(problem.String()))
	}
	return out.String(), nil
}

// evaluated is the environment after the export lines of `testbed env`.
func (b *testbed) evaluated(ctx context.Context, exports string) ([]string, error) {
	command := exec.CommandContext(ctx, "sh", "-c", exports+"\nenv -0")
	command.Env = b.env
	out, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("take over the testbed's environment: %w", err)
	}
	return strings.Split(strings.TrimRight(string(out), "\x00"), "\x00"), nil
}

func (b *testbed) value(name string) string {
	for _, entry := range b.env {
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			return value
		}
	}
	return ""
}

func (b *testbed) lookPath(ctx context.Context, program string) (string, error) {
	command := exec.CommandContext(ctx, "sh", "-c", "command -v "+program)
	command.Env = b.env
	out, err := command.Output()
	return strings.TrimSpace(string(out)), err
}

// learn reads where the replicas and the audit log are.
func (b *testbed) learn(ctx context.Context) error {
	text, err := b.testbed(ctx, "status", "-o", "json")
	if err != nil {
		return err
	}
	var status struct {
		Gateways   []string `json:"gateways"`
		AuditLog   string   `json:"auditLog"`
		Components []struct {
			Component string `json:"component"`
			Address   string `json:"address"`
			Log       string `json:"log"`
		} `json:"components"`
	}
	if err := json.Unmarshal([]byte(text), &status); err != nil {
		return fmt.Errorf("read the testbed's status: %w", err)
	}
	for _, address := range status.Gateways {
		parsed, err := url.Parse(address)
		if err != nil {
			return err
		}
		b.gateways = append(b.gateways, parsed.Hostname())
		for _, c := range status.Components {
			if c.Component == "istio-ingressgateway" && c.Address == parsed.Hostname() {
				b.accessLogs = append(b.accessLogs, c.Log)
			}
		}
	}
	b.auditLog = status.AuditLog
	if len(b.gateways) == 0 || len(b.accessLogs) != len(b.gateways) || b.auditLog == "" {
		return errors.New("the testbed's status names no gateways, no logs of theirs, or no audit log")
	}
	return nil
}

// stop ends the testbed and removes everything of the bench's.
func (b *testbed) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if _, err := b.testbed(ctx, "down"); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
	}
	_ = os.RemoveAll(b.dir) // a temporary folder
}

// shell runs a script in the testbed's environment.
func (b *testbed) shell(ctx context.Context, script string, env ...string) error {
	command := exec.CommandContext(ctx, "bash", "-c", script)
	command.Env = append(append([]string{}, b.env...), env...)
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}

func (b *testbed) run(ctx context.Context, args ...string) error {
	command := exec.CommandContext(ctx, b.plugin, args...)
	command.Env = b.env
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("kubectl kftls %s: %w: %s", args[0], err, bytes.TrimSpace(out))
	}
	return nil
}

func (b *testbed) setup(ctx context.Context) error    { return b.run(ctx, "setup", "--yes") }
func (b *testbed) teardown(ctx context.Context) error { return b.run(ctx, "teardown", "--yes") }

// untilRefused waits until no replica listens for TLS any more, so that every
// way begins alike.
func (b *testbed) untilRefused(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, probeLimit)
	defer cancel()
	for _, address := range b.gateways {
		for {
			conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort(address, "8443"))
			if err != nil {
				break
			}
			_ = conn.Close() // only asked whether somebody listens
			select {
			case <-ctx.Done():
				return fmt.Errorf("%s still listens for TLS", address)
			case <-time.After(probePause):
			}
		}
	}
	_, err := b.testbed(ctx, "wait")
	return err
}

// requests counts what a first and a second setup ask of the API server, in
// its audit log.
func (b *testbed) requests(ctx context.Context) (first, again int, err error) {
	before, err := b.asked()
	if err != nil {
		return 0, 0, err
	}
	if err := b.setup(ctx); err != nil {
		return 0, 0, err
	}
	between, err := b.asked()
	if err != nil {
		return 0, 0, err
	}
	if err := b.setup(ctx); err != nil {
		return 0, 0, err
	}
	after, err := b.asked()
	if err != nil {
		return 0, 0, err
	}
	return between - before, after - between, b.teardown(ctx)
}

// asked counts the plugin's requests so far.
func (b *testbed) asked() (int, error) {
	file, err := os.Open(b.auditLog)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	ids := map[string]bool{}
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var event struct {
			AuditID   string `json:"auditID"`
			UserAgent string `json:"userAgent"`
		}
		if err := json.Unmarshal(lines.Bytes(), &event); err != nil {
			return 0, fmt.Errorf("read the audit log: %w", err)
		}
		if strings.HasPrefix(event.UserAgent, "kubectl-kftls/") {
			ids[event.AuditID] = true
		}
	}
	return len(ids), lines.Err()
}
