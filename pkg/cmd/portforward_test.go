package cmd

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
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
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	file := filepath.Join(t.TempDir(), "kubeconfig")
	text := `apiVersion: v1
kind: Config
current-context: dead
contexts: [{name: dead, context: {cluster: dead, user: me}}]
clusters: [{name: dead, cluster: {server: "http://` + address + `"}}]
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
