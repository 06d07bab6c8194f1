package portforward_test

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/net/nettest"

	"github.com/kftls/kubectl-kftls/pkg/portforward"
)

// TestMain looks for goroutines of this package that outlive the tests. Those
// of the server's library are not counted: it leaves some behind when a client
// goes between the two streams of a connection (handleHTTPStreams of
// k8s.io/cri-streaming then sends to a channel that nobody reads any more). A
// goroutine of ours is seen even where it ended up inside of a library: it is
// ours that calls into it and waits.
func TestMain(m *testing.M) {
	code := m.Run()
	ours := leaked()
	// Some take up to a second to notice that their socket is closed.
	for try := 0; try < 4 && len(ours) > 0; try++ {
		ours = leaked()
	}
	if code == 0 && len(ours) > 0 {
		fmt.Fprintln(os.Stderr, strings.Join(ours, "\n"))
		code = 1
	}
	os.Exit(code)
}

// leaked are the stacks, in goleak's form, that have a function of the package
// under test in them.
func leaked() []string {
	err := goleak.Find()
	if err == nil {
		return nil
	}
	var ours []string
	for stack := range strings.SplitSeq(err.Error(), "\n Goroutine ") {
		if strings.Contains(stack, "/pkg/portforward.") {
			ours = append(ours, stack)
		}
	}
	return ours
}

func TestDialTarget(t *testing.T) {
	for transport, want := range map[portforward.Transport][2]int32{
		portforward.Auto:      {1, 0},
		portforward.WebSocket: {1, 0},
		portforward.SPDY:      {0, 1},
	} {
		t.Run(string(transport), func(t *testing.T) {
			c := newChain(t)
			conn := dial(t, c.Dialer(transport), c.Backend("gateway", 8443, echo))
			exchange(t, conn, "hello")
			if got := [2]int32{c.gets.Load(), c.posts.Load()}; got != want {
				t.Errorf("upgrades by WebSocket and SPDY: %v, want %v", got, want)
			}
			if _, ok := c.tokens.Load("Bearer let-me-in"); !ok {
				t.Error("the request carried no credentials")
			}
			if got := conn.RemoteAddr().String(); got != "istio-system/gateway:8443" {
				t.Errorf("RemoteAddr: %s", got)
			}
		})
	}
}

// TestConn holds the streams against the standard library's idea of a
// connection: deadlines, concurrent use, close.
func TestConn(t *testing.T) {
	forTransports(t, func(t *testing.T, transport portforward.Transport) {
		c := newChain(t)
		d := c.Dialer(transport)
		far := make(chan net.Conn)
		target := c.Backend("gateway", 8443, func(conn net.Conn) {
			done := make(chan struct{})
			far <- &closeSignal{Conn: conn, done: done}
			<-done
		})
		nettest.TestConn(t, func() (net.Conn, net.Conn, func(), error) {
			near, err := d.DialTarget(t.Context(), target)
			if err != nil {
				return nil, nil, nil, err
			}
			other := <-far
			return near, other, func() { _ = near.Close(); _ = other.Close() }, nil
		})
	})
}

// closeSignal says when a connection is closed.
type closeSignal struct {
	net.Conn
	once sync.Once
	done chan struct{}
}

func (c *closeSignal) Close() error {
	err := c.Conn.Close()
	c.once.Do(func() { close(c.done) })
	return err
}

func TestLargeTransfer(t *testing.T) {
	forTransports(t, func(t *testing.T, transport portforward.Transport) {
		c := newChain(t)
		conn := dial(t, c.Dialer(transport), c.Backend("gateway", 8443, echo))
		data := make([]byte, 8<<20)
		_, _ = rand.Read(data)
		go func() { _, _ = conn.Write(data) }()
		hash := sha256.New()
		if _, err := io.CopyN(hash, conn, int64(len(data))); err != nil {
			t.Fatal(err)
		}
		if want := sha256.Sum256(data); !bytes.Equal(hash.Sum(nil), want[:]) {
			t.Error("8 MiB came back changed")
		}
	})
}

