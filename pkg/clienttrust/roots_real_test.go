package clienttrust

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestRootsOfTheClients holds whom each client trusts against the client, for
// every way in which people point one at a CA file.
func TestRootsOfTheClients(t *testing.T) {
	root, other := newCA(t, "test root", nil), newCA(t, "another root", nil)
	leaf := newLeaf(t, root)
	s := scenario{served: []*entity{leaf, root}}
	ours, theirs := writePEM(t, root), writePEM(t, other)
	missing, empty := filepath.Join(t.TempDir(), "nope.pem"), writeFile(t, "empty.pem", "")
	hashed, unhashed := hashedDir(t, ours), filepath.Dir(ours)
	for name, vars := range map[string]map[string]string{
		"SSL_CERT_FILE":                       {"SSL_CERT_FILE": ours},
		"SSL_CERT_DIR":                        {"SSL_CERT_DIR": hashed},
		"SSL_CERT_DIR without hashes":         {"SSL_CERT_DIR": unhashed},
		"SSL_CERT_DIR of two":                 {"SSL_CERT_DIR": t.TempDir() + string(filepath.ListSeparator) + hashed},
		"SSL_CERT_FILE beside the folder":     {"SSL_CERT_FILE": theirs, "SSL_CERT_DIR": hashed},
		"SSL_CERT_FILE missing":               {"SSL_CERT_FILE": missing},
		"SSL_CERT_FILE empty file":            {"SSL_CERT_FILE": empty},
		"REQUESTS_CA_BUNDLE":                  {"REQUESTS_CA_BUNDLE": ours},
		"REQUESTS_CA_BUNDLE, folder":          {"REQUESTS_CA_BUNDLE": hashed},
		"REQUESTS_CA_BUNDLE missing":          {"REQUESTS_CA_BUNDLE": missing},
		"CURL_CA_BUNDLE":                      {"CURL_CA_BUNDLE": ours},
		"CURL_CA_BUNDLE before SSL_CERT_FILE": {"CURL_CA_BUNDLE": theirs, "SSL_CERT_FILE": ours},
		"CURL_CA_BUNDLE before SSL_CERT_DIR":  {"CURL_CA_BUNDLE": theirs, "SSL_CERT_DIR": hashed},
		"CURL_CA_BUNDLE missing":              {"CURL_CA_BUNDLE": missing},
		"REQUESTS_CA_BUNDLE before CURL's":    {"REQUESTS_CA_BUNDLE": theirs, "CURL_CA_BUNDLE": ours},
		"NODE_EXTRA_CA_CERTS":                 {"NODE_EXTRA_CA_CERTS": ours},
		"NODE_EXTRA_CA_CERTS missing":         {"NODE_EXTRA_CA_CERTS": missing},
		"NODE_OPTIONS":                        {"NODE_OPTIONS": "--use-openssl-ca", "SSL_CERT_FILE": ours},
		"NODE_OPTIONS, other file":            {"NODE_OPTIONS": "--use-openssl-ca", "SSL_CERT_FILE": theirs},
		"GRPC_DEFAULT_SSL_ROOTS_FILE_PATH":    {"GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": ours},
		"WGETRC":                              {"WGETRC": writeFile(t, "wgetrc", "ca-certificate="+ours)},
		"WGETRC turns the check off":          {"WGETRC": writeFile(t, "wgetrc", "check_certificate = off")},
		".curlrc":                             {"HOME": filepath.Dir(writeFile(t, ".curlrc", "# mine\ncacert = \""+ours+"\"\n"))},
		".curlrc turns the check off":         {"HOME": filepath.Dir(writeFile(t, ".curlrc", "insecure\n"))},
		".curlrc before CURL_CA_BUNDLE":       {"HOME": filepath.Dir(writeFile(t, ".curlrc", "--cacert "+ours+"\n")), "CURL_CA_BUNDLE": theirs},
		"JAVA_TOOL_OPTIONS":                   {"JAVA_TOOL_OPTIONS": "-Djavax.net.ssl.trustStore=" + writeFile(t, "x.jks", string(javaKeyStore([]*entity{root})))},
		"JAVA_TOOL_OPTIONS, another's":        {"JAVA_TOOL_OPTIONS": "-Djavax.net.ssl.trustStore=" + writeFile(t, "x.jks", string(javaKeyStore([]*entity{other})))},
		"JDK_JAVA_OPTIONS":                    {"JDK_JAVA_OPTIONS": "-Djavax.net.ssl.trustStore=" + writeFile(t, "x.jks", string(javaKeyStore([]*entity{root})))},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newComputer(t)
			for variable, value := range vars {
				c.vars[variable] = value
			}
			address := "https://" + net.JoinHostPort(byName, serve(t, s.certificate())) + "/"
			for _, predicted := range Predict(c.clients(t), s.chain(), byName, ours, time.Now()) {
				if !testing.Short() || concerns(name, predicted.Client.Name) {
					compare(t, predicted, address)
				}
			}
		})
	}
}

// concerns leaves out, with -short, the slow clients where their variables are
// not meant.
func concerns(name, client string) bool {
	switch client {
	case "Java":
		return strings.HasPrefix(name, "JAVA") || strings.HasPrefix(name, "JDK")
	case "Python gRPC":
		return strings.HasPrefix(name, "GRPC")
	case "Python requests":
		return strings.HasPrefix(name, "REQUESTS") || strings.HasPrefix(name, "CURL") || name == "SSL_CERT_FILE"
	case "kfp (certifi)":
		return name == "REQUESTS_CA_BUNDLE" || name == "SSL_CERT_FILE"
	}
	return true
}

// hashedDir is a folder with a CA under the name by which OpenSSL looks it up.
func hashedDir(t testing.TB, caFile string) string {
	t.Helper()
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skipf("NOT RUN %s: no openssl on this machine", t.Name())
	}
	out, err := exec.CommandContext(t.Context(), openssl, "x509", "-subject_hash", "-noout", "-in", caFile).Output()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(caFile)
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Dir(writeFile(t, strings.TrimSpace(string(out))+".0", string(data)))
}
