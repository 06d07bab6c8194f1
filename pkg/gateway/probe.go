package gateway

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/kftls/kubectl-kftls/pkg/ca"
	"github.com/kftls/kubectl-kftls/pkg/session"
)

// Road opens a connection to a port of the front door: through the tunnel to
// one pod, or directly to an address.
type Road func(ctx context.Context) (net.Conn, error)

// probeTimeout bounds one look at the front door. containerd holds a reset
// back for a second, so less would take a slow answer for none.
const probeTimeout = 3 * time.Second

// Handshake makes a TLS handshake as a client that asks for name, and returns
// the chain that was served, whoever signed it. An IP address is asked for
// without SNI, as every client does (RFC 6066, section 3).
func Handshake(ctx context.Context, road Road, name string) ([]*x509.Certificate, error) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	conn, err := shake(ctx, road, name)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates, nil
}

func shake(ctx context.Context, road Road, name string) (*tls.Conn, error) {
	raw, err := road(ctx)
	if err != nil {
		return nil, err
	}
	conn := tls.Client(raw, &tls.Config{
		ServerName: name, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"},
		InsecureSkipVerify: true, //nolint:gosec // the chain is the result; Accepts verifies it
	})
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = raw.Close() // the handshake's error is the one that tells
		return nil, fmt.Errorf("TLS handshake for %s: %w", name, err)
	}
	return conn, nil
}

// Accepts tells whether a client that trusts roots (nil: the system's) accepts
// a served chain for a name ("": any). The error is Go's own text.
func Accepts(chain []*x509.Certificate, roots *x509.CertPool, name string, now time.Time) error {
	if len(chain) == 0 {
		return errors.New("no certificate was served")
	}
	intermediates := x509.NewCertPool()
	for _, certificate := range chain[1:] {
		intermediates.AddCert(certificate)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{
		DNSName: name, Roots: roots, Intermediates: intermediates, CurrentTime: now,
	})
	return err
}

// EndsIn tells whether a served chain contains an issuer by its fingerprint. It
// recognises what we have put there; whether the issuer signed, Accepts tells.
func EndsIn(chain []*x509.Certificate, fingerprint string) bool {
	for i, certificate := range chain {
		if i > 0 && ca.Fingerprint(certificate) == fingerprint {
			return true
		}
	}
	return false
}

// SampleName is a name that stands for what a certificate is asked for: the
// name itself, or for a wildcard one directly below it.
func SampleName(name string) string {
	if suffix, ok := strings.CutPrefix(name, "*."); ok {
		return "kftls-check." + suffix
	}
	return name
}

// Answer is what the front door said to a request without a session.
type Answer struct {
	Path   string
	Status int
	Wall   session.Wall
}

// guardedPaths are asked on both doors: the dashboard, an application, and the
// pipelines API, which the login's rules treat apart (401 instead of a page).
var guardedPaths = []string{"/", "/jupyter/", "/pipeline/apis/v2beta1/healthz"}

// largestAnswer is how much of a body is read: the sign-in page has 7 KiB.
const largestAnswer = 64 << 10

// Ask sends the same requests without a session that Guard compares, over
// TLS or plain, and returns the answers in a fixed order; beside an error, those
// that came before it. Redirects are not followed.
func Ask(ctx context.Context, road Road, isTLS bool, host string) ([]Answer, error) {
	transport := &http.Transport{
		DisableCompression: true,
		DialContext:        func(ctx context.Context, _, _ string) (net.Conn, error) { return road(ctx) },
		DialTLSContext:     func(ctx context.Context, _, _ string) (net.Conn, error) { return shake(ctx, road, host) },
	}
	defer transport.CloseIdleConnections()
	scheme := "http"
	if isTLS {
		scheme = "https"
	}
	answers := make([]Answer, 0, len(guardedPaths))
	for _, path := range guardedPaths {
		answer, err := ask(ctx, transport, scheme+"://"+URLHost(host)+path)
		if err != nil {
			return answers, fmt.Errorf("GET %s: %w", path, err)
		}
		answer.Path = path
		answers = append(answers, answer)
	}
	return answers, nil
}

// URLHost is a host as a URL has it: an IPv6 address in brackets.
func URLHost(host string) string {
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}

func ask(ctx context.Context, transport http.RoundTripper, url string) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return Answer{}, err
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return Answer{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, largestAnswer))
	if err != nil {
		return Answer{}, err
	}
	_, _ = io.Copy(io.Discard, response.Body) // so that the connection is kept
	return Answer{
		Status: response.StatusCode,
		Wall:   session.Classify(response.StatusCode, response.Header, bytes.TrimSpace(body)),
	}, nil
}
