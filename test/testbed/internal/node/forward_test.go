package node

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// pipeStream is a forwarded stream whose other end the test holds.
func pipeStream(t *testing.T) (stream, client net.Conn) {
	t.Helper()
	stream, client = net.Pipe()
	t.Cleanup(func() { stream.Close(); client.Close() })
	return stream, client
}

func TestPortForwardTexts(t *testing.T) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := int32(listener.Addr().(*net.TCPAddr).Port)
	listener.Close() // nobody listens there now
	id := digest("x")
	ended := make(chan struct{})
	s := &podSandbox{id: id, address: "127.0.0.1", closed: ended}
	stream, _ := pipeStream(t)
	err = s.PortForward(t.Context(), id, "", port, stream)
	want := "failed to connect to localhost:" + itoa(port) + ` inside namespace "` + id + `", IPv4: dial tcp4 127.0.0.1:` + itoa(port) + ": connect: connection refused"
	if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), `failed to execute portforward in network namespace "/var/run/netns/cni-`) {
		t.Errorf("refused: %v, want %q in it", err, want)
	}
	close(ended)
	stream, _ = pipeStream(t)
	err = s.PortForward(t.Context(), id, "", port, stream)
	if want := `network namespace for sandbox "` + id + `" is closed`; err == nil || err.Error() != want {
		t.Errorf("gone: %v, want %q", err, want)
	}
}

func TestPortForwardCopies(t *testing.T) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		data := make([]byte, 4)
		if _, err := io.ReadFull(conn, data); err == nil {
			_, _ = conn.Write([]byte("pong"))
		}
	}()
	s := &podSandbox{id: digest("x"), address: "127.0.0.1"}
	stream, client := pipeStream(t)
	done := make(chan error, 1)
	go func() {
		done <- s.PortForward(t.Context(), s.id, "", int32(listener.Addr().(*net.TCPAddr).Port), stream)
	}()
	if _, err := client.Write([]byte("ping")); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(client)
	if err != nil || string(got) != "pong" {
		t.Errorf("got %q, %v", got, err)
	}
	if err := <-done; err != nil {
		t.Errorf("PortForward = %v", err)
	}
}

// A pod that never answers loses its client a second after the client's half is closed.
func TestPortForwardLingers(t *testing.T) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	closed := make(chan time.Time, 1)
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = io.Copy(io.Discard, conn)
		closed <- time.Now()
	}()
	s := &podSandbox{id: digest("x"), address: "127.0.0.1"}
	half := halfClosed{}
	begin := time.Now()
	if err := s.PortForward(t.Context(), s.id, "", int32(listener.Addr().(*net.TCPAddr).Port), half); err != nil {
		t.Errorf("PortForward = %v", err)
	}
	if took := (<-closed).Sub(begin); took < lingering {
		t.Errorf("the pod's connection was closed after %v, want at least %v", took, lingering)
	}
}

// halfClosed is a stream whose client has sent all.
type halfClosed struct{}

func (halfClosed) Read([]byte) (int, error)    { return 0, io.EOF }
func (halfClosed) Write(p []byte) (int, error) { return len(p), nil }
func (halfClosed) Close() error                { return nil }
