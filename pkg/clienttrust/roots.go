package clienttrust

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// files reads roots, each file once: most clients have the system's bundle.
type files struct {
	mu   sync.Mutex
	read map[string]*bundle
}

type bundle struct {
	once  sync.Once
	certs []*x509.Certificate
	err   error
}

// bundle returns the certificates of a PEM file. Those that Go cannot parse are
// left out, which matters to no private CA.
func (f *files) bundle(path string) ([]*x509.Certificate, error) {
	f.mu.Lock()
	if f.read == nil {
		f.read = map[string]*bundle{}
	}
	b := f.read[path]
	if b == nil {
		b = &bundle{}
		f.read[path] = b
	}
	f.mu.Unlock()
	b.once.Do(func() {
		var data []byte
		if data, b.err = os.ReadFile(path); b.err == nil {
			b.certs = parsePEM(data)
		}
	})
	return b.certs, b.err
}

func parsePEM(data []byte) []*x509.Certificate {
	var certs []*x509.Certificate
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			return certs
		}
		// OpenSSL's own kind of block has its trust settings behind the
		// certificate; nobody's bundle for the web has it.
		if c, err := x509.ParseCertificate(block.Bytes); err == nil && block.Type == "CERTIFICATE" {
			certs = append(certs, c)
		}
	}
}

// hashed returns the certificates of a folder in which OpenSSL looks them up by
// name: it sees only files that are called by the hash of their subject.
func (f *files) hashed(dir string) []*x509.Certificate {
	return f.folder(dir, isHashName)
}

// folder returns those of the files of which the name is wanted.
func (f *files) folder(dir string, wanted func(string) bool) []*x509.Certificate {
	var certs []*x509.Certificate
	entries, _ := os.ReadDir(dir) // a folder that is not there holds no roots
	for _, entry := range entries {
		if wanted(entry.Name()) {
			found, _ := f.bundle(filepath.Join(dir, entry.Name()))
			certs = append(certs, found...)
		}
	}
	return certs
}

// isHashName knows names such as 5ed36f99.0.
func isHashName(name string) bool {
	hash, number, ok := strings.Cut(name, ".")
	return ok && len(hash) == 8 && strings.Trim(hash, "0123456789abcdef") == "" &&
		number != "" && strings.Trim(number, "0123456789") == ""
}

// systemBundles are where distributions keep the roots, as in Go's
// https://go.dev/src/crypto/x509/root_linux.go.
var systemBundles = [...]string{
	"/etc/ssl/certs/ca-certificates.crt", // Debian, Ubuntu, Arch
	"/etc/pki/tls/certs/ca-bundle.crt",   // Fedora, RHEL
	"/etc/ssl/ca-bundle.pem",             // openSUSE
	"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
	"/etc/ssl/cert.pem", // Alpine, macOS, BSD
}

// hashedFolder is the folder that Debian's OpenSSL and curl read beside the
// bundle.
const hashedFolder = "/etc/ssl/certs"

// systemBundle returns the first of them that is there, "" for none.
func systemBundle() string {
	i := slices.IndexFunc(systemBundles[:], func(path string) bool {
		info, err := os.Stat(path)
		return err == nil && info.Mode().IsRegular()
	})
	if i < 0 {
		return ""
	}
	return systemBundles[i]
}

// rooted puts the roots of files and hashed folders into a client.
func (f *finder) rooted(c *Client, from string, bundles, folders []string) {
	c.RootsFrom, c.RootsKnown = from, true
	for _, path := range bundles {
		certs, _ := f.files.bundle(path) // a client that minds says so in its search
		c.Roots = append(c.Roots, certs...)
	}
	for _, dir := range folders {
		for list := range strings.SplitSeq(dir, string(filepath.ListSeparator)) {
			c.Roots = append(c.Roots, f.files.hashed(list)...)
		}
	}
}

// named is a variable with its value, as RootsFrom shows it.
func named(variable, value string) string { return variable + "=" + value }

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
