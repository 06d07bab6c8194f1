package node

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

func TestLoadAccess(t *testing.T) {
	s := sandboxOf(t, corev1.Container{Name: "c"})
	s.env = []variable{{"KUBECONFIG", "/in/the/image"}}
	api := &rest.Config{Host: "https://127.0.71.1:6443", TLSClientConfig: rest.TLSClientConfig{CAData: []byte("ca"), CertData: []byte("an administrator's")}}
	if err := s.loadAccess(t.Context(), objects{}, api); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(s.dir, "kubeconfig")
	if got := s.environ(); !slices.Equal(got, []string{"KUBECONFIG=" + path}) {
		t.Errorf("environment %q", got)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the kubeconfig has mode %v, %v", info.Mode(), err)
	}
	config, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		t.Fatal(err)
	}
	if config.Host != api.Host || string(config.CAData) != "ca" || config.BearerToken != "token of default for " || config.CertData != nil {
		t.Errorf("reaches %s with %q and %q", config.Host, config.BearerToken, config.CertData)
	}
}

func TestResolveTheAPIServer(t *testing.T) {
	n := &Node{config: Config{REST: &rest.Config{Host: "https://127.0.71.1:6443"}}}
	for _, test := range []struct {
		host string
		port int
		want string
	}{
		{"kubernetes.default.svc.cluster.local", 443, "127.0.71.1:6443"},
		{"kubernetes.default.svc", 443, "127.0.71.1:6443"},
		{"kubernetes.default", 443, "127.0.71.1:6443"},
		{"kubernetes.default", 6443, ""},
	} {
		if got, ok := n.Resolve(test.host, test.port); got != test.want || ok != (test.want != "") {
			t.Errorf("%s:%d leads to %q, %v", test.host, test.port, got, ok)
		}
	}
}

func TestAClaimIsAnEmptyFolder(t *testing.T) {
	claim := corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "authservice-pvc"}}
	s := sandboxOf(t, corev1.Container{Name: "c", VolumeMounts: []corev1.VolumeMount{{Name: "data", MountPath: "/var/lib/authservice"}}},
		corev1.Volume{Name: "data", VolumeSource: claim})
	if err := s.loadVolumes(t.Context(), objects{}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.inRoot("/var/lib/authservice/data.db"), nil, 0o600); err != nil {
		t.Error(err)
	}
	if len(s.differences) != 1 {
		t.Errorf("differences %q, want one for the claim", s.differences)
	}
}
