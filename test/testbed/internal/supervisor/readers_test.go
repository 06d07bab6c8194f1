//go:build linux

package supervisor

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kftls/kubectl-kftls/test/testbed/internal/objects"
	"github.com/kftls/kubectl-kftls/test/testbed/profiles"
)

// shippedBy are the objects of a profile.
func shippedBy(t *testing.T, profile string) []*unstructured.Unstructured {
	t.Helper()
	files, err := profiles.Open(profile)
	if err != nil {
		t.Fatal(err)
	}
	all, err := objects.Load(files, ".")
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestWhoReadsWhat(t *testing.T) {
	changed := func(kind, namespace, name string) []*unstructured.Unstructured {
		o := &unstructured.Unstructured{}
		o.SetKind(kind)
		o.SetNamespace(namespace)
		o.SetName(name)
		return []*unstructured.Unstructured{o}
	}
	for _, test := range []struct {
		changed []*unstructured.Unstructured
		want    string // the only Deployment that reads it
	}{
		{changed("ConfigMap", "auth", "dex"), "dex"},
		{changed("Secret", "auth", "dex-oidc-client"), "dex"},
		{changed("Secret", "oauth2-proxy", "oauth2-proxy-h675gf55ht"), "oauth2-proxy"},
		{changed("ConfigMap", "oauth2-proxy", "oauth2-proxy-parameters-74659b6648"), "oauth2-proxy"},
		{changed("ConfigMap", "kubeflow", "dex"), ""},
		{changed("Secret", "auth", "dex"), ""},
	} {
		got := ""
		for _, o := range shippedBy(t, profiles.Default) {
			if o.GetKind() != kindDeployment {
				continue
			}
			reads, err := readsAny(o, test.changed)
			if err != nil {
				t.Fatal(err)
			}
			if reads {
				got += o.GetName()
			}
		}
		if got != test.want {
			t.Errorf("%s is read by %q, want %q", objects.Name(test.changed[0]), got, test.want)
		}
	}
}

func TestWhoChecksTokens(t *testing.T) {
	for profile, want := range map[string]bool{"kubeflow-26.03": true, "kubeflow-1.9.0": true, "kubeflow-1.8": false} {
		if got := checksTokens(shippedBy(t, profile)); got != want {
			t.Errorf("the gateways of %s check tokens: %t", profile, got)
		}
	}
}
