package cluster_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/kftls/kubectl-kftls/internal/testutil"
	"github.com/kftls/kubectl-kftls/pkg/cluster"
	"github.com/kftls/kubectl-kftls/pkg/fault"
)

// file is a kubeconfig in a file.
type file struct{ loader clientcmd.ClientConfig }

func (f file) ToRESTConfig() (*rest.Config, error)           { return f.loader.ClientConfig() }
func (f file) ToRawKubeConfigLoader() clientcmd.ClientConfig { return f.loader }

func kubeconfig(t *testing.T, content, context string) file {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return file{clientcmd.NewNonInteractiveDeferredLoadingClientConfig(
		&clientcmd.ClientConfigLoadingRules{ExplicitPath: path}, &clientcmd.ConfigOverrides{CurrentContext: context})}
}

const twoContexts = `
apiVersion: v1
kind: Config
current-context: one
contexts:
- {name: one, context: {cluster: c, namespace: team}}
- {name: two, context: {cluster: c}}
clusters:
- {name: c, cluster: {server: "https://127.0.0.1:1"}}
`

func TestNew(t *testing.T) {
	c, err := cluster.New(kubeconfig(t, twoContexts, ""), cluster.Options{UserAgent: "kubectl-kftls/test"})
	if err != nil {
		t.Fatal(err)
	}
	got := []string{c.Context, c.Server, c.Namespace, c.Config.UserAgent}
	if diff := cmp.Diff([]string{"one", "https://127.0.0.1:1", "team", "kubectl-kftls/test"}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if c.Config.Timeout != cluster.DefaultRequestTimeout || c.Config.QPS >= 0 {
		t.Errorf("timeout %s, QPS %v", c.Config.Timeout, c.Config.QPS)
	}
	if c, err = cluster.New(kubeconfig(t, twoContexts, "two"), cluster.Options{Context: "two"}); err != nil || c.Context != "two" || c.Namespace != "default" {
		t.Errorf("got %+v, %v", c, err)
	}
}

func TestNewRefuses(t *testing.T) {
	tests := []struct{ name, content, context, hint string }{
		{"no such context", twoContexts, "three", "kubectl config get-contexts"},
		{"not a kubeconfig", "}", "", "kubectl config get-contexts"},
		{"an empty one", "", "", "export KUBECONFIG=FILE"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := cluster.New(kubeconfig(t, test.content, test.context), cluster.Options{})
			if fault.ReasonOf(err) != fault.Usage || !strings.Contains(fault.HintOf(err), test.hint) {
				t.Errorf("got %v, hint %q", err, fault.HintOf(err))
			}
		})
	}
}

func TestGroupVersions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := testutil.NewAPIServer(t)
		c := api.Cluster(t)
		got, err := c.GroupVersions(t.Context(), "networking.istio.io")
		if err != nil || !cmp.Equal(got, []string{"v1", "v1beta1"}) {
			t.Errorf("got %v, %v", got, err)
		}
		if got, err := c.GroupVersions(t.Context(), "example.com"); err != nil || len(got) != 0 {
			t.Errorf("unknown group: %v, %v", got, err)
		}
		api.Intercept = func(testutil.Request) int { return http.StatusUnauthorized }
		if _, err := c.GroupVersions(t.Context(), "networking.istio.io"); fault.ReasonOf(err) != fault.Unauthorized {
			t.Errorf("got %v", err)
		}
	})
}

func TestARequestEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := testutil.NewAPIServer(t)
		release := make(chan struct{})
		api.Intercept = func(testutil.Request) int { <-release; return 0 }
		c := api.Cluster(t)
		begun := time.Now()
		_, err := c.Core.Services("a").Get(t.Context(), "b", metav1.GetOptions{})
		close(release)
		err = cluster.Explain(err, "read Service a/b")
		if fault.ReasonOf(err) != fault.Timeout || time.Since(begun) != cluster.DefaultRequestTimeout {
			t.Errorf("after %s: %v", time.Since(begun), err)
		}
	})
}

func TestClockOffset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := testutil.NewAPIServer(t)
		api.Date = func() time.Time { return time.Now().Add(-3 * time.Hour) }
		c := api.Cluster(t)
		if _, known := c.ClockOffset(); known {
			t.Error("known before the first answer")
		}
		if _, err := c.GroupVersions(t.Context(), "networking.istio.io"); err != nil {
			t.Fatal(err)
		}
		if got, known := c.ClockOffset(); !known || (got+3*time.Hour).Abs() > time.Second {
			t.Errorf("got %s, %v", got, known)
		}
	})
}
