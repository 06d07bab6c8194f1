package cmd

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"os"
	"strings"
	"testing"

	"github.com/kftls/kubectl-kftls/pkg/ui"
)

// TestLocalCA asks no cluster: there is no kubeconfig.
func TestLocalCA(t *testing.T) {
	withoutKubeconfig(t)
	home := t.TempDir()
	roots := home + "/roots.crt"
	if err := os.WriteFile(roots, []byte("roots\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ask := func(args ...string) (int, string, string) {
		var out, err strings.Builder
		env := Environment{Get: func(name string) string {
			return map[string]string{"KFTLS_HOME": home, "SSL_CERT_FILE": roots}[name]
		}}
		code := Run(t.Context(), append([]string{"kubectl-kftls", "ca", "--local"}, args...),
			ui.Streams{In: strings.NewReader(""), Out: &out, Err: &err}, env)
		return code, out.String(), err.String()
	}
	code, certificate, said := ask()
	block, _ := pem.Decode([]byte(certificate))
	if code != 0 || block == nil || said != "" {
		t.Fatalf("code %d, %q, stderr %q", code, certificate, said)
	}
	sum := sha256.Sum256(block.Bytes)
	path := home + "/local-ca/ca.crt"
	for output, want := range map[string]string{
		"fingerprint": hex.EncodeToString(sum[:]) + "\n", "path": path + "\n", "bundle": "roots\n" + certificate,
	} {
		if code, out, said := ask("-o", output); code != 0 || out != want {
			t.Errorf("-o %s: code %d, %q, stderr %q; want %q", output, code, out, said, want)
		}
	}
	if _, out, _ := ask("-o", "text"); !strings.Contains(out, "permitted: localhost") {
		t.Errorf("-o text: %q", out)
	}
	if kept, err := os.ReadFile(path); err != nil || string(kept) != certificate {
		t.Errorf("the file holds another one: %v", err)
	}
	if code, _, said := ask("--gateway", "a/b"); code != exitUsage || !strings.Contains(said, "--local asks no cluster") {
		t.Errorf("with --gateway: code %d, stderr %q", code, said)
	}
}
