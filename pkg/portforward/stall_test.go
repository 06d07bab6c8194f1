package portforward_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/portforward"
)

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
		// Until the stall is noticed new connections are caught, or come through
		// because it has not built up yet. Then another upstream is opened.
		waitFor(t, func() bool {
			conn := dial(t, d, target)
			defer func() { _ = conn.Close() }()
			return tryExchangeWithin(conn, "new", time.Second) == nil && c.gets.Load()+c.posts.Load() > 1
		})
		for i := range 4 {
			exchange(t, dial(t, d, target), fmt.Sprintf("new %d", i))
		}
		if _, err := io.CopyN(io.Discard, stalled, 8<<20); err != nil {
			t.Errorf("the stalled download did not go on: %v", err)
		}
	})
}
