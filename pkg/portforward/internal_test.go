package portforward

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// flakySocket fails to accept a few times before it has a connection, as a
// process without free files does.
type flakySocket struct {
	failures int
	conn     net.Conn
}

func (s *flakySocket) Accept() (net.Conn, error) {
	if s.failures > 0 {
		s.failures--
		return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
	}
	if s.conn == nil {
		return nil, net.ErrClosed
	}
	conn := s.conn
	s.conn = nil
	return conn, nil
}
func (s *flakySocket) Close() error   { return nil }
func (s *flakySocket) Addr() net.Addr { return &net.TCPAddr{} }

func TestAcceptSurvivesErrors(t *testing.T) {
	near, far := net.Pipe()
	defer func() { _, _ = near.Close(), far.Close() }()
	var reports, taken int
	(&Listener{}).accept(t.Context(), &flakySocket{failures: 4, conn: near},
		func(err error) {
			if !errors.Is(err, syscall.EMFILE) {
				t.Errorf("reported: %v", err)
			}
			reports++
		},
		func(net.Conn) { taken++ })
	if reports != 4 || taken != 1 {
		t.Errorf("%d reports and %d connections, want 4 and 1", reports, taken)
	}
}

func TestPrivilegedPort(t *testing.T) {
	err := explainListen(&net.OpError{Op: "listen", Err: syscall.EACCES}, netip.MustParseAddrPort("127.0.0.1:443"))
	if !strings.Contains(err.Error(), "port 443 may be opened by root only") {
		t.Errorf("got %v", err)
	}
}

func TestRemoteErrorTexts(t *testing.T) {
	for text, want := range map[string]struct{ refused, gone bool }{
		`error forwarding port 9999 to pod abc, uid : failed to execute portforward in network namespace "/var/run/netns/cni-1": failed to connect to localhost:9999 inside namespace "abc", IPv4: dial tcp4 127.0.0.1:9999: connect: connection refused IPv6 dial tcp6: address localhost: no suitable address found`: {refused: true},
		`error forwarding port 80 to pod abc, uid : network namespace for sandbox "abc" is closed`:                       {gone: true},
		`error forwarding port 80 to pod abc, uid : failed to find sandbox "abc" in store: not found`:                    {gone: true},
		`error forwarding port 80 to pod abc, uid : sandbox abc is not running`:                                          {gone: true},
		`error forwarding port 80 to pod abc, uid : read tcp4 127.0.0.1:1->127.0.0.1:80: read: connection reset by peer`: {},
		"something that no runtime says today":                                                                           {},
	} {
		e := &RemoteError{Text: text}
		if e.Refused() != want.refused || e.Gone() != want.gone {
			t.Errorf("refused %v, gone %v, want %+v: %s", e.Refused(), e.Gone(), want, text)
		}
	}
}

// stuckConn is a connection whose Close waits until the socket below is closed,
// as TLS does when it cannot send its last alert.
type stuckConn struct {
	net.Conn
	below *rawConn
}

func (c *stuckConn) Close() error {
	<-c.below.closed
	return nil
}

type rawConn struct {
	net.Conn
	once   sync.Once
	closed chan struct{}
}

func (c *rawConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

func TestKillClosesTheSocketBelow(t *testing.T) {
	near, far := net.Pipe()
	defer func() { _ = far.Close() }()
	raw := &rawConn{Conn: near, closed: make(chan struct{})}
	u, err := newUpstream(&wire{Conn: &stuckConn{near, raw}, raw: raw}, func(*upstream) {})
	if err != nil {
		t.Fatal(err)
	}
	u.kill()
	for name, closed := range map[string]<-chan struct{}{"the socket": raw.closed, "the upstream": u.gone} {
		select {
		case <-closed:
		case <-time.After(time.Second):
			t.Errorf("%s is still open after a second", name)
		}
	}
}
