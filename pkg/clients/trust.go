package clients

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

// trustVariables are the variables by which clients take roots. All but Node's
// replace the client's roots, so a command that got our CA alone would lose the
// rest of the web.
var trustVariables = []struct {
	name string
	// instead are those that the clients of this one look at when it is not set;
	// once it is set they no longer do. requests takes CURL_CA_BUNDLE (utils and
	// sessions.py), and curl SSL_CERT_FILE (tool_operate.c).
	instead []string
	// adds tells that it only adds to the client's roots.
	adds bool
}{
	{name: "SSL_CERT_FILE"},
	{name: "CURL_CA_BUNDLE", instead: []string{"SSL_CERT_FILE"}},
	{name: "REQUESTS_CA_BUNDLE", instead: []string{"CURL_CA_BUNDLE"}},
	{name: "NODE_EXTRA_CA_CERTS", adds: true},
}

// writeTrust writes a bundle for each of the variables into BundleDir and
// returns them with the paths: what the variable points to, else the system's
// roots, and our CA behind it. What cannot be read adds nothing, and the user
// is told: its client would not have had it either.
func writeTrust(env *environ, e CommandEnv) (map[string]string, error) {
	ours, err := os.ReadFile(e.CAFile)
	if err != nil {
		return nil, fault.New(fault.LocalState, "", "read the CA for the command: %w", err)
	}
	if err := os.MkdirAll(e.BundleDir, 0o700); err != nil {
		return nil, fault.New(fault.LocalState, "", "make the folder for the command's bundles: %w", err)
	}
	t := &trust{env: e, ours: ours, written: map[string]string{}}
	out := map[string]string{}
	for _, variable := range trustVariables {
		source := env.first(append([]string{variable.name}, variable.instead...)...)
		if source == "" && variable.adds {
			out[variable.name] = e.CAFile
			continue
		}
		if out[variable.name], err = t.bundle(variable.name, source); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// trust writes bundles, one for each source.
type trust struct {
	env     CommandEnv
	ours    []byte
	written map[string]string // file by source
}

// bundle is the file with the roots at source, "" for the system's, and ours.
func (t *trust) bundle(variable, source string) (string, error) {
	if file, done := t.written[source]; done {
		return file, nil
	}
	file := filepath.Join(t.env.BundleDir, strings.ToLower(variable)+".pem")
	if err := os.WriteFile(file, joinPEM(t.roots(variable, source), t.ours), 0o600); err != nil {
		return "", fault.New(fault.LocalState, "", "write the bundle of roots for the command: %w", err)
	}
	t.written[source] = file
	return file, nil
}

func (t *trust) roots(variable, source string) []byte {
	if source == "" {
		return t.systemRoots()
	}
	roots, err := readRoots(source)
	if err != nil {
		t.logf("%s names roots that cannot be read; the command finds Kubeflow's CA alone in it: %v", variable, err)
		return nil
	}
	return roots
}

func (t *trust) systemRoots() []byte {
	if t.env.SystemRoots == nil {
		return nil
	}
	roots, err := t.env.SystemRoots()
	if err != nil {
		t.logf("the command may trust Kubeflow's CA alone, and not the rest of the web: %v", err)
		return nil
	}
	return roots
}

func (t *trust) logf(format string, args ...any) {
	if t.env.Logf != nil {
		t.env.Logf(format, args...)
	}
}

// readRoots reads a bundle, or a folder of certificates, which requests takes,
// too.
func readRoots(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return os.ReadFile(path)
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	var roots []byte
	for _, entry := range entries {
		// Most are there twice, under their hash as a link.
		data, err := os.ReadFile(filepath.Join(path, entry.Name()))
		if err == nil && bytes.Contains(data, pemCertificate) && !bytes.Contains(roots, data) {
			roots = joinPEM(roots, data)
		}
	}
	if roots == nil {
		return nil, fmt.Errorf("no certificates in %s", path)
	}
	return roots, nil
}

var pemCertificate = []byte("-----BEGIN CERTIFICATE-----")

// joinPEM joins two bundles, of which the first may end without a newline.
func joinPEM(a, b []byte) []byte {
	joined := bytes.Clone(a)
	if len(joined) > 0 && !bytes.HasSuffix(joined, []byte("\n")) {
		joined = append(joined, '\n')
	}
	return append(joined, b...)
}
