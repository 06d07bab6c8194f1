package diagnose

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/kftls/kubectl-kftls/pkg/gateway"
	"github.com/kftls/kubectl-kftls/pkg/portforward"
	"github.com/kftls/kubectl-kftls/pkg/session"
)

// largestBody is how much of a body is read: the sign-in page has 7 KiB.
const largestBody = 64 << 10

// newClient carries requests over a road. Certificates are looked at and judged
// elsewhere: nothing secret goes over it before they were accepted.
func newClient(r *Road) *http.Transport {
	return &http.Transport{
		DisableCompression: true,
		MaxConnsPerHost:    len(wirePaths()) + 1,
		DialContext:        func(ctx context.Context, _, _ string) (net.Conn, error) { return r.dial(ctx) },
		DialTLSContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			raw, err := r.dial(ctx)
			if err != nil {
				return nil, err
			}
			conn, _, err := handshake(ctx, r, raw)
			return conn, err
		},
	}
}

// shake makes the first connection and tells what became of it.
func shake(ctx context.Context, r *Road) *Handshake {
	raw, err := r.dial(ctx)
	if err != nil {
		r.Dialled = err
		return &Handshake{Err: err}
	}
	conn, asked, err := handshake(ctx, r, raw)
	h := &Handshake{Err: err}
	if conn != nil {
		h.Chain = conn.ConnectionState().PeerCertificates
		if err == nil && asked {
			err = awaitAlert(conn)
			h.WantsClient, h.Err = err != nil, err
		}
		_ = conn.Close()
	}
	if err == nil {
		return h
	}
	h.classify(err, asked)
	return h
}

// awaitAlert waits shortly for the refusal of a client without a certificate,
// which TLS 1.3 sends after the client's handshake is done (RFC 8446, 4.4.2.4).
func awaitAlert(conn *tls.Conn) error {
	_ = conn.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
	_, err := conn.Read(make([]byte, 1))
	if wait, ok := errors.AsType[net.Error](err); ok && wait.Timeout() {
		return nil // it goes on without one
	}
	return err
}

// handshake shakes hands. asked tells that the server wants a client certificate.
// An IP address is asked for without SNI, as every client does (RFC 6066, section
// 3). It changes nothing of the road: a transport goes on with a dial that no
// request waits for any more, and what becomes of that one tells nothing.
func handshake(ctx context.Context, r *Road, raw net.Conn) (conn *tls.Conn, asked bool, err error) {
	conn = tls.Client(raw, &tls.Config{
		ServerName: r.Origin.Hostname(), MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"},
		InsecureSkipVerify: true, //nolint:gosec // the chain is the result; accepts judges it
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			asked = true
			return &tls.Certificate{}, nil
		},
	})
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = raw.Close()
		return nil, asked, err
	}
	return conn, asked, nil
}

// classify tells failures of a handshake apart by their type.
func (h *Handshake) classify(err error, asked bool) {
	var record tls.RecordHeaderError
	wait, isNet := errors.AsType[net.Error](err)
	switch {
	case errors.As(err, &record):
		h.Plain = string(record.RecordHeader[:])
	case isAlert(err):
		h.WantsClient = asked
	case isNet && wait.Timeout(), errors.Is(err, context.DeadlineExceeded):
		h.TimedOut = true
	case isCut(err):
		h.Cut = true
	}
}

// isAlert tells that the other side refused with an alert. Over TCP crypto/tls
// gives a net.OpError; its AlertError is QUIC's alone.
func isAlert(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "remote error"
}

// isCut tells that the other side ended the connection.
func isCut(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) ||
		errors.Is(err, syscall.EPIPE) || errors.Is(err, portforward.ErrLost) || isRemote(err)
}

// isRemote tells that the node reported the end of a connection inside the pod.
func isRemote(err error) bool {
	_, ok := errors.AsType[*portforward.RemoteError](err)
	return ok
}

// isRefusedInPod tells that nothing listens on the pod's port.
func isRefusedInPod(err error) bool {
	remote, ok := errors.AsType[*portforward.RemoteError](err)
	return ok && remote.Refused()
}

// fetch asks for a path and follows no redirect.
func fetch(ctx context.Context, client http.RoundTripper, origin *url.URL, path string, header http.Header) *Answer {
	a := &Answer{Method: http.MethodGet, Path: path, Header: http.Header{}}
	target, err := origin.Parse(path)
	if err != nil {
		a.Err = err
		return a
	}
	request, err := http.NewRequestWithContext(ctx, a.Method, target.String(), http.NoBody)
	if err != nil {
		a.Err = err
		return a
	}
	for name, values := range header {
		request.Header[name] = values
	}
	request.Host = header.Get("Host") // of the header itself net/http takes no note
	response, err := client.RoundTrip(request)
	if err != nil {
		a.Err = err
		return a
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, largestBody))
	a.Status, a.Header, a.Body, a.Err = response.StatusCode, response.Header, body, err
	a.Wall = session.Classify(a.Status, a.Header, bytes.TrimSpace(body))
	return a
}

// accepts tells whether a client with these roots (nil: the system's) takes a
// chain. The error is Go's.
func accepts(chain []*x509.Certificate, roots *x509.CertPool, host string, now time.Time) error {
	return gateway.Accepts(chain, roots, host, now)
}

// says looks for words of a program in an answer.
func (a *Answer) says(words string) bool { return bytes.Contains(a.Body, []byte(words)) }

// location is where a redirect leads, nil for none.
func (a *Answer) location() *url.URL {
	if a.Status < 300 || a.Status > 399 {
		return nil
	}
	target, err := url.Parse(a.Header.Get("Location"))
	if err != nil || a.Header.Get("Location") == "" {
		return nil
	}
	return target
}

// isType tells the media type of an answer.
func (a *Answer) isType(name string) bool {
	return strings.HasPrefix(strings.ToLower(a.Header.Get("Content-Type")), name)
}

// byGateway tells that Envoy made the answer: its own name, and not that of a
// program behind it, whose time Envoy tells (x-envoy-upstream-service-time).
func (a *Answer) byGateway() bool {
	return a.Header.Get("Server") == "istio-envoy" && a.Header.Get("X-Envoy-Upstream-Service-Time") == ""
}

// line is an answer in one line: status, type, and words where they tell people something.
func (a *Answer) line() string {
	text := http.StatusText(a.Status)
	line := strings.TrimSpace(itoa(a.Status) + " " + text)
	if kind, _, _ := strings.Cut(a.Header.Get("Content-Type"), ";"); kind != "" {
		line += ", " + kind
	}
	if target := a.location(); target != nil {
		return line + ", to " + target.Host + target.Path
	}
	if a.isType("text/plain") && len(a.Body) > 0 {
		return line + ": " + plain(string(a.Body[:min(len(a.Body), longest)]))
	}
	if len(a.Body) == 0 {
		line += ", empty"
	}
	return line
}
