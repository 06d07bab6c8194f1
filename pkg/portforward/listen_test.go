package portforward_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/portforward"
)

func hasIPv6() bool {
	l, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		return false
	}
	_ = l.Close()
	return true
}

func listen(t *testing.T, addresses ...string) *portforward.Listener {
	t.Helper()
	l, err := portforward.Listen(t.Context(), addresses, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// serve runs a Listener until the test ends; the errors it reports go to the
// channel.
func serve(t *testing.T, l *portforward.Listener, dial func(context.Context) (net.Conn, error)) <-chan error {
	t.Helper()
	reported := make(chan error, 1024)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { l.Serve(ctx, dial, func(err error) { reported <- err }) })
	t.Cleanup(func() { cancel(); running.Wait() })
	return reported
}

func TestListenOnEveryFamily(t *testing.T) {
	l := listen(t, "localhost")
	bound := l.Addresses()
	want := []string{"127.0.0.1"}
	if hasIPv6() {
		want = append(want, "::1")
	} else {
		fmt.Println("NOT RUN listen on ::1: this machine has no IPv6")
	}
	if len(bound) != len(want) {
		t.Fatalf("bound %v, want %v", bound, want)
	}
	for i, address := range bound {
		if address.Addr().String() != want[i] || address.Port() != bound[0].Port() || address.Port() == 0 {
			t.Errorf("bound %v, want %v with one port", bound, want)
		}
	}
}

func TestListenAddresses(t *testing.T) {
	for name, tc := range map[string]struct {
		addresses []string
		want      []string
		reason    fault.Reason
	}{
		"one IP":              {addresses: []string{"127.0.0.2"}, want: []string{"127.0.0.2"}},
		"twice the same":      {addresses: []string{"127.0.0.1", "127.0.0.1"}, want: []string{"127.0.0.1"}},
		"IPv4 inside IPv6":    {addresses: []string{"::ffff:127.0.0.2"}, want: []string{"127.0.0.2"}},
		"no IP":               {addresses: []string{"example.com"}, reason: fault.Usage},
		"none":                {reason: fault.Usage},
		"not this computer's": {addresses: []string{"192.0.2.1"}, reason: fault.Usage},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := portforward.Listen(t.Context(), tc.addresses, 0)
			if fault.ReasonOf(err) != tc.reason {
				t.Fatalf("reason %q, want %q: %v", fault.ReasonOf(err), tc.reason, err)
			}
			if err != nil {
				return
			}
			defer func() { _ = l.Close() }()
			var got []string
			for _, address := range l.Addresses() {
				got = append(got, address.Addr().String())
			}
			if strings.Join(got, " ") != strings.Join(tc.want, " ") {
				t.Errorf("bound %v, want %v", got, tc.want)
			}
		})
	}
}

