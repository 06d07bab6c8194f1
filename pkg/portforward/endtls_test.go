package portforward_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/kftls/kubectl-kftls/pkg/ca"
	"github.com/kftls/kubectl-kftls/pkg/portforward"
)

// listenTLS is a port that ends TLS, and what a client of it trusts.
func listenTLS(t *testing.T) (*portforward.Listener, *tls.Config) {
	t.Helper()
	authority, err := ca.NewAuthority(ca.AuthorityOptions{Permit: ca.DefaultNames()})
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := authority.NewLeaf(ca.LeafOptions{Names: ca.DefaultNames()})
	if err != nil {
		t.Fatal(err)
	}
	l := listen(t, "127.0.0.1")
	l.EndTLS(&tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{leaf.Certificate.Raw}, PrivateKey: leaf.Key}},
		MinVersion:   tls.VersionTLS12,
	})
	return l, &tls.Config{RootCAs: authority.Pool(), ServerName: "localhost"}
}

// TestEndTLS carries what is inside, the end of a reply included.
func TestEndTLS(t *testing.T) {
	forTransports(t, func(t *testing.T, transport portforward.Transport) {
		c := newChain(t)
		d := c.Dialer(transport)
		target := c.Backend("gateway", 8080, func(conn net.Conn) {
			_, _ = io.ReadFull(conn, make([]byte, len("request")))
			_, _ = io.WriteString(conn, strings.Repeat("reply", 100_000))
		})
		l, trust := listenTLS(t)
		reported := serve(t, l, func(ctx context.Context) (net.Conn, error) { return d.DialTarget(ctx, target) })
		conn, err := tls.Dial("tcp", l.Addresses()[0].String(), trust)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		_, _ = io.WriteString(conn, "request")
		if reply, err := io.ReadAll(conn); err != nil || len(reply) != 500_000 {
			t.Errorf("got %d bytes, %v", len(reply), err)
		}
		select {
		case err := <-reported:
			t.Errorf("reported: %v", err)
		default:
		}
	})
}

// TestEndTLSTruncation: half a reply must not look whole.
func TestEndTLSTruncation(t *testing.T) {
	c := newChain(t)
	d := c.Dialer(portforward.Auto)
	target := c.Backend("gateway", 8080, func(conn net.Conn) {
		_, _ = io.WriteString(conn, "half")
		_, _ = conn.Read(make([]byte, 1))
		_ = conn.(*net.TCPConn).SetLinger(0)
	})
	l, trust := listenTLS(t)
	serve(t, l, func(ctx context.Context) (net.Conn, error) { return d.DialTarget(ctx, target) })
	conn, err := tls.Dial("tcp", l.Addresses()[0].String(), trust)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.ReadFull(conn, make([]byte, len("half"))); err != nil {
		t.Fatal(err)
	}
	_, _ = conn.Write([]byte("x"))
	if _, err := conn.Read(make([]byte, 1)); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("half a reply ended in order: %v", err)
	}
}

// TestEndTLSReportsDistrust: a client without the CA is told of, once; one that
// leaves without a word is not.
func TestEndTLSReportsDistrust(t *testing.T) {
	l, _ := listenTLS(t)
	reported := serve(t, l, func(context.Context) (net.Conn, error) {
		t.Error("a connection without a handshake was carried")
		return nil, net.ErrClosed
	})
	silent, err := net.Dial("tcp", l.Addresses()[0].String())
	if err != nil {
		t.Fatal(err)
	}
	_ = silent.Close()
	if conn, err := tls.Dial("tcp", l.Addresses()[0].String(), &tls.Config{ServerName: "localhost"}); err == nil {
		_ = conn.Close()
		t.Fatal("a client took a certificate that it cannot know")
	}
	if err := <-reported; !strings.Contains(err.Error(), "broke TLS off") || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("reported: %v", err)
	}
}
