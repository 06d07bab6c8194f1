package portforward

import (
	"io"
	"net"
	"os"
)

// Write sends p in frames of at most 64 KiB. After a missed deadline the last
// frame may still go out, as with TLS: close the connection then. There is no
// flow control per stream: Write blocks while the connection to the API server
// is full.
func (s *stream) Write(p []byte) (int, error) {
	if err := s.takeTurn(); err != nil {
		return 0, s.opError("write", err)
	}
	defer s.endTurn()
	written := 0
	for written < len(p) {
		buffer := chunks.Get().(*[]byte)
		n := copy(*buffer, p[written:])
		if err := s.send(outgoing{buffer, n}); err != nil {
			return written, s.opError("write", err)
		}
		written += n
	}
	return written, nil
}

// CloseWrite ends this side's data with a FIN. containerd, and so most nodes,
// closes the whole connection one second later, whatever the pod still has to
// say (sandbox_portforward_linux.go).
func (s *stream) CloseWrite() error {
	if err := s.takeTurn(); err != nil {
		return s.opError("close", err)
	}
	defer s.endTurn()
	s.halfDone = true
	if err := s.send(outgoing{}); err != nil {
		return s.opError("close", err)
	}
	return nil
}

// takeTurn waits for a Write that is at work.
func (s *stream) takeTurn() error {
	passed := s.writeDeadline.wait()
	switch {
	case isClosed(s.closed):
		return net.ErrClosed
	case isClosed(passed):
		return os.ErrDeadlineExceeded
	}
	select {
	case s.writeTurn <- struct{}{}:
	case <-s.closed:
		return net.ErrClosed
	case <-passed:
		return os.ErrDeadlineExceeded
	}
	if s.halfDone {
		s.endTurn()
		return io.ErrClosedPipe
	}
	return nil
}

func (s *stream) endTurn() { <-s.writeTurn }

// send gives one frame to the sender and waits until it is on the wire. The
// sender owns the buffer from then on, so a missed deadline leaves no trace in
// the caller's memory.
func (s *stream) send(o outgoing) error {
	if isClosed(s.refused) {
		return s.writeEnd()
	}
	s.writing.Do(func() { go s.sender() })
	if s.inFlight {
		if err := s.awaitSent(); err != nil {
			return err
		}
	}
	select {
	case s.out <- o:
		s.inFlight = true
		return s.awaitSent()
	case <-s.refused:
		return s.writeEnd()
	case <-s.upstream.gone:
		return ErrLost
	case <-s.closed:
		return net.ErrClosed
	}
}

func (s *stream) awaitSent() error {
	select {
	case err := <-s.sent:
		s.inFlight = false
		if err != nil {
			return s.upstream.lost(err)
		}
		return nil
	case <-s.upstream.gone:
		return ErrLost
	case <-s.closed:
		return net.ErrClosed
	case <-s.writeDeadline.wait():
		return os.ErrDeadlineExceeded
	}
}

// writeEnd is the error of a write after the node has ended the forward.
func (s *stream) writeEnd() error {
	if s.lastWord != nil {
		return s.lastWord
	}
	return io.ErrClosedPipe
}

// sender writes frames until the stream or the upstream ends.
func (s *stream) sender() {
	for {
		select {
		case o := <-s.out:
			s.sent <- s.transmit(o)
		case <-s.closed:
			return
		case <-s.upstream.gone:
			return
		}
	}
}

func (s *stream) transmit(o outgoing) error {
	if o.buffer == nil {
		return s.data.Close()
	}
	defer chunks.Put(o.buffer)
	return s.data.WriteData((*o.buffer)[:o.length], false)
}
