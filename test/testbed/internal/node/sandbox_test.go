package node

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// objects is a source whose objects are given.
type objects struct {
	configMaps map[string]map[string]string
	secrets    map[string]map[string]string
}

func (o objects) configMap(_ context.Context, namespace, name string) (*corev1.ConfigMap, error) {
	data, found := o.configMaps[namespace+"/"+name]
	if !found {
		return nil, apierrors.NewNotFound(schema.GroupResource{Resource: "configmaps"}, name)
	}
	return &corev1.ConfigMap{Data: data}, nil
}

func (o objects) secret(_ context.Context, namespace, name string) (*corev1.Secret, error) {
	data, found := o.secrets[namespace+"/"+name]
	if !found {
		return nil, apierrors.NewNotFound(schema.GroupResource{Resource: "secrets"}, name)
	}
	secret := &corev1.Secret{Data: map[string][]byte{}}
	for key, value := range data {
		secret.Data[key] = []byte(value)
	}
	return secret, nil
}

func (o objects) token(_ context.Context, pod *corev1.Pod, audience string) (string, error) {
	return "token of " + serviceAccount(pod) + " for " + audience, nil
}

// sandboxOf is the sandbox of a pod with one container, at 127.0.71.21.
func sandboxOf(t *testing.T, c corev1.Container, volumes ...corev1.Volume) *sandbox {
	t.Helper()
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "auth", Name: "dex-1", UID: "u-1", Labels: map[string]string{"app": "dex"}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{c}, Volumes: volumes},
	}
	return newSandbox(pod, netip.MustParseAddr("127.0.71.21"), t.TempDir())
}

func TestReplacePath(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"/etc/dex", "/x/etc/dex"},
		{"/etc/dex/cfg", "/x/etc/dex/cfg"},
		{"--config=/etc/dex", "--config=/x/etc/dex"},
		{`logo = "/etc/dex"`, `logo = "/x/etc/dex"`},
		{"/etc/dexter", "/etc/dexter"},
		{"/usr/etc/dex", "/usr/etc/dex"},
		{"../etc/dex", "../etc/dex"},
		{"/etc/dex.d", "/etc/dex.d"},
		{"/etc/dex:/etc/dex", "/x/etc/dex:/x/etc/dex"},
		{"http://host/etc/dex", "http://host/etc/dex"},
		{"", ""},
	} {
		if got := replacePath(test.text, "/etc/dex", "/x/etc/dex"); got != test.want {
			t.Errorf("replacePath(%q) = %q, want %q", test.text, got, test.want)
		}
	}
	if got := replacePath("/ and /a", "/", "/x"); got != "/ and /a" {
		t.Errorf("the root was replaced: %q", got)
	}
}

