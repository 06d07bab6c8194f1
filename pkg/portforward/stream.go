package portforward

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/moby/spdystream"
)

const (
	// chunk is the most that goes into one data frame, in bytes. Larger frames
	// than client-go's 32 KiB cost less CPU; the format allows 16 MiB.
	chunk = 64 << 10
	// maxErrorText bounds the node's error text, in bytes.
	maxErrorText = 64 << 10
	// errorGrace is how long the end of the data waits for the node's error
	// text, and the text for the end of the data. Both come in one go, but
	// spdystream handles them in different goroutines.
	errorGrace = 500 * time.Millisecond
	// readerPatience is how long a frame may wait for its reader before new
	// streams take another upstream.
	readerPatience = 250 * time.Millisecond
)

var chunks = sync.Pool{New: func() any { b := make([]byte, chunk); return &b }}

// stream is one connection to a port of a pod. Its reads, writes and deadlines
// never touch those of other streams: spdystream's own deadlines are those of
// the whole connection.
type stream struct {
	upstream   *upstream
	target     Target
	data, errs *spdystream.Stream

	readMu sync.Mutex
	rest   []byte      // of the frame being read
	frames chan []byte // from pump to Read
	ended  chan struct{}
	endErr error // why the data ended; set before ended is closed

	refused  chan struct{} // closed when the node's last word is known
	lastWord error         // *RemoteError, ErrLost or nil; set before refused is closed

	writeTurn chan struct{} // held by the one Write or CloseWrite at work
	writing   sync.Once
	inFlight  bool // a chunk's result is still to come; guarded by writeTurn
	halfDone  bool // CloseWrite was called; guarded by writeTurn
	out       chan outgoing
	sent      chan error

	readDeadline, writeDeadline *deadline

	closing sync.Once
	closed  chan struct{}
}

// outgoing is one data frame: bytes in a pooled buffer, or the FIN.
type outgoing struct {
	buffer *[]byte
	length int
}

func newStream(u *upstream, t Target, data, errs *spdystream.Stream) *stream {
	return &stream{
		upstream: u, target: t, data: data, errs: errs,
		frames:    make(chan []byte),
		ended:     make(chan struct{}),
		refused:   make(chan struct{}),
		writeTurn: make(chan struct{}, 1),
		out:       make(chan outgoing),
		sent:      make(chan error, 1),
		closed:    make(chan struct{}),

		readDeadline: newDeadline(), writeDeadline: newDeadline(),
	}
}

func (s *stream) start() {
	go s.listen()
	go s.pump()
}

// listen reads the error stream: empty when all went well.
func (s *stream) listen() {
	text, _ := io.ReadAll(io.LimitReader(s.errs, maxErrorText))
	switch {
	case len(text) > 0:
		remote := &RemoteError{Target: s.target, Text: string(text)}
		s.lastWord = remote
		if remote.Gone() {
			s.upstream.retire()
		}
	case s.upstream.dead():
		s.lastWord = ErrLost
	}
	close(s.refused)
	if len(text) == 0 {
		return
	}
	// Old runtimes leave the data stream open after an error.
	if !s.waitFor(s.ended, errorGrace) {
		_ = s.data.Reset()
	}
}

// waitFor waits for a channel, but not beyond the stream's or upstream's end.
func (s *stream) waitFor(c <-chan struct{}, limit time.Duration) bool {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-c:
		return true
	case <-s.closed:
	case <-s.upstream.gone:
	case <-timer.C:
	}
	return false
}

// pump hands frames to Read, one at a time, and says at last how it ended.
func (s *stream) pump() {
	defer close(s.ended)
	for {
		frame, err := s.data.ReadData()
		if err != nil {
			s.endErr = s.verdict()
			return
		}
		if !s.handOver(frame) {
			s.endErr = net.ErrClosed
			return
		}
	}
}

// handOver waits until Read takes a frame; false means that the stream was
// closed. A reader that takes its time holds up everything that comes in on
// the same connection, so new streams are sent to another one then.
func (s *stream) handOver(frame []byte) bool {
	select {
	case s.frames <- frame:
		return true
	default:
	}
	patience := time.NewTimer(readerPatience)
	defer patience.Stop()
	for {
		select {
		case s.frames <- frame:
			return true
		case <-s.closed:
			return false
		case <-patience.C:
			s.upstream.retire()
		}
	}
}

// verdict tells an orderly end from a broken one.
func (s *stream) verdict() error {
	if s.upstream.dead() {
		return ErrLost
	}
	if s.waitFor(s.refused, errorGrace) && s.lastWord != nil {
		return s.lastWord
	}
	return io.EOF
}

// Read returns io.EOF when the pod ended its side in order, a *RemoteError
// with the node's text, or ErrLost.
func (s *stream) Read(p []byte) (int, error) {
	s.readMu.Lock()
	defer s.readMu.Unlock()
	passed := s.readDeadline.wait()
	switch {
	case isClosed(s.closed):
		return 0, s.opError("read", net.ErrClosed)
	case isClosed(passed):
		return 0, s.opError("read", os.ErrDeadlineExceeded)
	case len(p) == 0:
		return 0, nil
	}
	for len(s.rest) == 0 {
		select {
		case s.rest = <-s.frames:
		case <-s.ended:
			if errors.Is(s.endErr, io.EOF) {
				return 0, io.EOF
			}
			return 0, s.opError("read", s.endErr)
		case <-s.closed:
			return 0, s.opError("read", net.ErrClosed)
		case <-passed:
			return 0, s.opError("read", os.ErrDeadlineExceeded)
		}
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// Close ends both directions and does not wait for the peer.
func (s *stream) Close() error {
	err := net.ErrClosed
	s.closing.Do(func() {
		err = nil
		close(s.closed)
		go func() {
			s.drop()
			s.upstream.forget(s)
		}()
	})
	if err != nil {
		return s.opError("close", err)
	}
	return nil
}

// drop takes both streams out of the connection. The data stream is cancelled
// explicitly after a half-close: spdystream sends no reset then.
func (s *stream) drop() {
	halfClosed := s.data.IsFinished()
	_ = s.data.Reset()
	if halfClosed && !isClosed(s.ended) {
		_ = s.data.Cancel()
	}
	_ = s.errs.Reset()
}

// opError is what a net.Conn's errors look like. A RemoteError names its target
// itself.
func (s *stream) opError(op string, err error) error {
	if _, ok := errors.AsType[*RemoteError](err); ok {
		return err
	}
	return &net.OpError{Op: op, Net: addrNetwork, Addr: s.RemoteAddr(), Err: err}
}

const addrNetwork = "portforward"

// addr is a target as an address.
type addr string

func (a addr) Network() string { return addrNetwork }
func (a addr) String() string  { return string(a) }

// LocalAddr is the address of the connection to the API server.
func (s *stream) LocalAddr() net.Addr { return s.upstream.wire.LocalAddr() }

// RemoteAddr is the target.
func (s *stream) RemoteAddr() net.Addr { return addr(s.target.String()) }

// SetDeadline sets both deadlines of this connection alone.
func (s *stream) SetDeadline(t time.Time) error {
	s.readDeadline.set(t)
	s.writeDeadline.set(t)
	return nil
}

// SetReadDeadline sets the deadline of Read; the zero time means never.
func (s *stream) SetReadDeadline(t time.Time) error {
	s.readDeadline.set(t)
	return nil
}

// SetWriteDeadline sets the deadline of Write; the zero time means never.
func (s *stream) SetWriteDeadline(t time.Time) error {
	s.writeDeadline.set(t)
	return nil
}
