package clients

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// subtreeViolation is OpenSSL's word for a name outside the constraints.
const subtreeViolation = "permitted subtree violation"

// Table returns all clients that a certificate is tried with.
func Table() []Client {
	return []Client{
		{Name: "curl", ConstraintText: subtreeViolation, Find: findCurl, Dial: dialCurl},
		{Name: "openssl -x509_strict", ConstraintText: subtreeViolation, Find: findOpenSSL, Dial: dialOpenSSL},
		{Name: "wget (GnuTLS)", ConstraintText: "is not trusted", Find: findWget, Dial: dialWget},
		{Name: "python ssl (VERIFY_X509_STRICT)", ConstraintText: subtreeViolation, Find: findPython, Dial: dialPythonSSL},
		{Name: "python requests", ConstraintText: subtreeViolation, Find: findRequests, Dial: dialRequests},
		{Name: "grpcio (BoringSSL)", ConstraintText: subtreeViolation, Find: findGRPC, Dial: dialGRPC},
		{Name: "node", ConstraintText: subtreeViolation, Find: findNode, Dial: dialNode},
		{Name: "java", IgnoresConstraints: true, Find: findJava, Dial: dialJava},
		{Name: "go", ConstraintText: "is not permitted by any constraint", Find: findGo, Dial: dialGo},
	}
}

// ask runs a program for its version and returns its output. The error of a
// program that is not there is for people.
func ask(ctx context.Context, program string, args ...string) (string, error) {
	if _, err := exec.LookPath(program); err != nil {
		return "", fmt.Errorf("no %s on this machine", program)
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	out, err := exec.CommandContext(ctx, program, args...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s does not run: %s", program, oneLine(string(out)+" "+err.Error()))
	}
	return string(out), nil
}

// word returns the n-th word of a program's output.
func word(out string, n int, err error) (string, error) {
	words := strings.Fields(out)
	if err == nil && n >= len(words) {
		err = fmt.Errorf("its version cannot be read from %q", oneLine(out))
	}
	if err != nil {
		return "", err
	}
	return words[n], nil
}

func findCurl(ctx context.Context) (string, error) {
	out, err := ask(ctx, "curl", "--version")
	return word(out, 1, err)
}

func dialCurl(ctx context.Context, d Dial) Answer {
	o := d.run(ctx, nil, "curl", "--silent", "--show-error", "--output", os.DevNull, "--max-time", "30",
		"--cacert", d.CAFile, "--connect-to", "::"+d.Address.String(), d.url())
	const peerFailedVerification = 60 // CURLE_PEER_FAILED_VERIFICATION of man curl
	switch o.code {
	case 0:
		return Answer{Accepted, "an answer"}
	case peerFailedVerification:
		return Answer{Refused, oneLine(o.text)}
	}
	return Answer{Failed, oneLine(o.text)}
}

func findOpenSSL(ctx context.Context) (string, error) {
	out, err := ask(ctx, "openssl", "version")
	return word(out, 1, err)
}

func dialOpenSSL(ctx context.Context, d Dial) Answer {
	name := []string{"-servername", d.Host, "-verify_hostname", d.Host}
	if d.isAddress() {
		name = []string{"-noservername", "-verify_ip", d.Host}
	}
	o := d.run(ctx, nil, "openssl", append([]string{
		"s_client", "-connect", d.Address.String(), "-CAfile", d.CAFile,
		"-x509_strict", "-verify_return_error", "-brief",
	}, name...)...)
	switch {
	case o.code == 0 && strings.Contains(o.text, "Verification: OK"):
		return Answer{Accepted, "Verification: OK"}
	case o.code != 0 && strings.Contains(o.text, "verify error:"):
		return Answer{Refused, oneLine(o.text)}
	}
	return Answer{Failed, oneLine(o.text)}
}

func findWget(ctx context.Context) (string, error) {
	out, err := ask(ctx, "wget", "--version")
	if err == nil && !strings.Contains(out, "+ssl/gnutls") {
		return "", errors.New("the wget on this machine is not built with GnuTLS")
	}
	return word(out, 2, err)
}

func dialWget(ctx context.Context, d Dial) Answer {
	o := d.run(ctx, []string{"https_proxy=http://" + d.Proxy}, "wget", "--no-verbose", "--output-document", os.DevNull,
		"--tries=1", "--timeout=30", "--max-redirect=0", "--no-hsts", "--ca-certificate="+d.CAFile, d.url())
	// From "EXIT STATUS" of man wget.
	const sslVerificationFailure, serverIssuedError = 5, 8
	switch o.code {
	case 0, serverIssuedError:
		return Answer{Accepted, oneLine(o.text)}
	case sslVerificationFailure:
		return Answer{Refused, oneLine(o.text)}
	}
	return Answer{Failed, oneLine(o.text)}
}

func findNode(ctx context.Context) (string, error) {
	out, err := ask(ctx, "node", "--version")
	return word(out, 0, err)
}

//go:embed scripts/node_client.mjs
var nodeClient []byte

func dialNode(ctx context.Context, d Dial) Answer {
	script, err := d.write("client.mjs", nodeClient)
	if err != nil {
		return Answer{Failed, err.Error()}
	}
	return byWord(d.run(ctx, []string{"NODE_EXTRA_CA_CERTS=" + d.CAFile}, "node", script,
		d.Host, d.Address.Addr().String(), d.port()))
}

// write puts a program into the dial's folder.
func (d Dial) write(name string, program []byte) (string, error) {
	path := filepath.Join(d.Dir, name)
	return path, os.WriteFile(path, program, 0o600)
}

func findGo(context.Context) (string, error) { return runtime.Version(), nil }

func dialGo(ctx context.Context, d Dial) Answer {
	pem, err := os.ReadFile(d.CAFile)
	if err != nil {
		return Answer{Failed, err.Error()}
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return Answer{Failed, "no certificate in " + d.CAFile}
	}
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, d.Address.String())
		},
	}
	defer transport.CloseIdleConnections()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, d.url(), nil)
	if err != nil {
		return Answer{Failed, err.Error()}
	}
	client := &http.Client{Timeout: 30 * time.Second, Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
	response, err := client.Do(request)
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return Answer{Refused, err.Error()}
	}
	if err != nil {
		return Answer{Failed, err.Error()}
	}
	_ = response.Body.Close()
	return Answer{Accepted, response.Status}
}
