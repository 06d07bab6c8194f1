package ca

import (
	"crypto/x509"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// clientVerdict is what two independent implementations say about a leaf for
// one host: crypto/x509, and openssl where the machine has it.
type clientVerdict struct {
	goError error
	// openssl is the output of a refusal, "" when it accepts.
	openssl string
}

// requireOpenSSL leaves the rest of a test out, and says so, where there is
// no openssl.
func requireOpenSSL(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("openssl")
	if err != nil {
		t.Skipf("NOT RUN %s: no openssl on this machine", t.Name())
	}
	return path
}

// ask lets both implementations verify the leaf when host is dialled.
func ask(t *testing.T, root *x509.Certificate, leaf *Leaf, host string, at time.Time) clientVerdict {
	t.Helper()
	openssl := requireOpenSSL(t)
	pool := x509.NewCertPool()
	pool.AddCert(root)
	dialled := host
	if addr, err := netip.ParseAddr(host); err == nil && addr.Is6() {
		dialled = "[" + host + "]"
	}
	_, goError := leaf.Certificate.Verify(x509.VerifyOptions{Roots: pool, DNSName: dialled, CurrentTime: at})
	return clientVerdict{goError: goError, openssl: askOpenSSL(t, openssl, root, leaf, host, at)}
}

func askOpenSSL(t *testing.T, openssl string, root *x509.Certificate, leaf *Leaf, host string, at time.Time) string {
	t.Helper()
	dir := t.TempDir()
	caFile, leafFile := filepath.Join(dir, "ca.crt"), filepath.Join(dir, "tls.crt")
	writeFile(t, caFile, encodeCertificates(root))
	writeFile(t, leafFile, leaf.ChainPEM())
	hostFlag := "-verify_hostname"
	if _, err := netip.ParseAddr(host); err == nil {
		hostFlag = "-verify_ip"
	}
	out, err := exec.CommandContext(t.Context(), openssl, "verify", "-x509_strict", "-purpose", "sslserver",
		"-attime", strconv.FormatInt(at.Unix(), 10), "-CAfile", caFile, "-untrusted", leafFile, hostFlag, host, leafFile).CombinedOutput()
	if err == nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

func writeFile(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}
