package node

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

func podWith(image string, args ...string) *corev1.Pod {
	return &corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: image, Args: args}}}}
}

func TestImageNameAndTag(t *testing.T) {
	for _, test := range []struct{ image, name, tag string }{
		{"ghcr.io/dexidp/dex:v2.45.0", "ghcr.io/dexidp/dex", "v2.45.0"},
		{"dexidp/dex", "dexidp/dex", "latest"},
		{"localhost:5000/dex", "localhost:5000/dex", "latest"},
		{"localhost:5000/dex:1", "localhost:5000/dex", "1"},
		{"a/b:1@sha256:abc", "a/b", "1"},
		{"a/b@sha256:abc", "a/b", "latest"},
	} {
		if name, tag := imageName(test.image), imageTag(test.image); name != test.name || tag != test.tag {
			t.Errorf("%s: name %q and tag %q, want %q and %q", test.image, name, tag, test.name, test.tag)
		}
	}
}

func TestProgramOf(t *testing.T) {
	for _, test := range []struct {
		pod  *corev1.Pod
		want string
	}{
		{podWith("ghcr.io/dexidp/dex:v2.45.0"), Dex},
		{podWith("quay.io/oauth2-proxy/oauth2-proxy:v7.14.3"), OAuth2Proxy},
		{podWith("gcr.io/istio-release/pilot:1.28.0"), Istiod},
		{podWith("docker.io/istio/pilot:1.24.3-distroless"), Istiod},
		{podWith("gcr.io/istio-release/proxyv2:1.28.0", "proxy", "router"), Envoy},
		{podWith("gcr.io/istio-release/proxyv2:1.28.0", "proxy", "sidecar"), ""},
		{podWith("gcr.io/istio-release/proxyv2:1.28.0"), ""},
		{podWith("ghcr.io/kubeflow/kubeflow/central-dashboard:v1.10.0"), Upstream},
		{podWith("ghcr.io/kubeflow/kfp-frontend:2.16.0"), Upstream},
		{podWith("ghcr.io/kubeflow/kfp-api-server:2.16.0"), Upstream},
		{podWith("docker.io/kubeflowmanifestswg/oidc-authservice:e236439"), AuthService},
		{podWith("gcr.io/arrikto/kubeflow/oidc-authservice:28c59ef"), AuthService},
		{podWith("example.org/notdexidp/dex:1"), ""},
		{podWith("nginx"), ""},
		{&corev1.Pod{}, ""},
	} {
		got := ""
		if p := programOf(test.pod); p != nil {
			got = p.name
		}
		if got != test.want {
			t.Errorf("%v runs as %q, want %q", test.pod.Spec.Containers, got, test.want)
		}
	}
}

func TestPlainCommand(t *testing.T) {
	s := sandboxOf(t, corev1.Container{
		Name: "c", Command: []string{"dex", "serve"}, Args: []string{"/etc/dex/config.yaml", "--http=0.0.0.0:$(PORT)"},
		VolumeMounts: []corev1.VolumeMount{{Name: "v", MountPath: "/etc/dex"}},
	})
	s.env = []variable{{"PORT", "5556"}}
	c, err := plainCommand(nil, s)
	want := []string{"serve", s.inRoot("/etc/dex/config.yaml"), "--http=127.0.71.21:5556"}
	if err != nil || !slices.Equal(c.args, want) {
		t.Errorf("got %q, %v, want %q", c.args, err, want)
	}
	if len(s.differences) != 2 {
		t.Errorf("differences %q, want one for the address and one for the path", s.differences)
	}
}

func TestUpstreamCommand(t *testing.T) {
	for image, want := range map[string]string{
		"ghcr.io/kubeflow/kubeflow/central-dashboard:v1.10.0": "--component=centraldashboard --pipelines-version=v1.10.0 --address=127.0.71.21:3000",
		"ghcr.io/kubeflow/kfp-frontend:2.16.0":                "--component=ml-pipeline-ui --pipelines-version=2.16.0 --address=127.0.71.21:3000",
		"ghcr.io/kubeflow/kfp-api-server:2.16.0":              "--component=ml-pipeline --pipelines-version=2.16.0 --address=127.0.71.21:3000",
	} {
		s := sandboxOf(t, corev1.Container{Name: "c", Image: image, Ports: []corev1.ContainerPort{{ContainerPort: 3000}, {ContainerPort: 1}}})
		c, err := upstreamCommand(nil, s)
		if got := strings.Join(c.args, " "); err != nil || got != "upstream "+want {
			t.Errorf("%s: %q, %v, want %q", image, got, err, want)
		}
	}
}

