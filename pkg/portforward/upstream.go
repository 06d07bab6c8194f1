package portforward

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/moby/spdystream"
	corev1 "k8s.io/api/core/v1"
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
		late := time.AfterFunc(pongPatience, u.retire)
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

// retire ends the opening of new streams, and the upstream when it is idle.
func (u *upstream) retire() {
	u.withdraw()
	u.killIfDone()
}

// withdraw ends the opening of new streams.
func (u *upstream) withdraw() {
	u.retiring.Do(func() {
		u.mu.Lock()
		u.retired = true
		u.mu.Unlock()
		u.onRetire(u)
	})
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

// open opens the pair of streams that is one connection to a port: both at
// once, so that it costs one round trip and not two. When ctx ends first the
// error is its cause, and what was opened is taken back in the background.
func (u *upstream) open(ctx context.Context, t Target) (*stream, error) {
	if !u.enter() {
		return nil, ErrLost
	}
	defer u.leave()
	opened := make(chan opening, 1)
	go func() {
		s, err := u.openPair(ctx, t)
		opened <- opening{s, err}
	}()
	select {
	case o := <-opened:
		return o.stream, o.err
	case <-ctx.Done():
	case <-u.gone:
	}
	go func() {
		if o := <-opened; o.stream != nil {
			_ = o.stream.Close()
		}
	}()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return nil, ErrLost
}

type opening struct {
	stream *stream
	err    error
}

func (u *upstream) enter() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.retired {
		return false
	}
	u.opening++
	return true
}

func (u *upstream) leave() {
	u.mu.Lock()
	u.opening--
	u.mu.Unlock()
	u.killIfDone()
}

// openPair sends both SYN_STREAMs, the error stream with its FIN, and waits
// for both replies.
func (u *upstream) openPair(ctx context.Context, t Target) (*stream, error) {
	headers := http.Header{}
	headers.Set(corev1.PortHeader, strconv.Itoa(int(t.Port)))
	headers.Set(corev1.PortForwardRequestIDHeader, strconv.FormatUint(u.nextRequest.Add(1), 10))
	headers.Set(corev1.StreamType, corev1.StreamTypeError)
	errs, err := u.frames.CreateStream(headers.Clone(), nil, true)
	if err != nil {
		return nil, u.lost(err)
	}
	headers.Set(corev1.StreamType, corev1.StreamTypeData)
	data, err := u.frames.CreateStream(headers, nil, false)
	if err != nil {
		_ = errs.Reset()
		return nil, u.lost(err)
	}
	errsReply, dataReply := u.reply(ctx, errs), u.reply(ctx, data)
	if err := errors.Join(<-errsReply, <-dataReply); err != nil {
		_ = errs.Reset()
		_ = data.Reset()
		return nil, u.lost(err)
	}
	return u.adopt(t, data, errs), nil
}

// lost replaces what a dying connection makes of its calls.
func (u *upstream) lost(err error) error {
	if u.dead() {
		return ErrLost
	}
	return err
}

// adopt makes a connection of an opened pair.
func (u *upstream) adopt(t Target, data, errs *spdystream.Stream) *stream {
	s := newStream(u, t, data, errs)
	u.mu.Lock()
	u.streams[s] = struct{}{}
	u.mu.Unlock()
	s.start()
	if u.dead() {
		s.drop()
	}
	return s
}

func (u *upstream) forget(s *stream) {
	u.mu.Lock()
	delete(u.streams, s)
	u.mu.Unlock()
	u.killIfDone()
}

// reply waits for a stream's SYN_REPLY until ctx ends or the upstream dies.
// After that it listens a moment longer: a reset that is just being handled
// blocks a frame worker for ever when nobody takes it (spdystream's startChan
// has no buffer).
func (u *upstream) reply(ctx context.Context, s *spdystream.Stream) <-chan error {
	replied := make(chan error, 1)
	go func() {
		for {
			err := s.WaitTimeout(replyPoll)
			if !errors.Is(err, spdystream.ErrTimeout) {
				replied <- err
				return
			}
			if ctx.Err() != nil || u.dead() {
				break
			}
		}
		_ = s.Reset()
		replied <- errSlow
		_ = s.WaitTimeout(replyPoll)
	}()
	return replied
}
