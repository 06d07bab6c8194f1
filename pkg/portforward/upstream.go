package portforward

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/moby/spdystream"
)

const (
	// pingPeriod keeps the connection alive in load balancers; client-go pings
	// at the same pace (k8s.io/client-go/transport/spdy).
	pingPeriod = 5 * time.Second
	// pongPatience is how late a pong may be before new streams take another
	// upstream. SPDY has no flow control here: one reader that stops can hold
	// up everything that comes in on the same connection, pongs too.
	pongPatience = 3 * time.Second
	// politeClose is what a close may cost to say good-bye on the wire.
	politeClose = 250 * time.Millisecond
	// replyPoll is how often a wait for a stream's reply looks whether the
	// upstream is still there; spdystream itself does not.
	replyPoll = 200 * time.Millisecond
)

// upstream is one upgraded connection to a pod, shared by its streams. It ends
// when the connection ends, or, once retired, with its last stream.
type upstream struct {
	wire   *wire
	frames *spdystream.Connection
	// onRetire is called once, when no new stream may be opened any more.
	onRetire func(*upstream)

	nextRequest atomic.Uint64
	retiring    sync.Once
	killing     sync.Once
	gone        chan struct{} // closed when the socket is closed

	mu      sync.Mutex
	retired bool
	opening int
	streams map[*stream]struct{}
}

// newUpstream starts speaking SPDY over an upgraded connection.
func newUpstream(w *wire, onRetire func(*upstream)) (*upstream, error) {
	frames, err := spdystream.NewConnection(w, false)
	if err != nil {
		_ = w.raw.Close()
		return nil, fmt.Errorf("start SPDY: %w", err)
	}
	u := &upstream{wire: w, frames: frames, onRetire: onRetire, gone: make(chan struct{}), streams: map[*stream]struct{}{}}
	go u.serve()
	go u.ping()
	return u, nil
}

// serve reads frames until the connection ends. The server opens no streams;
// one that it would open is reset.
func (u *upstream) serve() {
	u.frames.Serve(func(s *spdystream.Stream) { _ = s.Reset() })
	u.kill()
}

// ping asks for a sign of life. It retires an upstream that gives none, but
// does not kill it: its streams may only be held up by a slow reader.
func (u *upstream) ping() {
	tick := time.NewTicker(pingPeriod)
	defer tick.Stop()
	for {
		select {
		case <-u.frames.CloseChan():
			return
		case <-tick.C:
		}
		late := time.AfterFunc(pongPatience, func() { u.retire() })
		_, err := u.frames.Ping()
		late.Stop()
		if err != nil {
			u.kill()
			return
		}
	}
}

// dead says whether the connection has ended.
func (u *upstream) dead() bool {
	select {
	case <-u.frames.CloseChan():
		return true
	case <-u.gone:
		return true
	default:
		return false
	}
}

// retire ends the opening of new streams, and the upstream when it is idle. It
// says whether it was the first to do so.
func (u *upstream) retire() bool {
	first := u.withdraw()
	u.killIfDone()
	return first
}

// withdraw ends the opening of new streams.
func (u *upstream) withdraw() (first bool) {
	u.retiring.Do(func() {
		first = true
		u.mu.Lock()
		u.retired = true
		u.mu.Unlock()
		u.onRetire(u)
	})
	return first
}

// killIfDone kills a retired upstream that nobody uses any more.
func (u *upstream) killIfDone() {
	u.mu.Lock()
	done := u.retired && u.opening == 0 && len(u.streams) == 0
	u.mu.Unlock()
	if done {
		u.kill()
	}
}

// kill ends the upstream and all its streams without waiting for the peer. It
// does not block.
func (u *upstream) kill() {
	u.killing.Do(func() {
		go func() {
			u.closeWire()
			// A frame worker may be blocked on a stream whose reader is slow,
			// and the frame loop behind it.
			for _, s := range u.snapshot() {
				s.drop()
			}
		}()
		u.withdraw()
	})
}

// closeWire says good-bye if that goes quickly, and then closes the socket.
func (u *upstream) closeWire() {
	bye := make(chan struct{})
	go func() {
		defer close(bye)
		_ = u.wire.Close()
	}()
	timer := time.NewTimer(politeClose)
	defer timer.Stop()
	select {
	case <-bye:
	case <-timer.C:
	}
	_ = u.wire.raw.Close()
	close(u.gone)
}

func (u *upstream) snapshot() []*stream {
	u.mu.Lock()
	defer u.mu.Unlock()
	all := make([]*stream, 0, len(u.streams))
	for s := range u.streams {
		all = append(all, s)
	}
	return all
}