func TestLoadEnv(t *testing.T) {
	from := objects{
		configMaps: map[string]map[string]string{"auth/settings": {"A": "from config", "PORT": "5556"}},
		secrets:    map[string]map[string]string{"auth/keys": {"A": "from secret", "KEY": "s3cret"}},
	}
	valueFrom := func(v corev1.EnvVarSource) *corev1.EnvVarSource { return &v }
	key := func(name, key string, optional bool) *corev1.ConfigMapKeySelector {
		return &corev1.ConfigMapKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: name}, Key: key, Optional: &optional}
	}
	field := func(path string) *corev1.EnvVarSource {
		return valueFrom(corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: path}})
	}
	for _, test := range []struct {
		name string
		env  []corev1.EnvVar
		from []corev1.EnvFromSource
		want []string
		fail string
	}{
		{
			name: "later sources and env win, and env may refer to them",
			from: []corev1.EnvFromSource{
				{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "settings"}}},
				{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "keys"}}, Prefix: ""},
			},
			env:  []corev1.EnvVar{{Name: "KEY", Value: "own"}, {Name: "BOTH", Value: "$(A):$(PORT)"}},
			want: []string{"PORT=5556", "A=from secret", "KEY=own", "BOTH=from secret:5556"},
		},
		{
			name: "prefix", from: []corev1.EnvFromSource{{Prefix: "P_", SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "keys"}}}},
			want: []string{"P_A=from secret", "P_KEY=s3cret"},
		},
		{name: "keys", env: []corev1.EnvVar{
			{Name: "X", ValueFrom: valueFrom(corev1.EnvVarSource{ConfigMapKeyRef: key("settings", "PORT", false)})},
			{Name: "ABSENT", ValueFrom: valueFrom(corev1.EnvVarSource{ConfigMapKeyRef: key("settings", "NO", true)})},
			{Name: "NONE", ValueFrom: valueFrom(corev1.EnvVarSource{ConfigMapKeyRef: key("no", "NO", true)})},
			{Name: "Y", ValueFrom: valueFrom(corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: "keys"}, Key: "KEY"}})},
		}, want: []string{"X=5556", "Y=s3cret"}},
		{name: "downward", env: []corev1.EnvVar{
			{Name: "NAME", ValueFrom: field("metadata.name")},
			{Name: "NS", ValueFrom: field("metadata.namespace")},
			{Name: "APP", ValueFrom: field("metadata.labels['app']")},
			{Name: "NODE", ValueFrom: field("spec.nodeName")},
			{Name: "SA", ValueFrom: field("spec.serviceAccountName")},
			{Name: "IP", ValueFrom: field("status.podIP")},
			{Name: "HOST", ValueFrom: field("status.hostIP")},
		}, want: []string{"NAME=dex-1", "NS=auth", "APP=dex", "NODE=" + Name, "SA=default", "IP=10.244.0.21", "HOST=127.0.71.1"}},
		{name: "addresses", env: []corev1.EnvVar{{Name: "LISTEN", Value: "http://0.0.0.0:80"}}, want: []string{"LISTEN=http://127.0.71.21:80"}},
		{
			name: "absent key", env: []corev1.EnvVar{{Name: "X", ValueFrom: valueFrom(corev1.EnvVarSource{ConfigMapKeyRef: key("settings", "NO", false)})}},
			fail: "couldn't find key NO in ConfigMap auth/settings",
		},
		{
			name: "absent object", from: []corev1.EnvFromSource{{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "no"}}}},
			fail: `secrets "no" not found`,
		},
		{name: "unknown field", env: []corev1.EnvVar{{Name: "X", ValueFrom: field("status.phase")}}, fail: "status.phase"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := sandboxOf(t, corev1.Container{Name: "c", Env: test.env, EnvFrom: test.from})
			err := s.loadEnv(t.Context(), from)
			if test.fail != "" {
				if err == nil || !strings.Contains(err.Error(), test.fail) {
					t.Fatalf("error %v, want one with %q", err, test.fail)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := s.environ(); !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestResource(t *testing.T) {
	s := sandboxOf(t, corev1.Container{Name: "c", Resources: corev1.ResourceRequirements{
		Limits:   corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1500m"), corev1.ResourceMemory: resource.MustParse("1Gi")},
		Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("100m")},
	}})
	for _, test := range []struct{ resource, divisor, want string }{
		{"limits.cpu", "1", "2"},
		{"limits.cpu", "1m", "1500"},
		{"limits.cpu", "0", "2"},
		{"requests.cpu", "1m", "100"},
		{"limits.memory", "1Mi", "1024"},
		{"requests.memory", "1Gi", "8"},
	} {
		got, err := s.resource(&corev1.ResourceFieldSelector{Resource: test.resource, Divisor: resource.MustParse(test.divisor)})
		if err != nil || got != test.want {
			t.Errorf("%s in %s = %s, %v, want %s", test.resource, test.divisor, got, err, test.want)
		}
	}
	if got, err := s.resource(&corev1.ResourceFieldSelector{Resource: "limits.gpu"}); err == nil {
		t.Errorf("limits.gpu = %s, want an error", got)
	}
}

func TestLoadVolumes(t *testing.T) {
	optional := true
	configMap := func(name string, items ...corev1.KeyToPath) corev1.VolumeSource {
		return corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: name}, Items: items}}
	}
	from := objects{
		configMaps: map[string]map[string]string{"auth/dex": {"config.yaml": "http: 0.0.0.0:5556\nlogo: /etc/logo.svg\nother: /etc/logo.svgz", "x": "y"}, "auth/logo": {"logo.svg": "<svg/>"}},
		secrets:    map[string]map[string]string{"auth/tls": {"tls.key": "0.0.0.0 stays"}},
	}
	s := sandboxOf(t, corev1.Container{Name: "c", VolumeMounts: []corev1.VolumeMount{
		{Name: "config", MountPath: "/etc/dex/cfg"},
		{Name: "logo", MountPath: "/etc/logo.svg", SubPath: "logo.svg"},
		{Name: "tls", MountPath: "/tls/"},
		{Name: "tokens", MountPath: "/var/run/secrets/tokens"},
		{Name: "none", MountPath: "/none"},
		{Name: "scratch", MountPath: "/scratch"},
		{Name: "podinfo", MountPath: "/podinfo"},
	}},
		corev1.Volume{Name: "config", VolumeSource: configMap("dex", corev1.KeyToPath{Key: "config.yaml", Path: "sub/config.yaml"})},
		corev1.Volume{Name: "logo", VolumeSource: configMap("logo")},
		corev1.Volume{Name: "tls", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "tls"}}},
		corev1.Volume{Name: "tokens", VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{
			{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Audience: "istio-ca", Path: "istio-token"}},
			{Secret: &corev1.SecretProjection{LocalObjectReference: corev1.LocalObjectReference{Name: "absent"}, Optional: &optional}},
		}}}},
		corev1.Volume{Name: "none", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "absent", Optional: &optional}}},
		corev1.Volume{Name: "scratch", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}},
		corev1.Volume{Name: "podinfo", VolumeSource: corev1.VolumeSource{DownwardAPI: &corev1.DownwardAPIVolumeSource{Items: []corev1.DownwardAPIVolumeFile{
			{Path: "labels", FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.labels"}},
		}}}},
	)
	if err := s.loadVolumes(t.Context(), from); err != nil {
		t.Fatal(err)
	}
	logo := s.inRoot("/etc/logo.svg")
	for path, want := range map[string]string{
		"/etc/dex/cfg/sub/config.yaml":        "http: 127.0.71.21:5556\nlogo: " + logo + "\nother: /etc/logo.svgz",
		"/etc/logo.svg":                       "<svg/>",
		"/tls/tls.key":                        "0.0.0.0 stays",
		"/var/run/secrets/tokens/istio-token": "token of default for istio-ca",
		"/podinfo/labels":                     "app=\"dex\"\n",
	} {
		got, err := os.ReadFile(s.inRoot(path))
		if err != nil || string(got) != want {
			t.Errorf("%s = %q, %v, want %q", path, got, err, want)
		}
	}
	info, err := os.Stat(s.inRoot("/tls/tls.key"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("tls.key has mode %v, %v, want 0600", info.Mode(), err)
	}

	// A second start keeps what an emptyDir holds, and reads the rest anew.
	if err := os.WriteFile(s.inRoot("/scratch/kept"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	from.configMaps["auth/logo"] = map[string]string{"logo.svg": "<svg>new</svg>"}
	if err := s.loadVolumes(t.Context(), from); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(s.inRoot("/scratch/kept")); err != nil {
		t.Errorf("emptyDir was emptied: %v", err)
	}
	if got, err := os.ReadFile(logo); err != nil || string(got) != "<svg>new</svg>" {
		t.Errorf("logo = %q, %v after its ConfigMap changed", got, err)
	}
}

func TestLoadVolumesRefuses(t *testing.T) {
	from := objects{configMaps: map[string]map[string]string{"auth/c": {"a": "1"}}}
	source := func(name string, items ...corev1.KeyToPath) corev1.VolumeSource {
		return corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: name}, Items: items}}
	}
	for _, test := range []struct {
		name   string
		source corev1.VolumeSource
		mounts []string
		want   string
	}{
		{"absent ConfigMap", source("no"), nil, `volume "v": configmaps "no" not found`},
		{"absent key", source("c", corev1.KeyToPath{Key: "b", Path: "b"}), nil, `has no key "b"`},
		{"path out of the volume", source("c", corev1.KeyToPath{Key: "a", Path: "../a"}), nil, "leads out of the volume"},
		{"unknown kind", corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/"}}, nil, "not known to the testbed"},
		{"one mount twice", source("c"), []string{"/m", "/m"}, "another volume is mounted there"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := corev1.Container{Name: "c"}
			for _, path := range test.mounts {
				c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: "v", MountPath: path})
			}
			s := sandboxOf(t, c, corev1.Volume{Name: "v", VolumeSource: test.source})
			err := s.loadVolumes(t.Context(), from)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one with %q", err, test.want)
			}
			if outside, _ := filepath.Glob(filepath.Join(s.dir, "volumes", "a")); len(outside) > 0 {
				t.Errorf("written outside of the volume: %v", outside)
			}
		})
	}
}
