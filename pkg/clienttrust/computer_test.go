package clienttrust

import (
	"bytes"
	"crypto/sha1"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
	"unicode/utf16"
)

// computer is an environment with nothing of the tester's but what programs
// need to run.
type computer struct{ vars map[string]string }

func newComputer(t testing.TB) *computer {
	t.Helper()
	c := &computer{map[string]string{"HOME": t.TempDir()}}
	for _, name := range []string{"PATH", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR", "VIRTUAL_ENV", "PYENV_ROOT", "JAVA_HOME"} {
		if value := os.Getenv(name); value != "" {
			c.vars[name] = value
		}
	}
	return c
}

func (c *computer) get(name string) string { return c.vars[name] }

// clients are those that Find finds. On a busy machine they may take long.
func (c *computer) clients(t testing.TB) []Client {
	t.Helper()
	return find(t.Context(), c.get, exec.LookPath, time.Minute)
}

// trust points every client at a CA file in the way of its users.
func (c *computer) trust(t testing.TB, caFile string, inFile []*entity) {
	t.Helper()
	for _, name := range []string{
		"SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
	} {
		c.vars[name] = caFile
	}
	c.vars["WGETRC"] = writeFile(t, "wgetrc", "ca_certificate = "+caFile+"\n")
	c.vars["JAVA_TOOL_OPTIONS"] = "-Djavax.net.ssl.trustStore=" + writeFile(t, "trust.jks", string(javaKeyStore(inFile)))
}

func writeFile(t testing.TB, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// javaKeyStore writes a JKS store of trusted certificates, as
// sun.security.provider.JavaKeyStore does: keytool takes a second for each.
func javaKeyStore(list []*entity) []byte {
	const password = "changeit"
	var out bytes.Buffer
	number := func(n int) { _ = binary.Write(&out, binary.BigEndian, uint32(n)) }
	text := func(s string) {
		_ = binary.Write(&out, binary.BigEndian, uint16(len(s)))
		out.WriteString(s)
	}
	number(0xfeedfeed)
	number(2) // the version
	number(len(list))
	for i, e := range list {
		number(2) // a trusted certificate
		text("ca" + string(rune('a'+i)))
		number(0) // the date, in two halves
		number(0)
		text("X.509")
		number(len(e.cert.Raw))
		out.Write(e.cert.Raw)
	}
	digest := sha1.New()
	for _, unit := range utf16.Encode([]rune(password)) {
		_ = binary.Write(digest, binary.BigEndian, unit)
	}
	digest.Write([]byte("Mighty Aphrodite"))
	digest.Write(out.Bytes())
	return digest.Sum(out.Bytes())
}
