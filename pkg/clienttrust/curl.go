package clienttrust

import (
	"context"
	"os"
	"strings"
)

// curl finds the curl on the PATH.
func (f *finder) curl(ctx context.Context) []Client {
	program, ok := f.first("curl")
	if !ok {
		return nil
	}
	c := Client{Name: "curl", Program: program}
	said := f.ask(ctx, program, "--version")
	c.Version, c.Library = afterWord(said, "curl "), curlLibrary(said)
	c.behaviour = behaviour{fix: curlFix, run: runCurl}
	switch family(c.Library) {
	case "OpenSSL", "LibreSSL":
		c.behaviour.judge, c.behaviour.text = judgeCurl, curlText
		c.options = options{partial: true, commonName: true} // vtls/openssl.c sets X509_V_FLAG_PARTIAL_CHAIN
	case "GnuTLS":
		c.behaviour.judge, c.behaviour.text = judgeGnuTLS, curlGnuTLSText
	default: // Schannel and others have the system's own store or rules not known here
		c.RootsFrom = "its own store, not read"
		return []Client{c}
	}
	f.curlRoots(ctx, &c)
	return []Client{c}
}

// curlRoots follows the order of tool_operate.c: --cacert, CURL_CA_BUNDLE, then
// SSL_CERT_DIR and SSL_CERT_FILE, then what curl was built with. One that is
// built with a folder keeps reading it unless another is named.
func (f *finder) curlRoots(ctx context.Context, c *Client) {
	system := systemBundle()
	if built := f.builtIn(ctx); built != "" {
		system = built
	}
	file, from, folder := system, system, ""
	if system == systemBundles[0] {
		folder = hashedFolder
	}
	config, insecure := f.curlConfig()
	c.checksNothing = insecure
	switch dir := f.env("SSL_CERT_DIR"); {
	case config != "":
		file, from = config, ".curlrc cacert="+config
	case f.env("CURL_CA_BUNDLE") != "":
		file = f.env("CURL_CA_BUNDLE")
		from = named("CURL_CA_BUNDLE", file)
	case f.env("SSL_CERT_FILE") != "":
		file = f.env("SSL_CERT_FILE")
		from = named("SSL_CERT_FILE", file)
		fallthrough
	default:
		if dir != "" {
			folder = dir
			from = strings.TrimPrefix(from+", "+named("SSL_CERT_DIR", dir), ", ")
		}
	}
	f.rooted(c, from, []string{file}, []string{folder})
	if from == system && system == "" {
		c.RootsKnown = false
	}
	if certs, err := f.files.bundle(file); file != "" && (err != nil || len(certs) == 0) {
		c.broken = "curl: (77) error setting certificate file: " + file
	}
}

// builtIn is the bundle that curl was built with, where its developer package
// is installed; the program itself says it only while it connects.
func (f *finder) builtIn(ctx context.Context) string {
	config, ok := f.first("curl-config")
	if !ok {
		return ""
	}
	path := strings.TrimSpace(f.ask(ctx, config, "--ca"))
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	return path
}

// curlLibrary takes the TLS library from the first line of curl --version. One
// in brackets is built in, but not in use.
func curlLibrary(said string) string {
	line, _, _ := strings.Cut(said, "\n")
	for _, word := range strings.Fields(line) {
		switch family(word) {
		case "OpenSSL", "LibreSSL", "BoringSSL", "AWS-LC", "GnuTLS", "wolfSSL", "mbedTLS", "Schannel",
			"SecureTransport", "rustls-ffi":
			return word
		}
	}
	return ""
}

// family is the library without its version.
func family(library string) string {
	name, _, _ := strings.Cut(library, "/")
	return name
}

func curlFix(caFile string) string { return "curl --cacert " + shellWord(caFile) }

func runCurl(ctx context.Context, c Client, to target) (answer, error) {
	o, err := start(ctx, c.environ, c.Program, "-sS", "-o", os.DevNull, "--noproxy", "*", "-I", to.url)
	if err != nil {
		return answer{}, err
	}
	// https://curl.se/libcurl/c/libcurl-errors.html: 51 was 60 before 7.62, and
	// 52 and 56 are about what came after the handshake.
	switch o.code {
	case 0, 8, 52, 56:
		return answer{accepted: true}, nil
	case 51, 60, 77:
		return answer{text: o.stderr}, nil
	}
	return answer{}, notAsked(o)
}
