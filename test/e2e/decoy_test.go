//go:build e2e && linux

package e2e

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// decoy is an API server that is not the testbed's. It writes down what it is
// asked.
type decoy struct {
	answer string // to the question for the marker object; "" for there is none

	mu    sync.Mutex
	asked []string
}

// The only request that may reach a decoy is the question who it is.
const markerRequest = "GET /api/v1/namespaces/kube-system/configmaps/kftls-testbed"

func (d *decoy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked = append(d.asked, r.Method+" "+r.URL.Path)
	w.Header().Set("Content-Type", "application/json")
	if d.answer == "" {
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","code":404}`)
		return
	}
	_, _ = io.WriteString(w, d.answer)
}

// requireUntouched fails if the decoy was asked for more than its marker.
func (d *decoy) requireUntouched(t *testing.T) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, request := range d.asked {
		if request != markerRequest {
			t.Errorf("the other API server was asked: %s", request)
		}
	}
}

// testDecoys shows that the stories, the demo and the bench stop before they
// touch an API server that is not this testbed's.
func (bed *testbed) testDecoys(t *testing.T) {
	decoys := map[string]*decoy{
		"another server on loopback": {},
		"another testbed": {answer: `{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"kftls-testbed",` +
			`"namespace":"kube-system"},"data":{"id":"0123456789abcdef"}}`},
	}
	kubeconfigs := map[string]string{
		"a server elsewhere":       kubeconfigFor(t, "https://192.0.2.1:6443"),
		"a name that means itself": kubeconfigFor(t, strings.Replace(bed.server, "127.", "localhost.127.", 1)),
	}
	for name, d := range decoys {
		server := httptest.NewServer(d)
		t.Cleanup(server.Close)
		kubeconfigs[name] = kubeconfigFor(t, server.URL)
	}
	bench := builtBench(t)
	for name, kubeconfig := range kubeconfigs {
		t.Run(name, func(t *testing.T) {
			hostile := *bed
			hostile.kubeconfig = kubeconfig
			if err := hostile.guard(); err == nil || !strings.Contains(err.Error(), "not this testbed") {
				t.Errorf("the stories' guard says %v", err)
			}
			workplace := bed.workplaceWith(t, kubeconfig)
			requireRefusal(t, workplace, "bash", "scripts/demo.sh")
			requireRefusal(t, workplace, bench, "-rounds", "1", "-starts", "1")
			if d := decoys[name]; d != nil {
				d.requireUntouched(t)
			}
		})
	}
}

func kubeconfigFor(t *testing.T, server string) string {
	t.Helper()
	config := clientcmdapi.NewConfig()
	config.Clusters["decoy"] = &clientcmdapi.Cluster{Server: server}
	config.AuthInfos["decoy"] = &clientcmdapi.AuthInfo{Token: "decoy"}
	config.Contexts["decoy"] = &clientcmdapi.Context{Cluster: "decoy", AuthInfo: "decoy"}
	config.CurrentContext = "decoy"
	file := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*config, file); err != nil {
		t.Fatal(err)
	}
	return file
}

func builtBench(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "bench")
	cmd := exec.Command("go", "build", "-buildvcs=false", "-o", file, "./bench")
	cmd.Dir = filepath.Join("..", "..")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build the bench: %v\n%s", err, out)
	}
	return file
}

// standIn takes the place of bin/testbed: it starts nothing, and what it says of
// the kubeconfig is wrong. The guard alone is the real one.
const standIn = `#!/bin/sh
case " $* " in
*" up "* | *" down "*) ;;
*" env "*) echo "export KUBECONFIG='%s' PATH='%s'" ;;
*" guard "*) exec '%s' guard --dir '%s' ;;
*) echo "unexpected: $*" >&2; exit 9 ;;
esac
`

// workplaceWith is a copy of what the demo and the bench stand on.
func (bed *testbed) workplaceWith(t *testing.T, kubeconfig string) string {
	t.Helper()
	demo, err := os.ReadFile(filepath.Join("..", "..", "scripts", "demo.sh"))
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	for name, text := range map[string]string{
		"scripts/demo.sh":   string(demo),
		"bin/testbed":       fmt.Sprintf(standIn, kubeconfig, bed.path, bed.program, bed.dir),
		"bin/kubectl-kftls": "#!/bin/sh\necho 'the plugin was called' >&2\nexit 9\n",
		"Makefile":          "build testbed:\n",
	} {
		file := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// requireRefusal runs a program that must stop at the guard.
func requireRefusal(t *testing.T, folder string, args ...string) {
	t.Helper()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "TMPDIR="+t.TempDir())
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "not this testbed") {
		t.Errorf("%s ended with %v and says:\n%s", filepath.Base(args[0]), err, out)
	}
	if strings.Contains(string(out), "the plugin was called") {
		t.Errorf("%s went on:\n%s", filepath.Base(args[0]), out)
	}
}
