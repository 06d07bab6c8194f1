package cluster_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/kftls/kubectl-kftls/pkg/cluster"
)

func TestUserAndPasswordOfAnAddressAreNotShown(t *testing.T) {
	const content = "{apiVersion: v1, kind: Config, current-context: one, contexts: [{name: one, context: {cluster: c, user: u}}], users: [{name: u, user: {}}], clusters: [{name: c, cluster: {CLUSTER}}]}"
	asked := ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		asked = user + "/" + password
		http.NotFound(w, r)
	}))
	defer server.Close()
	open := func(settings string) (*cluster.Cluster, error) {
		return cluster.New(kubeconfig(t, strings.ReplaceAll(content, "CLUSTER", settings), ""), cluster.Options{})
	}
	address := strings.Replace(server.URL, "://", "://ann:pass-word@", 1)
	c, err := open(`server: "` + address + `"`)
	if err != nil {
		t.Fatal(err)
	}
	if c.Server != server.URL || c.Config.Host != server.URL {
		t.Errorf("the server is shown as %q, %q", c.Server, c.Config.Host)
	}
	if _, err := c.GroupVersions(context.Background(), "networking.istio.io"); err != nil || asked != "ann/pass-word" {
		t.Errorf("asked as %q (%v)", asked, err)
	}
	for _, settings := range []string{
		`server: "https://ann:pass-word %zz@127.0.0.1:1"`,
		`server: "https://127.0.0.1:1", proxy-url: "http://ann:pass-word %zz@127.0.0.1:1"`,
		`server: "https://127.0.0.1:1", proxy-url: "ftp://ann:pass-word@127.0.0.1:1"`,
	} {
		if _, err := open(settings); err == nil || strings.Contains(err.Error(), "pass-word") {
			t.Errorf("%s: %v", settings, err)
		}
	}
}