func TestParallelDialsShareOneUpstream(t *testing.T) {
	forTransports(t, func(t *testing.T, transport portforward.Transport) {
		c := newChain(t)
		d := c.Dialer(transport)
		target := c.Backend("gateway", 8443, echo)
		conns := make([]net.Conn, 16)
		var wg sync.WaitGroup
		for i := range conns {
			wg.Go(func() {
				var err error
				if conns[i], err = d.DialTarget(t.Context(), target); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if t.Failed() {
			return
		}
		for i, conn := range conns {
			wg.Go(func() {
				defer func() { _ = conn.Close() }()
				if err := tryExchange(conn, fmt.Sprintf("hello %d", i)); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if got := c.gets.Load() + c.posts.Load(); got != 1 {
			t.Errorf("%d upgrades for 16 connections, want 1", got)
		}
	})
}

func TestOrderlyEnd(t *testing.T) {
	forTransports(t, func(t *testing.T, transport portforward.Transport) {
		c := newChain(t)
		d := c.Dialer(transport)
		target := c.Backend("gateway", 8443, func(conn net.Conn) {
			request, _ := io.ReadAll(conn) // until the half-close
			_, _ = fmt.Fprintf(conn, "got %s", request)
		})
		conn := dial(t, d, target)
		if _, err := io.WriteString(conn, "hello"); err != nil {
			t.Fatal(err)
		}
		if err := conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(conn)
		if err != nil || string(answer) != "got hello" {
			t.Errorf("after the half-close: %q, %v", answer, err)
		}
		if _, err := conn.Write([]byte("x")); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("write after the half-close: %v", err)
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
			t.Errorf("read after close: %v", err)
		}
	})
}

func TestLostUpstreamIsRedialled(t *testing.T) {
	forTransports(t, func(t *testing.T, transport portforward.Transport) {
		c := newChain(t)
		d := c.Dialer(transport)
		target := c.Backend("gateway", 8443, echo)
		a := dial(t, d, target)
		exchange(t, a, "before")
		c.relay.Cut()
		if _, err := a.Read(make([]byte, 1)); !errors.Is(err, portforward.ErrLost) {
			t.Errorf("read from a lost connection: %v", err)
		}
		if _, err := a.Write([]byte("x")); !errors.Is(err, portforward.ErrLost) {
			t.Errorf("write to a lost connection: %v", err)
		}
		exchange(t, dial(t, d, target), "after")
	})
}

func TestDeadlineIsOfOneConnection(t *testing.T) {
	forTransports(t, func(t *testing.T, transport portforward.Transport) {
		c := newChain(t)
		d := c.Dialer(transport)
		target := c.Backend("gateway", 8443, echo)
		a, b := dial(t, d, target), dial(t, d, target)
		if err := a.SetDeadline(time.Now().Add(-time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := a.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("read past the deadline: %v", err)
		}
		if _, err := a.Write([]byte("x")); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("write past the deadline: %v", err)
		}
		exchange(t, b, "other")
		exchange(t, a, "again")
	})
}

// TestManyConnections looks for leaks together with TestMain's goleak.
func TestManyConnections(t *testing.T) {
	c := newChain(t)
	d := c.Dialer(portforward.Auto)
	target := c.Backend("gateway", 8443, echo)
	var wg sync.WaitGroup
	for worker := range 16 {
		wg.Go(func() {
			for i := range 50 {
				conn, err := d.DialTarget(t.Context(), target)
				if err != nil {
					t.Error(err)
					return
				}
				if err := tryExchange(conn, fmt.Sprintf("%d of %d", i, worker)); err != nil {
					t.Error(err)
				}
				_ = conn.Close()
			}
		})
	}
	wg.Wait()
	// One, but for moments in which a loaded machine looks like a stall.
	if got := c.gets.Load() + c.posts.Load(); got > 8 {
		t.Errorf("%d upgrades for 800 connections", got)
	}
}
