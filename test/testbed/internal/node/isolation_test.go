package node

import (
	"io"
	"net"
	"net/netip"
	"testing"
	"time"
)

// TestOnePodIsCutOff: its connection ends and it gets no other, the neighbour's goes on, and
// afterwards it is let in again.
func TestOnePodIsCutOff(t *testing.T) {
	bare, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	pods := newIsolation()
	listener := isolating{bare, pods}
	t.Cleanup(func() { _ = listener.Close() })
	go func() { // says back what is said, to whom it lets in
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(conn, conn); _ = conn.Close() }()
		}
	}()
	dial := func(from string) net.Conn {
		dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: time.Second}
		conn, err := dialer.Dial("tcp", bare.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		return conn
	}
	answers := func(conn net.Conn) bool {
		_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
		_, _ = conn.Write([]byte("?")) // the read below tells
		_, err := conn.Read(make([]byte, 1))
		return err == nil
	}
	one, other := netip.MustParseAddr("127.0.0.2"), "127.0.0.3"
	before, neighbour := dial(one.String()), dial(other)
	if !answers(before) || !answers(neighbour) {
		t.Fatal("no answer before")
	}
	pods.set(one, true)
	if answers(before) || answers(dial(one.String())) {
		t.Error("a pod that is cut off is answered")
	}
	if !answers(neighbour) || !answers(dial(other)) {
		t.Error("its neighbour is not")
	}
	pods.set(one, false)
	if !answers(dial(one.String())) {
		t.Error("let in again, it is not answered")
	}
}
