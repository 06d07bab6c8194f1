package portforward

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// halfCloseGrace is how long a local half-close is kept from the pod while
	// nothing comes back. Passed on at once it would cut replies off: the node
	// closes everything a second later (see stream.CloseWrite).
	halfCloseGrace = 5 * time.Second
	// replayLimit is how much of a request is kept, in bytes, until something
	// comes back, so that it can be sent to another pod.
	replayLimit = 64 << 10
	// replays is how often a connection moves to another pod, at once first,
	// and then with pauses that double from firstReplayPause: 3 s in all.
	replays          = 5
	firstReplayPause = 200 * time.Millisecond
)

// link carries one local connection. Until the pod has sent anything, it can
// move to another pod: a refused connection has reached nobody.
type link struct {
	local net.Conn
	dial  func(context.Context) (net.Conn, error)

	answered atomic.Bool  // something came back, or too much was sent
	left     atomic.Bool  // the client ended its side
	lastDown atomic.Int64 // time of the last byte from the pod, Unix nanoseconds
	over     chan struct{}

	remote atomic.Pointer[net.Conn]

	mu   sync.Mutex // held while writing to remote
	sent []byte
}

// carry copies between a local connection and where dial leads until both ends
// are done or ctx ends, and closes both. The error is why it failed; what
// happens after the client left is none.
func carry(ctx context.Context, local net.Conn, dial func(context.Context) (net.Conn, error)) error {
	defer func() { _ = local.Close() }()
	remote, err := dial(ctx)
	if err != nil {
		reset(local)
		return err
	}
	l := &link{local: local, dial: dial, over: make(chan struct{})}
	l.remote.Store(&remote)
	l.lastDown.Store(time.Now().UnixNano())
	defer context.AfterFunc(ctx, l.abort)()
	var upload sync.WaitGroup
	upload.Go(l.upload)
	err = l.download(ctx)
	close(l.over)
	l.finish(err)
	upload.Wait()
	_ = l.current().Close()
	if l.left.Load() && l.answered.Load() {
		return nil // most likely it had closed, and nobody waits for more
	}
	return err
}

// current is the connection to the pod that is in use.
func (l *link) current() net.Conn { return *l.remote.Load() }

func (l *link) abort() {
	_ = l.local.Close()
	_ = l.current().Close()
}

// download copies from the pod, moving to another one where that is possible.
func (l *link) download(ctx context.Context) error {
	remote := l.current()
	pause := time.Duration(0)
	for try := 0; ; try++ {
		err := l.copyDown(remote)
		if try == replays || !l.mayMove(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
			pause = max(2*pause, firstReplayPause)
		}
		if remote, err = l.move(ctx, remote, err); err != nil {
			return err
		}
	}
}

func (l *link) mayMove(err error) bool {
	remote, ok := errors.AsType[*RemoteError](err)
	return ok && (remote.Refused() || remote.Gone()) && !l.answered.Load()
}

// move dials again and repeats what was sent.
func (l *link) move(ctx context.Context, old net.Conn, cause error) (net.Conn, error) {
	_ = old.Close() // ends a Write that holds the lock
	next, err := l.dial(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w; then %w", cause, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.remote.Store(&next)
	if ctx.Err() != nil { // abort may have come too early to close it
		_ = next.Close()
	}
	if l.answered.Load() { // more was sent meanwhile than is kept
		return nil, cause
	}
	_, _ = next.Write(l.sent) // a failure is seen by the next read
	return next, nil
}

// copyDown copies until the pod ends; a local client that left is nil.
func (l *link) copyDown(remote net.Conn) error {
	buffer := chunks.Get().(*[]byte)
	defer chunks.Put(buffer)
	for {
		n, err := remote.Read(*buffer)
		if n > 0 {
			l.answered.Store(true)
			l.lastDown.Store(time.Now().UnixNano())
			if _, err := l.local.Write((*buffer)[:n]); err != nil {
				return nil
			}
		}
		if errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) {
			return nil // closed by abort, or because the client left
		}
		if err != nil {
			return err
		}
	}
}

// finish tells the local client how it ended. After an orderly end it may
// still send, so that a close with unread bytes does not become a reset, which
// could overtake the reply.
func (l *link) finish(err error) {
	if err != nil {
		reset(l.local)
		return
	}
	if half, ok := l.local.(interface{ CloseWrite() error }); !ok || half.CloseWrite() != nil {
		_ = l.local.Close()
		return
	}
	_ = l.local.SetReadDeadline(time.Now().Add(halfCloseGrace))
}

// reset closes a connection so that the client sees an error and no orderly
// end, which would make half a reply look whole.
func reset(conn net.Conn) {
	if outer, ok := conn.(*tls.Conn); ok {
		conn = outer.NetConn() // whose Close sends no close_notify, the end of TLS
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// upload copies from the local client until it ends. It does not fail: what
// goes wrong towards the pod is seen by download.
func (l *link) upload() {
	buffer := chunks.Get().(*[]byte)
	defer chunks.Put(buffer)
	for {
		n, err := l.local.Read(*buffer)
		if n > 0 {
			l.send((*buffer)[:n])
		}
		if errors.Is(err, io.EOF) {
			l.left.Store(true)
			l.halfClose()
			return
		}
		if err != nil {
			if !isClosed(l.over) {
				_ = l.current().Close()
			}
			return
		}
	}
}

func (l *link) send(p []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.answered.Load():
		l.sent = nil
	case len(l.sent)+len(p) > replayLimit:
		l.answered.Store(true)
		l.sent = nil
	default:
		l.sent = append(l.sent, p...)
	}
	_, _ = l.current().Write(p)
}

// halfClose passes the client's end on when nothing has come back for a while.
func (l *link) halfClose() {
	for {
		quiet := time.Since(time.Unix(0, l.lastDown.Load()))
		if quiet >= halfCloseGrace {
			break
		}
		select {
		case <-l.over:
			return
		case <-time.After(halfCloseGrace - quiet):
		}
	}
	if half, ok := l.current().(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
}
