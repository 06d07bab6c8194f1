//go:build e2e && linux

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// testbed is the front door that the stories act on.
type testbed struct {
	program    string // bin/testbed
	dir        string
	profile    string
	kubeconfig string
	path       string // with kubectl and the plugin in front
	server     string // https://127.A.B.1:6443
	config     *rest.Config
	audit      string // the API server's audit log
}

// opened are the testbeds of this run, by profile. Those that it started are
// stopped by TestMain.
var (
	opened  = map[string]*testbed{}
	started []*testbed
)

func TestMain(m *testing.M) {
	code := m.Run()
	for _, bed := range started {
		if code != 0 {
			bed.keepLogs()
		}
		if err := bed.stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
	}
	os.Exit(code)
}

// openTestbed starts a testbed of a profile, "" for the default one, in a
// temporary folder, for all tests of this run that want that profile: it takes
// 15 seconds. Each gets it as it was shipped. E2E_TESTBED names one that runs
// already, which is taken if it has this profile. It stops the test unless the
// API server is a testbed's.
func openTestbed(t *testing.T, profile string) *testbed {
	t.Helper()
	builtProgram(t, "kubectl-kftls")
	if profile == "" {
		profile = defaultProfile
	}
	bed := opened[profile]
	if bed != nil {
		bed.must(t, "reset")
	} else if bed = namedTestbed(t, profile); bed == nil {
		bed = startTestbed(t, profile)
	}
	opened[profile] = bed
	if err := bed.connect(); err != nil {
		t.Fatal(err)
	}
	if err := bed.guard(); err != nil {
		t.Fatal(err)
	}
	watchProcesses(t)
	bed.watchKeys(t)
	return bed
}

// namedTestbed is that of E2E_TESTBED, nil if there is none of this profile.
func namedTestbed(t *testing.T, profile string) *testbed {
	t.Helper()
	bed := &testbed{program: builtProgram(t, "testbed"), dir: os.Getenv("E2E_TESTBED")}
	if bed.dir == "" || !bed.runs(profile) {
		return nil
	}
	return bed
}

func startTestbed(t *testing.T, profile string) *testbed {
	t.Helper()
	folder, err := os.MkdirTemp("", "kftls-e2e-")
	if err != nil {
		t.Fatal(err)
	}
	bed := &testbed{program: builtProgram(t, "testbed"), dir: filepath.Join(folder, "testbed"), profile: profile}
	started = append(started, bed) // also one that does not come up has to be stopped
	began := time.Now()
	bed.must(t, "up", "--detach", "--audit", "--profile", profile)
	t.Logf("the testbed was up after %s", time.Since(began).Round(100*time.Millisecond))
	return bed
}

const defaultProfile = "kubeflow-26.03"

// runs tells whether the testbed in the folder is there, with this profile.
func (bed *testbed) runs(profile string) bool {
	status, err := bed.settled()
	return err == nil && status.Profile == profile
}

// guard refuses a kubeconfig that leads anywhere but to this testbed. Nothing is
// asked of an API server before, neither here nor by a story.
func (bed *testbed) guard() error {
	_, err := bed.run("guard")
	return err
}

// builtProgram is the absolute path of a program of this repository.
func builtProgram(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", "..", "bin", name))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%v; build it first: make build testbed", err)
	}
	return path
}

// upLimit is generous: a warm start takes 12 seconds.
const upLimit = 3 * time.Minute

// command runs the testbed's program on this testbed's folder.
func (bed *testbed) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, bed.program, append(args, "--dir", bed.dir)...)
	cmd.Env = append(bed.environment(), "KUBECONFIG="+bed.kubeconfig)
	return cmd
}

// kubectl runs the testbed's kubectl as its admin.
func (bed *testbed) kubectl(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "sh", append([]string{"-c", `exec kubectl "$@"`, "sh"}, args...)...)
	cmd.Env = append(bed.environment(), "KUBECONFIG="+bed.kubeconfig, "PATH="+bed.path)
	return cmd
}

// environment is the test's own, without what names a cluster or a state
// folder. The user's cache folder stays: the testbed's programs lie there.
func (bed *testbed) environment() []string {
	var kept []string
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		switch strings.ToUpper(name) {
		case "KUBECONFIG", "KFTLS_HOME", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY":
		default:
			kept = append(kept, variable)
		}
	}
	return kept
}

func (bed *testbed) run(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), upLimit)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := bed.command(ctx, args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("testbed %s: %w\n%s%s", strings.Join(args, " "), err, stdout.String(), stderr.String())
	}
	return stdout.String(), nil
}

