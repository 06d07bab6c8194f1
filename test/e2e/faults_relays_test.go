//go:build e2e && linux

package e2e

import (
	"crypto/tls"
	"io"
	"net"
	"path/filepath"
	"sync"

	"github.com/kftls/kubectl-kftls/test/faults"
)

// relay stands in front of the gateway as a load balancer does.
func (s *scene) relay(wanted faults.Relay) {
	s.t.Helper()
	address, to, port := wanted.Address, s.expand(wanted.To), s.expand(wanted.Port)
	if address == "" {
		address = "127.0.0.1"
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(address, port))
	s.check(err)
	header := ""
	switch wanted.As {
	case "tcp":
	case "tls":
		certificate, err := tls.LoadX509KeyPair(filepath.Join(s.dir, "tls.crt"), filepath.Join(s.dir, "tls.key"))
		s.check(err)
		listener = tls.NewListener(listener, &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{certificate}})
	case "proxy-header":
		// https://www.haproxy.org/download/3.2/doc/proxy-protocol.txt, 2.1
		header = "PROXY TCP4 192.0.2.7 192.0.2.8 41000 443\r\n"
	default:
		s.t.Fatalf("nobody relays as %s", wanted.As)
	}
	var open conns
	s.ends[port] = func() { _ = listener.Close(); open.close() }
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			open.add(client)
			go pass(client, to, header)
		}
	}()
}

// conns are the connections of a relay, which end with it.
type conns struct {
	mu  sync.Mutex
	all []net.Conn
}

func (c *conns) add(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, conn)
}

func (c *conns) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range c.all {
		_ = conn.Close()
	}
}

// pass carries one connection, with a header in front.
func pass(client net.Conn, to, header string) {
	defer client.Close()
	server, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer server.Close()
	if _, err := io.WriteString(server, header); err != nil {
		return
	}
	done := make(chan struct{}, 2)
	one := func(to io.Writer, from io.Reader) {
		_, _ = io.Copy(to, from)
		done <- struct{}{}
	}
	go one(server, client)
	go one(client, server)
	<-done // either end is the end
}
