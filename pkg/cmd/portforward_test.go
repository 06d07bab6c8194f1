package cmd

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/kftls/kubectl-kftls/internal/testutil"
	"github.com/kftls/kubectl-kftls/pkg/portforward"
	"github.com/kftls/kubectl-kftls/pkg/ui"
)

func TestParseForward(t *testing.T) {
	for arg, want := range map[string]forward{
		"8443:443":   {8443, "443"},
		"8443:https": {8443, "https"},
		":443":       {0, "443"},
		":https":     {0, "https"},
		"9443":       {9443, "9443"},
	} {
		if got, err := parseForward(arg); err != nil || got != want {
			t.Errorf("%q: %+v, %v, want %+v", arg, got, err, want)
		}
	}
	for arg, part := range map[string]string{
		"":           "not [LOCAL:]REMOTE",
		":":          "not [LOCAL:]REMOTE",
		"8443:":      "not [LOCAL:]REMOTE",
		"1:2:3":      "not [LOCAL:]REMOTE",
		"https":      "8443:https",
		"http:80":    "local port",
		"0:80":       "local port",
		"70000:80":   "local port",
		"-1:80":      "local port",
		"8443:0":     "remote port",
		"8443:70000": "remote port",
	} {
		if got, err := parseForward(arg); err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%q: %+v, %v, want an error with %q", arg, got, err, part)
		}
	}
}

// deadCluster is a kubeconfig of an API server that refuses connections.
func deadCluster(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "kubeconfig")
	text := `apiVersion: v1
kind: Config
current-context: dead
contexts: [{name: dead, context: {cluster: dead, user: me}}]
clusters: [{name: dead, cluster: {server: "http://` + testutil.ClosedPort(t) + `"}}]
users: [{name: me, user: {token: none}}]
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestPortForwardRefusals(t *testing.T) {
	stranger, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stranger.Close() }()
	taken := strconv.Itoa(stranger.Addr().(*net.TCPAddr).Port)
	kubeconfig := deadCluster(t)
	for name, tc := range map[string]struct {
		args []string
		code int
		err  string
	}{
		"not a port":        {[]string{"8443:"}, 2, "[LOCAL:]REMOTE"},
		"unknown transport": {[]string{"--transport", "quic"}, 2, "auto, websocket or spdy"},
		"not an address":    {[]string{"--address", "example.com", ":443"}, 2, "give an IP or localhost"},
		"a Gateway of many": {[]string{"--gateway", "a/b/c", ":443"}, 2, "NAMESPACE/NAME"},
		"port in use":       {[]string{taken + ":443"}, 1, "port " + taken + " of 127.0.0.1 is in use"},
		"dead API server":   {[]string{":443"}, 1, "connection refused"},
	} {
		t.Run(name, func(t *testing.T) {
			got := run(t, append([]string{"port-forward", "--kubeconfig", kubeconfig}, tc.args...)...)
			if got.code != tc.code || !strings.Contains(got.err, tc.err) || got.out != "" {
				t.Errorf("code %d, stdout %q, stderr %q; want code %d and %q", got.code, got.out, got.err, tc.code, tc.err)
			}
		})
	}
}

func TestPortForwardTLS(t *testing.T) {
	o := &portForwardOptions{tls: true}
	if err := o.parse(nil); err != nil || len(o.forwards) != 1 || o.forwards[0] != (forward{8443, "80"}) {
		t.Errorf("without an argument: %+v, %v", o.forwards, err)
	}
	for _, arg := range []string{"8443:443", ":https", "443"} {
		got := run(t, "port-forward", "--kubeconfig", deadCluster(t), "--tls", arg)
		if got.code != exitUsage || !strings.Contains(got.err, "ends TLS itself") {
			t.Errorf("%s: code %d, stderr %q", arg, got.code, got.err)
		}
	}
}

func TestAnnounceTLS(t *testing.T) {
	var said bytes.Buffer
	home := t.TempDir()
	f := newFactory("kubectl-kftls", ui.Streams{Out: io.Discard, Err: &said, In: strings.NewReader("")},
		Environment{Get: func(name string) string { return map[string]string{"KFTLS_HOME": home}[name] }})
	l, err := portforward.Listen(t.Context(), []string{"127.0.0.1", "127.0.0.2"}, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	if err := (&portForwardOptions{}).endTLS(f, []*portforward.Listener{l}); err != nil {
		t.Fatal(err)
	}
	if err := announceTLS(f, []*portforward.Listener{l}); err != nil {
		t.Fatal(err)
	}
	ca := filepath.Join(home, "local-ca", "ca.crt")
	want := fmt.Sprintf("TLS ends here. Clients must trust this computer's CA: %[1]s\n  curl --cacert %[1]s https://localhost:%[2]d/\n",
		ca, l.Addresses()[0].Port())
	if said.String() != want {
		t.Errorf("said %q, want %q", said.String(), want)
	}
}

// TestLocalTLS: the certificate has the addresses that are listened on.
func TestLocalTLS(t *testing.T) {
	home := t.TempDir()
	f := newFactory("kubectl-kftls", ui.Streams{}, Environment{Get: func(string) string { return home }})
	config, err := f.localTLS(netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("127.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	leaf := config.Certificates[0].Leaf
	for _, name := range []string{"localhost", "127.0.0.1", "::1", "192.0.2.7"} {
		if err := leaf.VerifyHostname(name); err != nil {
			t.Error(err)
		}
	}
	if len(leaf.IPAddresses) != 3 {
		t.Errorf("addresses %v", leaf.IPAddresses)
	}
}
