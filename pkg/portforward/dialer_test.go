package portforward_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/net/nettest"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/portforward"
)

// TestMain looks for goroutines that outlive the tests. Those of the server's
// SPDY library take up to a second to notice that their socket is closed.
func TestMain(m *testing.M) {
	code := m.Run()
	leak := goleak.Find()
	for range 4 {
		if leak == nil {
			break
		}
		leak = goleak.Find()
	}
	if code == 0 && leak != nil {
		fmt.Fprintln(os.Stderr, leak)
		code = 1
	}
	os.Exit(code)
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
	c.once.Do(func() { close(c.done) })
	return c.Conn.Close()
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
		var wg sync.WaitGroup
		for i := range 16 {
			wg.Go(func() {
				conn, err := d.DialTarget(t.Context(), target)
				if err != nil {
					t.Error(err)
					return
				}
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

// TestRefusalConcernsOneConnection is the trap of client-go's forwarder, which
// ends everything on any error text.
func TestRefusalConcernsOneConnection(t *testing.T) {
	forTransports(t, func(t *testing.T, transport portforward.Transport) {
		c := newChain(t)
		d := c.Dialer(transport)
		target := c.Backend("gateway", 8443, echo)
		a := dial(t, d, target)
		exchange(t, a, "before")

		refused := target
		refused.Port = 9999
		b := dial(t, d, refused)
		_, err := b.Read(make([]byte, 1))
		remote, ok := errors.AsType[*portforward.RemoteError](err)
		if !ok || !remote.Refused() || remote.Gone() {
			t.Fatalf("read from a refused port: %v", err)
		}
		if _, err := b.Write([]byte("x")); !errors.As(err, &remote) {
			t.Errorf("write to a refused port: %v", err)
		}
		exchange(t, a, "after")
		exchange(t, dial(t, d, target), "new")
		if got := c.gets.Load() + c.posts.Load(); got != 1 {
			t.Errorf("%d upgrades, want 1", got)
		}
	})
}

func TestResetConcernsOneConnection(t *testing.T) {
	forTransports(t, func(t *testing.T, transport portforward.Transport) {
		c := newChain(t)
		d := c.Dialer(transport)
		target := c.Backend("gateway", 8443, echo)
		resets := c.Backend("gateway", 8444, func(conn net.Conn) {
			_, _ = conn.Read(make([]byte, 1))
			_ = conn.(*net.TCPConn).SetLinger(0)
		})
		a := dial(t, d, target)
		b := dial(t, d, resets)
		if _, err := b.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		_, err := b.Read(make([]byte, 1))
		remote, ok := errors.AsType[*portforward.RemoteError](err)
		if !ok || remote.Refused() || !strings.Contains(remote.Text, "reset by peer") {
			t.Errorf("read from a reset connection: %v", err)
		}
		exchange(t, a, "after")
		exchange(t, dial(t, d, target), "new")
	})
}

// TestRejectedStream sends what the node rejects with a reset in place of a
// reply, which can block a worker of spdystream for ever.
func TestRejectedStream(t *testing.T) {
	forTransports(t, func(t *testing.T, transport portforward.Transport) {
		c := newChain(t)
		d := c.Dialer(transport)
		target := c.Backend("gateway", 8443, echo)
		a := dial(t, d, target)
		bad := target
		bad.Port = 0
		for range 8 {
			if conn, err := d.DialTarget(t.Context(), bad); err == nil {
				t.Fatalf("port 0 was accepted: %v", conn.RemoteAddr())
			}
		}
		exchange(t, a, "after")
		exchange(t, dial(t, d, target), "new")
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

// TestGonePodIsLeft: a node answers for a deleted pod on the old connection,
// so that connection must not be kept for a new pod of the same name.
func TestGonePodIsLeft(t *testing.T) {
	c := newChain(t)
	d := c.Dialer(portforward.Auto)
	target := c.Backend("gateway", 8443, echo)
	exchange(t, dial(t, d, target), "before")
	c.RemovePod("gateway")
	_, err := dial(t, d, target).Read(make([]byte, 1))
	if remote, ok := errors.AsType[*portforward.RemoteError](err); !ok || !remote.Gone() {
		t.Fatalf("read from a deleted pod: %v", err)
	}
	if _, err := d.DialTarget(t.Context(), target); fault.ReasonOf(err) != fault.NotFound {
		t.Errorf("dial of a deleted pod: %v (%s)", err, fault.ReasonOf(err))
	}
}

func TestRefusedUpgrades(t *testing.T) {
	status := func(code int, reason metav1.StatusReason) []byte {
		return failure(code, reason, "said the server")
	}
	long := failure(403, metav1.StatusReasonForbidden, strings.Repeat("why ", 1000))
	for name, tc := range map[string]struct {
		code      int
		body      []byte
		transport portforward.Transport
		want      fault.Reason
		requests  int32
	}{
		"401":                    {401, status(401, metav1.StatusReasonUnauthorized), portforward.Auto, fault.Unauthorized, 1},
		"403":                    {403, status(403, metav1.StatusReasonForbidden), portforward.Auto, fault.Forbidden, 2},
		"404":                    {404, status(404, metav1.StatusReasonNotFound), portforward.Auto, fault.NotFound, 1},
		"401 without a Status":   {401, []byte("Unauthorized"), portforward.Auto, fault.Unauthorized, 1},
		"403 without a Status":   {403, nil, portforward.Auto, fault.Forbidden, 2},
		"403 longer than 1 KiB":  {403, long, portforward.WebSocket, fault.Forbidden, 1},
		"403, WebSocket alone":   {403, status(403, metav1.StatusReasonForbidden), portforward.WebSocket, fault.Forbidden, 1},
		"404, SPDY alone":        {404, status(404, metav1.StatusReasonNotFound), portforward.SPDY, fault.NotFound, 1},
		"401, SPDY alone":        {401, status(401, metav1.StatusReasonUnauthorized), portforward.SPDY, fault.Unauthorized, 1},
		"a node that is away":    {500, failure(500, metav1.StatusReasonInternalError, "error dialing backend: no route to host"), portforward.Auto, fault.Unreachable, 2},
		"a proxy's 200 in place": {200, []byte("<html>"), portforward.SPDY, fault.Internal, 1},
	} {
		t.Run(name, func(t *testing.T) {
			c := newChain(t)
			c.answer = func(*http.Request) (int, []byte) { return tc.code, tc.body }
			_, err := c.Dialer(tc.transport).DialTarget(t.Context(), portforward.Target{Namespace: "istio-system", Pod: "gateway", Port: 8443})
			if got := fault.ReasonOf(err); got != tc.want {
				t.Errorf("reason %s, want %s: %v", got, tc.want, err)
			}
			if got := c.gets.Load() + c.posts.Load(); got != tc.requests {
				t.Errorf("%d requests, want %d", got, tc.requests)
			}
			if hint := "kubectl auth can-i create pods/portforward -n istio-system"; tc.want == fault.Forbidden && fault.HintOf(err) != hint {
				t.Errorf("hint %q, want %q", fault.HintOf(err), hint)
			}
		})
	}
}

// TestFallback: a proxy that does not let WebSockets through, and a role that
// grants `create` but not `get`.
func TestFallback(t *testing.T) {
	for name, answer := range map[string]struct {
		code int
		body []byte
	}{
		"a proxy without WebSockets": {400, []byte("no upgrade")},
		"a role without get":         {403, failure(403, metav1.StatusReasonForbidden, "cannot get pods/portforward")},
	} {
		t.Run(name, func(t *testing.T) {
			c := newChain(t)
			c.answer = func(r *http.Request) (int, []byte) {
				if r.Method == http.MethodGet {
					return answer.code, answer.body
				}
				return 0, nil
			}
			d := c.Dialer(portforward.Auto)
			exchange(t, dial(t, d, c.Backend("one", 8443, echo)), "hello")
			exchange(t, dial(t, d, c.Backend("two", 8443, echo)), "hello")
			if gets, posts := c.gets.Load(), c.posts.Load(); gets != 1 || posts != 2 {
				t.Errorf("%d WebSocket and %d SPDY upgrades, want 1 and 2: SPDY was not remembered", gets, posts)
			}
		})
	}
}

func TestUnreachable(t *testing.T) {
	c := newChain(t)
	_ = c.relay.listener.Close()
	_, err := c.Dialer(portforward.Auto).DialTarget(t.Context(), c.Backend("gateway", 8443, echo))
	if got := fault.ReasonOf(err); got != fault.Unreachable {
		t.Errorf("reason %s: %v", got, err)
	}
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

// TestBlackHole holds the line: nothing comes through, nothing ends.
func TestBlackHole(t *testing.T) {
	forTransports(t, func(t *testing.T, transport portforward.Transport) {
		c := newChain(t)
		d := c.Dialer(transport)
		target := c.Backend("gateway", 8443, echo)
		a := dial(t, d, target)
		c.relay.Hold()

		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		if _, err := d.DialTarget(ctx, target); fault.ReasonOf(err) != fault.Timeout {
			t.Errorf("dial into a black hole: %v (%s)", err, fault.ReasonOf(err))
		}

		stuck := make(chan error, 1)
		go func() {
			data := make([]byte, 1<<20)
			for {
				if _, err := a.Write(data); err != nil {
					stuck <- err
					return
				}
			}
		}()
		if err := a.SetWriteDeadline(time.Now().Add(300 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if err := <-stuck; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("write into a black hole: %v", err)
		}

		start := time.Now()
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took > time.Second {
			t.Errorf("Close took %v", took)
		}
		if _, err := a.Read(make([]byte, 1)); !errors.Is(err, portforward.ErrLost) {
			t.Errorf("read after Close of the dialer: %v", err)
		}
		if _, err := d.DialTarget(t.Context(), target); !errors.Is(err, net.ErrClosed) {
			t.Errorf("dial after Close: %v", err)
		}
	})
}

// TestCloseEndsDials: a dial whose handshake is held ends with the dialer.
func TestCloseEndsDials(t *testing.T) {
	forTransports(t, func(t *testing.T, transport portforward.Transport) {
		c := newChain(t)
		asked, release := make(chan struct{}), make(chan struct{})
		defer close(release)
		c.answer = func(*http.Request) (int, []byte) {
			close(asked)
			<-release
			return 500, nil
		}
		d := c.Dialer(transport)
		ended := make(chan error, 1)
		go func() {
			_, err := d.DialTarget(t.Context(), portforward.Target{Namespace: "istio-system", Pod: "gateway", Port: 8443})
			ended <- err
		}()
		<-asked
		_ = d.Close()
		select {
		case err := <-ended:
			if err == nil {
				t.Error("the dial succeeded")
			}
		case <-time.After(2 * time.Second):
			t.Error("the dial did not end")
		}
	})
}

// TestImpatientCaller: the caller who asked first leaves, the others go on.
func TestImpatientCaller(t *testing.T) {
	c := newChain(t)
	asked, release := make(chan struct{}), make(chan struct{})
	c.answer = func(*http.Request) (int, []byte) {
		close(asked)
		<-release
		return 0, nil
	}
	d := c.Dialer(portforward.Auto)
	target := c.Backend("gateway", 8443, echo)
	ctx, leave := context.WithCancel(t.Context())
	first, second := make(chan error, 1), make(chan error, 1)
	go func() {
		_, err := d.DialTarget(ctx, target)
		first <- err
	}()
	<-asked
	// The second caller joins before the first leaves: Close of the dialer
	// would otherwise be the only thing that could end its wait.
	joined := make(chan struct{})
	go func() {
		close(joined)
		conn, err := d.DialTarget(t.Context(), target)
		if err == nil {
			err = tryExchange(conn, "hello")
			_ = conn.Close()
		}
		second <- err
	}()
	<-joined
	leave()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("the first caller: %v", err)
	}
	c.answer = nil
	close(release)
	if err := <-second; err != nil {
		t.Errorf("the second caller: %v", err)
	}
}

// TestStalledReader: SPDY has no flow control, so a reader that stops holds up
// its whole connection. New connections take another one.
func TestStalledReader(t *testing.T) {
	forTransports(t, func(t *testing.T, transport portforward.Transport) {
		c := newChain(t)
		d := c.Dialer(transport)
		target := c.Backend("gateway", 8443, echo)
		endless := c.Backend("gateway", 8444, func(conn net.Conn) {
			data := make([]byte, 64<<10)
			for {
				if _, err := conn.Write(data); err != nil {
					return
				}
			}
		})
		stalled := dial(t, d, endless)
		if _, err := io.CopyN(io.Discard, stalled, 1<<20); err != nil {
			t.Fatal(err)
		}
		for i := range 4 {
			exchange(t, dial(t, d, target), fmt.Sprintf("new %d", i))
		}
		if _, err := io.CopyN(io.Discard, stalled, 8<<20); err != nil {
			t.Errorf("the stalled download did not go on: %v", err)
		}
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
	if got := c.gets.Load() + c.posts.Load(); got != 1 {
		t.Errorf("%d upgrades for 800 connections, want 1", got)
	}
}
