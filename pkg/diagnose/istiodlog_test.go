package diagnose

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	corev1 "k8s.io/api/core/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"

	"github.com/kftls/kubectl-kftls/pkg/cluster"
)

// TestLongLog: of a log that is longer than what is kept, the end counts.
func TestLongLog(t *testing.T) {
	const cause = "[oauthproxy.go:897] Error redeeming code during OAuth2 callback: email in id_token (user@example.com) isn't verified"
	line := strings.Repeat("x", 199) + "\n"
	logs := map[string]string{
		"new":  strings.Repeat(line, 3000) + cause + "\n" + line,
		"old":  cause + "\n" + strings.Repeat(line, 3000),
		"none": line,
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, text := range logs {
			if r.URL.Path == "/api/v1/namespaces/oauth2-proxy/pods/"+name+"/log" {
				fmt.Fprint(w, text)
				return
			}
		}
		http.NotFound(w, r)
	}))
	defer server.Close()
	core, err := corev1client.NewForConfig(&rest.Config{Host: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		pods string
		want bool
	}{{"new", true}, {"none new", true}, {"old", false}, {"none", false}} {
		var pods []corev1.Pod
		for name := range strings.FieldsSeq(tc.pods) {
			pods = append(pods, pod("oauth2-proxy", name, nil))
		}
		log := logOf(t.Context(), &cluster.Cluster{Core: core}, pods)
		if !log.OK() {
			t.Fatal(log.Err)
		}
		f := &Facts{LoginLog: log}
		if got := lookUnverified(t.Context(), f).Finding != nil; got != tc.want {
			t.Errorf("pods %s: found %v, want %v: %+v", tc.pods, got, tc.want, log.Value)
		}
	}
	if log := logOf(t.Context(), &cluster.Cluster{Core: core}, []corev1.Pod{pod("oauth2-proxy", "gone", nil)}); log.OK() {
		t.Error("a log that cannot be read is taken for one")
	}
}

func TestLastOf(t *testing.T) {
	long := strings.Repeat("0123456789", 20_000)
	for text, want := range map[string]string{"": "", "abc": "abc", "abcdef": "abcdef", "abcdefghi": "defghi", long: "456789"} {
		if got, err := lastOf(strings.NewReader(text), 6); err != nil || string(got) != want {
			t.Errorf("of %d bytes: %q, %v", len(text), got, err)
		}
	}
	if _, err := lastOf(iotest.ErrReader(io.ErrUnexpectedEOF), 6); err == nil {
		t.Error("a log that breaks off is taken for whole")
	}
}