// TestPortInUse takes one family only: binding the other alone would send
// some clients to a stranger.
func TestPortInUse(t *testing.T) {
	addresses := []string{"127.0.0.1:0"}
	if hasIPv6() {
		addresses = append(addresses, "[::1]:0")
	}
	for _, address := range addresses {
		t.Run(address, func(t *testing.T) {
			stranger, err := net.Listen("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = stranger.Close() }()
			port := stranger.Addr().(*net.TCPAddr).AddrPort().Port()
			_, err = portforward.Listen(t.Context(), []string{"localhost"}, port)
			if fault.ReasonOf(err) != fault.PortInUse {
				t.Fatalf("reason %q: %v", fault.ReasonOf(err), err)
			}
			if want := fmt.Sprintf("port %d of", port); !strings.Contains(err.Error(), want) {
				t.Errorf("the error does not name the port: %v", err)
			}
			if runtime.GOOS != "linux" {
				fmt.Println("NOT RUN the holder of a port: only Linux tells")
				return
			}
			if want := "(pid " + strconv.Itoa(os.Getpid()) + ")"; !strings.Contains(err.Error(), want) {
				t.Errorf("the error does not name the holder %s: %v", want, err)
			}
			again, err := net.Listen("tcp", netip.AddrPortFrom(other(address), port).String())
			if err != nil {
				t.Errorf("the other family was left bound: %v", err)
				return
			}
			_ = again.Close()
		})
	}
}

// other is the loopback of the other family.
func other(address string) netip.Addr {
	if strings.HasPrefix(address, "[") || !hasIPv6() {
		return netip.MustParseAddr("127.0.0.1")
	}
	return netip.IPv6Loopback()
}

func TestServe(t *testing.T) {
	forTransports(t, func(t *testing.T, transport portforward.Transport) {
		c := newChain(t)
		d := c.Dialer(transport)
		target := c.Backend("gateway", 8080, answerHTTP)
		l := listen(t, "localhost")
		reported := serve(t, l, func(ctx context.Context) (net.Conn, error) { return d.DialTarget(ctx, target) })
		for _, address := range l.Addresses() {
			client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
			for i := range 20 {
				answer, err := client.Get(fmt.Sprintf("http://%s/%d", address, i))
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(answer.Body)
				_ = answer.Body.Close()
				if want := fmt.Sprintf("you asked for /%d", i); err != nil || string(body) != want {
					t.Errorf("got %q, %v, want %q", body, err, want)
				}
			}
		}
		select {
		case err := <-reported:
			t.Errorf("reported: %v", err)
		default:
		}
	})
}

// answerHTTP answers one request and closes.
func answerHTTP(conn net.Conn) {
	request, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil {
		return
	}
	body := "you asked for " + request.URL.Path
	_, _ = fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

// TestServeReports: a connection that fails costs one line and no other
// connection; the client sees an error and no orderly end.
func TestServeReports(t *testing.T) {
	c := newChain(t)
	d := c.Dialer(portforward.Auto)
	good := c.Backend("gateway", 8080, echo)
	half := c.Backend("gateway", 8081, func(conn net.Conn) {
		_, _ = io.WriteString(conn, "half of a reply")
		_, _ = conn.Read(make([]byte, 1))
		_ = conn.(*net.TCPConn).SetLinger(0)
	})
	targets := make(chan portforward.Target, 1)
	l := listen(t, "127.0.0.1")
	reported := serve(t, l, func(ctx context.Context) (net.Conn, error) { return d.DialTarget(ctx, <-targets) })
	connect := func(target portforward.Target) net.Conn {
		conn, err := net.Dial("tcp", l.Addresses()[0].String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		targets <- target
		return conn
	}
	steady := connect(good)
	exchange(t, steady, "before")

	broken := connect(half)
	if _, err := io.ReadFull(broken, make([]byte, len("half of a reply"))); err != nil {
		t.Fatal(err)
	}
	_, _ = broken.Write([]byte("x"))
	if _, err := broken.Read(make([]byte, 1)); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("half a reply ended in order: %v", err)
	}
	remote, ok := errors.AsType[*portforward.RemoteError](<-reported)
	if !ok || strings.Contains(remote.Error(), "\n") {
		t.Errorf("reported: %v", remote)
	}
	exchange(t, steady, "after")
}

// TestHalfCloseIsHeldBack: nodes cut everything a second after a half-close,
// so a slow reply would be lost if it were passed on at once.
func TestHalfCloseIsHeldBack(t *testing.T) {
	c := newChain(t)
	d := c.Dialer(portforward.Auto)
	target := c.Backend("gateway", 8080, func(conn net.Conn) {
		_, _ = io.ReadFull(conn, make([]byte, len("request")))
		_ = conn.SetReadDeadline(time.Now().Add(1500 * time.Millisecond))
		if _, err := conn.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
			_, _ = io.WriteString(conn, "reply")
		}
	})
	l := listen(t, "127.0.0.1")
	serve(t, l, func(ctx context.Context) (net.Conn, error) { return d.DialTarget(ctx, target) })
	conn, err := net.Dial("tcp", l.Addresses()[0].String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_, _ = io.WriteString(conn, "request")
	_ = conn.(*net.TCPConn).CloseWrite()
	if reply, err := io.ReadAll(conn); err != nil || string(reply) != "reply" {
		t.Errorf("got %q, %v", reply, err)
	}
}

// TestServeEnds: the end of the context closes port and connections.
func TestServeEnds(t *testing.T) {
	c := newChain(t)
	d := c.Dialer(portforward.Auto)
	target := c.Backend("gateway", 8080, echo)
	l := listen(t, "127.0.0.1")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		l.Serve(ctx, func(ctx context.Context) (net.Conn, error) { return d.DialTarget(ctx, target) },
			func(err error) { t.Errorf("reported: %v", err) })
	}()
	conn, err := net.Dial("tcp", l.Addresses()[0].String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	exchange(t, conn, "hello")
	cancel()
	<-ended
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		t.Error("the connection is still open")
	}
	if again, err := net.Dial("tcp", l.Addresses()[0].String()); err == nil {
		_ = again.Close()
		t.Error("the port is still open")
	}
}
