package portforward

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"github.com/moby/spdystream"
	corev1 "k8s.io/api/core/v1"
)

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
