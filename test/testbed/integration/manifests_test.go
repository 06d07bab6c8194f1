//go:build integration && linux

package integration

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kftls/kubectl-kftls/test/testbed/profiles"
)

// TestManifestsOfARelease starts from a folder as a release's rendered manifests fill it: the
// front door, under names of files that mean nothing, and much that has no program here.
func TestManifestsOfARelease(t *testing.T) {
	long(t)
	t.Parallel()
	dir := t.TempDir()
	shipped, err := profiles.Open(profiles.Default)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(dir, "common"), shipped); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(dir, "other"), os.DirFS("../internal/manifests/testdata")); err != nil {
		t.Fatal(err)
	}
	asShipped(t, filepath.Join(dir, "common", "istio.yaml"), "enableAutoMtls: false\n")

	b := up(t, "--manifests", dir)
	b.frontDoor(2)
	b.opens("", account)
	told := strings.Join(b.status().Differences, "\n")
	for _, want := range []string{
		"no CRD defines Certificate cert-manager.io/v1: Certificate kubeflow/serving-cert",
		"no CRD defines Service serving.knative.dev/v1: Service kubeflow/hello",
		"its program does not run here: APIService v1beta1.custom.metrics.k8s.io, ValidatingWebhookConfiguration cert-manager-webhook",
		"no such program: DaemonSet kube-system/istio-cni-node, Deployment cert-manager/cert-manager",
		"EnvoyFilter istio-system/old-name: envoy.http_connection_manager is called",
		`the API server refuses it (apply ConfigMap knative-serving/lost: namespaces "knative-serving" not found)`,
		"ConfigMap istio-system/istio: enableAutoMtls: false",
	} {
		if !strings.Contains(told, want) {
			t.Errorf("status does not tell %q:\n%s", want, told)
		}
	}
	if out := b.kubectl("get", "pods", "-n", "cert-manager", "-o", "jsonpath={.items[*].status.phase}"); out != "Pending" {
		t.Errorf("the pod that nobody runs is %q", out)
	}
	b.kubectl("get", "profiles.kubeflow.org", "kubeflow-user-example-com")
	b.must("reset")
	b.frontDoor(2)
	b.must("variant", "ldap")
	b.opens("", alice)
}

// asShipped takes a line of the testbed's out of a file.
func asShipped(t *testing.T, file, line string) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, after, found := strings.Cut(string(data), line)
	if !found {
		t.Fatalf("%s has no %q", file, line)
	}
	if err := os.WriteFile(file, []byte(before+strings.TrimLeft(after, " ")), fs.FileMode(0o600)); err != nil {
		t.Fatal(err)
	}
}
