package clienttrust

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"path/filepath"
	"runtime"
	"strings"
)

// goFolders are what a Go program reads beside the bundle
// (https://go.dev/src/crypto/x509/root_linux.go).
var goFolders = [...]string{"/etc/ssl/certs", "/etc/pki/tls/certs"}

// golang is what a Go program says. This one is one.
func (f *finder) golang(context.Context) []Client {
	c := Client{Name: "Go", Library: "crypto/tls", Version: strings.TrimPrefix(runtime.Version(), "go")}
	c.behaviour = behaviour{judge: judgeGo, text: goText, fix: goFix, run: runGo}
	if runtime.GOOS == "darwin" || runtime.GOOS == "windows" {
		c.RootsFrom = "the system's own store, not read" // and no variable
		return []Client{c}
	}
	file, dirs := systemBundle(), goFolders[:]
	from := file
	if value := f.env("SSL_CERT_FILE"); value != "" {
		file, from = value, named("SSL_CERT_FILE", value)
	}
	if value := f.env("SSL_CERT_DIR"); value != "" {
		dirs = filepath.SplitList(value)
		from += ", " + named("SSL_CERT_DIR", value)
	}
	f.rooted(&c, from, []string{file}, nil)
	for _, dir := range dirs {
		c.Roots = append(c.Roots, f.files.folder(dir, func(string) bool { return true })...)
	}
	return []Client{c}
}

// judgeGo lets Go judge.
func judgeGo(t *trial) Cause {
	err := t.verifyGo()
	if err == nil {
		return Accepted
	}
	if bad, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		switch bad.Reason {
		case x509.Expired:
			return t.goTime(bad.Cert)
		case x509.IncompatibleUsage:
			return WrongUsage
		case x509.CANotAuthorizedForThisName:
			return OutsideConstraints
		}
		return BadCA
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return t.wrongName()
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return t.untrusted()
	}
	return BadCA
}

func (t *trial) goTime(c *x509.Certificate) Cause {
	if t.now.Before(c.NotBefore) {
		return NotYetValid
	}
	return Expired
}

func (t *trial) verifyGo() error {
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	for _, c := range t.roots {
		roots.AddCert(c)
	}
	for _, c := range t.chain[1:] {
		between.AddCert(c)
	}
	_, err := t.chain[0].Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: between, CurrentTime: t.now, DNSName: t.host,
	})
	return err
}

// goText is what net/http prints, without the address and the current time.
func goText(t *trial, _ Cause) string {
	text := "tls: failed to verify certificate: " + t.verifyGo().Error()
	if before, _, ok := strings.Cut(text, ": current time "); ok {
		return before
	}
	return text
}

func goFix(caFile string) string { return "SSL_CERT_FILE=" + shellWord(caFile) }

func runGo(ctx context.Context, c Client, to target) (answer, error) {
	roots := x509.NewCertPool()
	for _, root := range c.Roots {
		roots.AddCert(root)
	}
	config := &tls.Config{ServerName: to.host, MinVersion: tls.VersionTLS12}
	if c.RootsKnown { // else the system's own
		config.RootCAs = roots
	}
	conn, err := (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", net.JoinHostPort(to.host, to.port))
	if err == nil {
		return answer{accepted: true}, conn.Close()
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return answer{text: err.Error()}, nil
	}
	return answer{}, err
}