func TestIstiodCommand(t *testing.T) {
	network, err := parseSubnet("127.0.71")
	if err != nil {
		t.Fatal(err)
	}
	n := &Node{subnet: network, config: Config{IstiodKubeconfig: "/k"}}
	s := sandboxOf(t, corev1.Container{Name: "discovery", Args: []string{"discovery", "--monitoringAddr=:15014", "--domain", "cluster.local"}})
	s.env = []variable{{"KUBECONFIG", "/var/run/secrets/remote/config"}, {"PILOT_JWT_PUB_KEY_REFRESH_INTERVAL", "1m"}, {"ENABLE_DEBUG_ON_HTTP", "false"}}
	c, err := istiodCommand(n, s)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(c.args[:4], s.container.Args) {
		t.Errorf("the Deployment's arguments are gone: %q", c.args)
	}
	if at := slices.Index(c.args, "--monitoringAddr=127.0.71.21:15014"); at < 4 {
		t.Errorf("no later --monitoringAddr on the pod's address: %q", c.args)
	}
	for name, want := range map[string]string{
		"PILOT_JWT_PUB_KEY_REFRESH_INTERVAL": "1m", "ENABLE_DEBUG_ON_HTTP": "true", "ISTIOD_CUSTOM_HOST": "127.0.71.1",
		"PILOT_ENABLE_ALPN_FILTER": "false", "PILOT_ENABLE_METADATA_EXCHANGE": "false",
	} {
		if got, _ := s.lookup(name); got != want {
			t.Errorf("env %s = %q, want %q", name, got, want)
		}
	}
	if got, found := s.lookup("KUBECONFIG"); found {
		t.Errorf("env KUBECONFIG = %q, want none", got)
	}
}

func TestEnvoyCommand(t *testing.T) {
	network, err := parseSubnet("127.0.71")
	if err != nil {
		t.Fatal(err)
	}
	n := &Node{subnet: network}
	s := sandboxOf(t, corev1.Container{
		Name: "istio-proxy", Image: "gcr.io/istio-release/proxyv2:1.28.0",
		Args: []string{"proxy", "router", "--proxyLogLevel=warning", "--proxyComponentLogLevel=misc:error", "--log_output_level=default:info"},
	})
	s.address = network.at(12)
	s.env = []variable{{"ISTIO_META_UNPRIVILEGED_POD", "true"}, {"OTHER", "x"}}
	if _, err := envoyCommand(n, s); err == nil {
		t.Fatal("no error without a token")
	}
	for path, data := range map[string]string{"/var/run/secrets/tokens/istio-token": "a\"b\n", "/var/run/secrets/istio/root-cert.pem": "PEM"} {
		if err := os.MkdirAll(filepath.Dir(s.inRoot(path)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(s.inRoot(path), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := envoyCommand(n, s)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(c.args, " "); !strings.HasSuffix(got, "--log-level warning --component-log-level misc:error") {
		t.Errorf("pilot-agent's log flags are not Envoy's: %s", got)
	}
	path := c.args[slices.Index(c.args, "--config-path")+1]
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the bootstrap with the token has mode %v, %v", info.Mode(), err)
	}
	var bootstrap struct {
		Node struct {
			ID       string         `json:"id"`
			Metadata map[string]any `json:"metadata"`
		} `json:"node"`
	}
	if err := json.Unmarshal(data, &bootstrap); err != nil {
		t.Fatal(err)
	}
	if want := "router~10.244.0.12~dex-1.auth~auth.svc.cluster.local"; bootstrap.Node.ID != want {
		t.Errorf("node id %s, want %s", bootstrap.Node.ID, want)
	}
	for key, want := range map[string]any{"TESTBED_REPLICA": "1", "UNPRIVILEGED_POD": "true", "SERVICE_ACCOUNT": "default", "ISTIO_VERSION": "1.28.0", "OTHER": nil} {
		if got := bootstrap.Node.Metadata[key]; got != want {
			t.Errorf("metadata %s = %v, want %v", key, got, want)
		}
	}
	if found := regexp.MustCompile(`0\.0\.0\.0|"127\.0\.0\.1"|@[A-Z_]+@`).Find(data); found != nil {
		t.Errorf("the bootstrap contains %q", found)
	}
	if !strings.Contains(string(data), `Bearer a\"b"`) {
		t.Error("the bootstrap lacks the token, without its line end")
	}
}
