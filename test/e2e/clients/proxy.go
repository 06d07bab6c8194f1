package clients

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/textproto"
	"strings"
	"sync"
	"time"
)

// connectProxy is an HTTP proxy on loopback whose every CONNECT leads to one
// address, whatever name is asked for. Thus names need not resolve.
type connectProxy struct {
	listener net.Listener
	server   netip.AddrPort
	serving  sync.WaitGroup

	mu   sync.Mutex
	open map[net.Conn]struct{} // nil once closed
}

func startProxy(ctx context.Context, server netip.AddrPort) (*connectProxy, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start a proxy: %w", err)
	}
	p := &connectProxy{listener: listener, server: server, open: map[net.Conn]struct{}{}}
	p.serving.Go(func() { p.accept(ctx) })
	return p, nil
}

func (p *connectProxy) address() string { return p.listener.Addr().String() }

// close ends all connections and returns when nothing of the proxy runs.
func (p *connectProxy) close() {
	_ = p.listener.Close()
	p.mu.Lock()
	for conn := range p.open {
		_ = conn.Close()
	}
	p.open = nil
	p.mu.Unlock()
	p.serving.Wait()
}

func (p *connectProxy) accept(ctx context.Context) {
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			return // closed
		}
		p.serving.Go(func() {
			if p.hold(conn) {
				p.serve(ctx, conn)
			}
		})
	}
}

// hold keeps a connection for close to find. It closes it if that is over.
func (p *connectProxy) hold(conn net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open == nil {
		_ = conn.Close()
		return false
	}
	p.open[conn] = struct{}{}
	return true
}

func (p *connectProxy) release(conn net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, conn)
	_ = conn.Close()
}

func (p *connectProxy) serve(ctx context.Context, client net.Conn) {
	defer p.release(client)
	buffered := bufio.NewReader(client)
	if !readConnect(buffered) {
		_, _ = io.WriteString(client, "HTTP/1.1 405 Only CONNECT\r\nContent-Length: 0\r\n\r\n")
		return
	}
	server, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, "tcp", p.server.String())
	if err != nil {
		_, _ = io.WriteString(client, "HTTP/1.1 502 No connection\r\nContent-Length: 0\r\n\r\n")
		return
	}
	if !p.hold(server) {
		return
	}
	defer p.release(server)
	if _, err := io.WriteString(client, "HTTP/1.1 200 Connected\r\n\r\n"); err != nil {
		return
	}
	splice(client, buffered, server)
}

// readConnect reads the head of a request and tells whether it is a CONNECT.
// Where to does not matter, and wget forgets the brackets around ::1, which
// net/http refuses.
func readConnect(r *bufio.Reader) bool {
	head := textproto.NewReader(r)
	line, err := head.ReadLine()
	if err != nil || !strings.HasPrefix(line, "CONNECT ") {
		return false
	}
	_, err = head.ReadMIMEHeader()
	return err == nil
}

// splice copies both ways until both are done. An end of one way is passed on.
func splice(client net.Conn, fromClient io.Reader, server net.Conn) {
	var upwards sync.WaitGroup
	upwards.Go(func() {
		_, _ = io.Copy(server, fromClient)
		_ = closeWrite(server)
	})
	_, _ = io.Copy(client, server)
	_ = closeWrite(client)
	upwards.Wait()
}

func closeWrite(conn net.Conn) error {
	half, ok := conn.(interface{ CloseWrite() error })
	if !ok {
		return errors.ErrUnsupported
	}
	return half.CloseWrite()
}
