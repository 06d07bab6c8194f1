package cmd

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"k8s.io/klog/v2"
	"sigs.k8s.io/yaml"

	"github.com/kftls/kubectl-kftls/pkg/ui"
)

// apiServer answers /version as a Kubernetes API server does; its kubeconfig is
// the second result.
func apiServer(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return kubeconfig(t, server.URL)
}

func kubeconfig(t *testing.T, server string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config")
	content := fmt.Sprintf(`{apiVersion: v1, kind: Config, current-context: c,
  clusters: [{name: c, cluster: {server: %q}}], users: [{name: u, user: {}}],
  contexts: [{name: c, context: {cluster: c, user: u}}]}`, server)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func answerVersion(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/version" {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprint(w, `{"major":"1","minor":"37","gitVersion":"v1.37.2","platform":"linux/amd64"}`)
}

func TestVersionOfTheClient(t *testing.T) {
	withoutKubeconfig(t)
	version, commit, date = "v1.2.3", "0123456789abcdef", "2026-11-26T00:00:00Z"
	t.Cleanup(func() { version, commit, date = "", "", "" })
	got := run(t, "version", "--client")
	want := "Client Version: v1.2.3\nCommit: 0123456789abcdef\nDate: 2026-11-26T00:00:00Z\n" +
		"Go: " + runtime.Version() + "\nPlatform: " + runtime.GOOS + "/" + runtime.GOARCH + "\n"
	if got.code != 0 || got.err != "" || got.out != want {
		t.Errorf("got %+v", got)
	}
}

func TestVersionAsData(t *testing.T) {
	config := apiServer(t, answerVersion)
	for _, format := range []string{"json", "yaml"} {
		got := run(t, "version", "-o", format, "--kubeconfig", config)
		if got.code != 0 || got.err != "" {
			t.Fatalf("%s: got %+v", format, got)
		}
		var report versionReport
		if err := yaml.UnmarshalStrict([]byte(got.out), &report); err != nil {
			t.Fatalf("%s: %v in %s", format, err, got.out)
		}
		if isJSON := json.Valid([]byte(got.out)); isJSON != (format == "json") {
			t.Errorf("%s: is JSON: %v", format, isJSON)
		}
		if report.APIVersion != "kftls.github.io/v1alpha1" || report.Kind != "Version" {
			t.Errorf("%s: it is a %s of %s", format, report.Kind, report.APIVersion)
		}
		if c := report.ClientVersion; c.Version == "" || c.GoVersion != runtime.Version() || c.Platform != runtime.GOOS+"/"+runtime.GOARCH {
			t.Errorf("%s: client %+v", format, c)
		}
		if report.ServerVersion == nil || report.ServerVersion.GitVersion != "v1.37.2" {
			t.Errorf("%s: server %+v", format, report.ServerVersion)
		}
	}
}

func TestVersionWithoutAServer(t *testing.T) {
	withoutKubeconfig(t)
	nobody := httptest.NewServer(nil)
	nobody.Close()
	for _, test := range []struct {
		name string
		args []string
		code int
		says string
	}{
		{"no kubeconfig", nil, exitUsage, "hint: name a kubeconfig"},
		{"nobody listens", []string{"--kubeconfig", kubeconfig(t, nobody.URL)}, exitError, "ask the API server for its version"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := run(t, append([]string{"version"}, test.args...)...)
			if got.code != test.code || !strings.HasPrefix(got.out, "Client Version: ") || !strings.Contains(got.err, test.says) {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestVersionWaitsTwoSecondsAtMost(t *testing.T) {
	gone := make(chan struct{})
	config := apiServer(t, func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		close(gone)
	})
	got := run(t, "version", "--kubeconfig", config)
	if got.code != exitTimeout || !strings.HasPrefix(got.out, "Client Version: ") {
		t.Errorf("got %+v", got)
	}
	<-gone
}

// kubectlFlags are those that `kubectl options` of Kubernetes 1.37 lists about
// the cluster and who asks it.
var kubectlFlags = []string{
	"as", "as-group", "as-uid", "as-user-extra", "cache-dir", "certificate-authority", "client-certificate",
	"client-key", "cluster", "context", "disable-compression", "insecure-skip-tls-verify", "kubeconfig",
	"namespace", "request-timeout", "server", "tls-server-name", "token", "user", "v",
}

func TestKubeconfigFlags(t *testing.T) {
	options := run(t, "options")
	for _, name := range kubectlFlags {
		if !strings.Contains(options.out, "--"+name+"=") {
			t.Errorf("--%s is not among the options", name)
		}
	}
	for _, text := range []string{"-s, --server=", "-n, --namespace=", "-v, --v="} {
		if !strings.Contains(options.out, text) {
			t.Errorf("%q is not among the options", text)
		}
	}
}

func TestKubeconfigFlagsReachTheServer(t *testing.T) {
	var seen http.Header
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = r.Header
		w.Header().Add("Warning", `299 - "this version is old"`)
		answerVersion(w, r)
	}))
	defer server.Close()
	got := run(t, "version", "--kubeconfig", kubeconfig(t, "http://wrong.invalid"), "-s", server.URL,
		"--as", "ann", "--as-group", "a", "--as-group", "b", "--as-uid", "7", "--as-user-extra", "team=x", "--as-user-extra", "team=y")
	if got.code != 0 || got.err != "warning: this version is old\n" {
		t.Fatalf("got %+v", got)
	}
	for name, want := range map[string]string{
		"Impersonate-User":       "[ann]",
		"Impersonate-Group":      "[a b]",
		"Impersonate-Uid":        "[7]",
		"Impersonate-Extra-Team": "[x y]",
	} {
		if is := fmt.Sprint(seen.Values(name)); is != want {
			t.Errorf("%s: got %s, want %s", name, is, want)
		}
	}
	if agent := seen.Get("User-Agent"); !strings.HasPrefix(agent, "kubectl-kftls/") {
		t.Errorf("User-Agent is %q", agent)
	}
}

func TestLogLevelShowsNoSecrets(t *testing.T) {
	withoutKubeconfig(t)
	t.Cleanup(func() { run(t, "version", "--client", "-v", "0") })
	got := run(t, "version", "--client", "-v", "9")
	if got.code != 0 || !strings.Contains(got.err, "-v 9 counts as -v 6") {
		t.Errorf("got %+v", got)
	}
	if !klog.V(6).Enabled() || klog.V(7).Enabled() {
		t.Errorf("klog logs level 6: %v, level 7: %v", klog.V(6).Enabled(), klog.V(7).Enabled())
	}
}

// full is a disk without room behind a redirected stdout.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

// TestAResultThatIsLost is an error of every command, also of those that look at no
// write.
func TestAResultThatIsLost(t *testing.T) {
	var stderr strings.Builder
	home := t.TempDir()
	code := Run(t.Context(), []string{"kubectl-kftls", "status", "--local"},
		ui.Streams{In: strings.NewReader(""), Out: full{}, Err: &stderr},
		Environment{Get: func(name string) string { return map[string]string{"KFTLS_HOME": home}[name] }})
	if code != exitError || !strings.Contains(stderr.String(), "error: write the result: no space left on device\n") {
		t.Errorf("exit code %d, stderr %q", code, stderr.String())
	}
}