func (bed *testbed) must(t *testing.T, args ...string) string {
	t.Helper()
	out, err := bed.run(args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// stop ends the testbed and removes the temporary folder that it is in.
func (bed *testbed) stop() error {
	_, err := bed.run("down")
	return errors.Join(err, os.RemoveAll(filepath.Dir(bed.dir)))
}

// keepLogs copies the logs of a run that failed to where the other checks
// leave theirs.
func (bed *testbed) keepLogs() {
	kept := filepath.Join("..", "..", "bin", "check", "e2e-testbed-logs", bed.profile)
	if err := os.RemoveAll(kept); err != nil {
		fmt.Println(err)
	}
	for _, folder := range []string{"logs", filepath.Join("node", "logs")} {
		if err := os.CopyFS(filepath.Join(kept, folder), os.DirFS(filepath.Join(bed.dir, folder))); err != nil {
			fmt.Println(err)
			return
		}
	}
	fmt.Printf("the testbed's logs are kept in %s\n", kept)
}

// bedStatus is what is read of `testbed status -o json`.
type bedStatus struct {
	Server, AuditLog, Profile string
	Components                []struct{ Component, Address, Log string }
	// Gateways are the plain URLs of the gateway pods, one each.
	Gateways []string
}

// gatewayLogs are the logs of the gateway pods that take traffic; one that is
// about to go may still stand beside them.
func (s bedStatus) gatewayLogs() []string {
	var logs []string
	for _, c := range s.Components {
		takesTraffic := func(gateway string) bool { return strings.HasPrefix(gateway, "http://"+c.Address+":") }
		if c.Component == "istio-ingressgateway" && slices.ContainsFunc(s.Gateways, takesTraffic) {
			logs = append(logs, c.Log)
		}
	}
	return logs
}

func (bed *testbed) status() (bedStatus, error) {
	var read bedStatus
	text, err := bed.run("status", "-o", "json")
	if err != nil {
		return read, err
	}
	if err := json.Unmarshal([]byte(text), &read); err != nil {
		return read, fmt.Errorf("testbed status: %w", err)
	}
	return read, nil
}

// settled waits until every part is ready, and two gateway pods take traffic. A
// pod that died is ready again only after the lag of a kubelet, and one that
// takes the place of another stands beside it for a while.
func (bed *testbed) settled() (bedStatus, error) {
	var status bedStatus
	var err error
	isSettled := func() bool {
		status, err = bed.status() // it fails while a part is not ready
		if err == nil && len(status.Gateways) != 2 {
			err = fmt.Errorf("there are %d gateway pods, and a story wants 2", len(status.Gateways))
		}
		return err == nil
	}
	wait(waitLimit, isSettled)
	return status, err
}

// gatewayAddresses are where the gateway pods listen now. A pod that takes the
// place of another one does so on an address of its own.
func (bed *testbed) gatewayAddresses() ([]string, error) {
	status, err := bed.settled()
	if err != nil {
		return nil, err
	}
	var addresses []string
	for _, gateway := range status.Gateways {
		parsed, err := url.Parse(gateway)
		if err != nil {
			return nil, fmt.Errorf("testbed status: %w", err)
		}
		addresses = append(addresses, parsed.Hostname())
	}
	return addresses, nil
}

// connect reads where the API server is and what the PATH must be.
func (bed *testbed) connect() error {
	status, err := bed.settled()
	if err != nil {
		return err
	}
	bed.server, bed.audit, bed.profile = status.Server, status.AuditLog, status.Profile
	variables, err := bed.env()
	if err != nil {
		return err
	}
	bed.kubeconfig, bed.path = variables["KUBECONFIG"], variables["PATH"]
	if bed.config, err = clientcmd.BuildConfigFromFlags("", bed.kubeconfig); err != nil {
		return err
	}
	if bed.config.Host != bed.server {
		return fmt.Errorf("%s leads to %s, and the testbed's API server is %s", bed.kubeconfig, bed.config.Host, bed.server)
	}
	bed.config.UserAgent, bed.config.QPS = harnessAgent, -1
	return nil
}

// env asks a shell what `testbed env` sets, as a user would let it.
func (bed *testbed) env() (map[string]string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), upLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", `eval "$("$0" env --dir "$1")" && printf '%s\n%s\n' "$KUBECONFIG" "$PATH"`, bed.program, bed.dir)
	cmd.Env = bed.environment()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	lines := strings.Split(string(out), "\n")
	if err != nil || len(lines) < 2 || lines[0] == "" {
		return nil, fmt.Errorf("testbed env: %w\n%s%s", err, out, stderr.String())
	}
	return map[string]string{"KUBECONFIG": lines[0], "PATH": lines[1]}, nil
}
