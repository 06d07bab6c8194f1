package portforward_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gorilla "github.com/gorilla/websocket"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	tunnel "k8s.io/client-go/tools/portforward"
	nodeside "k8s.io/cri-streaming/pkg/streaming/portforward"
	"k8s.io/klog/v2"
	"k8s.io/streaming/pkg/httpstream/spdy"
	"k8s.io/streaming/pkg/httpstream/wsstream"

	"github.com/kftls/kubectl-kftls/pkg/portforward"
)

// chain is the road of a port-forward in one process: an HTTPS server that
// answers as the API server does, the libraries of kubelet and container
// runtime behind it, a relay in front whose line can be cut or held.
type chain struct {
	t      *testing.T
	relay  *relay
	server *httptest.Server
	Config *rest.Config

	mu       sync.Mutex
	backends map[string]string // pod:port → TCP address
	pods     map[string]bool

	// answer, where set, may refuse an upgrade: it returns a code other than 0.
	answer func(*http.Request) (code int, body []byte)

	gets, posts atomic.Int32
	tokens      sync.Map
}

func newChain(t *testing.T) *chain {
	t.Helper()
	c := &chain{t: t, backends: map[string]string{}, pods: map[string]bool{}}
	c.server = httptest.NewUnstartedServer(c)
	c.server.Config.ErrorLog = nil
	c.server.StartTLS()
	t.Cleanup(c.server.Close)
	c.relay = newRelay(t, c.server.Listener.Addr().String())
	c.Config = &rest.Config{
		Host:        "https://" + c.relay.Addr(),
		BearerToken: "let-me-in",
		TLSClientConfig: rest.TLSClientConfig{
			CAData: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.server.Certificate().Raw}),
		},
	}
	return c
}

func init() {
	// The node's libraries report every refused connection; they would drown
	// the tests' own output.
	klog.SetLogger(klog.Logger{})
}

// Dialer is a Dialer of the package under test that is closed with the test.
func (c *chain) Dialer(transport portforward.Transport) portforward.Dialer {
	d := portforward.NewDialer(c.Config, portforward.Options{Transport: transport, Logf: c.t.Logf})
	c.t.Cleanup(func() { _ = d.Close() })
	return d
}

// Backend puts a TCP server behind a port of a pod.
func (c *chain) Backend(pod string, port uint16, serve func(net.Conn)) portforward.Target {
	c.t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				serve(conn)
			}()
		}
	}()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pods[pod] = true
	c.backends[fmt.Sprintf("%s:%d", pod, port)] = listener.Addr().String()
	return portforward.Target{Namespace: "istio-system", Pod: pod, Port: port}
}

func echo(conn net.Conn) { _, _ = io.Copy(conn, conn) }

// RemovePod makes the pod unknown, as after its deletion.
func (c *chain) RemovePod(pod string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.pods, pod)
}

func (c *chain) podOf(path string) string {
	return strings.TrimSuffix(strings.TrimPrefix(path, "/api/v1/namespaces/istio-system/pods/"), "/portforward")
}

// ServeHTTP answers upgrade requests as the API server does.
func (c *chain) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		c.gets.Add(1)
	} else {
		c.posts.Add(1)
	}
	c.tokens.Store(r.Header.Get("Authorization"), true)
	if c.answer != nil {
		if code, body := c.answer(r); code != 0 {
			w.WriteHeader(code)
			_, _ = w.Write(body)
			return
		}
	}
	pod := c.podOf(r.URL.Path)
	c.mu.Lock()
	known := c.pods[pod]
	c.mu.Unlock()
	if !known {
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write(failure(http.StatusNotFound, metav1.StatusReasonNotFound, fmt.Sprintf("pods %q not found", pod)))
		return
	}
	if wsstream.IsWebSocketRequest(r) {
		c.untunnel(w, r, pod)
		return
	}
	c.serveNode(w, r, pod)
}

func (c *chain) serveNode(w http.ResponseWriter, r *http.Request, pod string) {
	nodeside.ServePortForward(w, r, c, pod, "", nil, time.Hour, 30*time.Second, nodeside.SupportedProtocols)
}

// untunnel does what kubelet does with a WebSocket: it serves the SPDY
// connection inside.
func (c *chain) untunnel(w http.ResponseWriter, r *http.Request, pod string) {
	upgrader := gorilla.Upgrader{
		Subprotocols: []string{nodeside.WebsocketsSPDYTunnelingPortForwardV1},
		CheckOrigin:  func(*http.Request) bool { return true },
	}
	conn, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	inner := r.Clone(r.Context())
	inner.Method = http.MethodPost
	inner.Header = http.Header{
		"Connection":                {"Upgrade"},
		"Upgrade":                   {spdy.HeaderSpdy31},
		"X-Stream-Protocol-Version": {nodeside.ProtocolV1Name},
	}
	c.serveNode(&tunnelWriter{conn: tunnel.NewTunnelingConnectionWithLogger(klog.Logger{}, conn)}, inner, pod)
}

// tunnelWriter gives a WebSocket to a handler that wants to upgrade.
type tunnelWriter struct {
	conn   net.Conn
	header http.Header
}

func (w *tunnelWriter) Header() http.Header {
	if w.header == nil {
		w.header = http.Header{}
	}
	return w.header
}
func (w *tunnelWriter) WriteHeader(int)             {}
func (w *tunnelWriter) Write(p []byte) (int, error) { return len(p), nil }
func (w *tunnelWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return w.conn, bufio.NewReadWriter(bufio.NewReader(w.conn), bufio.NewWriter(w.conn)), nil
}

// PortForward copies as containerd does: both ways, and one second after the
// first way ended it closes everything (sandbox_portforward_linux.go).
func (c *chain) PortForward(_ context.Context, pod, _ string, port int32, stream io.ReadWriteCloser) error {
	c.mu.Lock()
	address, known := c.backends[fmt.Sprintf("%s:%d", pod, port)], c.pods[pod]
	c.mu.Unlock()
	if !known {
		return fmt.Errorf("failed to find sandbox %q in store: not found", pod)
	}
	if address == "" {
		return fmt.Errorf("failed to connect to localhost:%d inside namespace %q, IPv4: dial tcp4 127.0.0.1:%d: connect: connection refused", port, pod, port)
	}
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	ends := make(chan error, 2)
	go func() {
		_, err := io.Copy(stream, conn)
		ends <- err
	}()
	go func() {
		_, err := io.Copy(conn, stream)
		_ = conn.(*net.TCPConn).CloseWrite()
		ends <- err
	}()
	first := <-ends
	select {
	case second := <-ends:
		if first == nil {
			first = second
		}
	case <-time.After(time.Second):
	}
	return first
}

// failure is a Status as the API server writes it.
func failure(code int, reason metav1.StatusReason, message string) []byte {
	body, err := json.Marshal(metav1.Status{
		TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"},
		Status:   metav1.StatusFailure, Code: int32(code), Reason: reason, Message: message,
	})
	if err != nil {
		panic(err)
	}
	return body
}

// relay is a line between client and server that can be cut or held.
type relay struct {
	listener net.Listener
	target   string

	mu    sync.Mutex
	conns []net.Conn
	held  chan struct{} // open while the line is held
}

func newRelay(t *testing.T, target string) *relay {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{listener: listener, target: target, held: make(chan struct{})}
	close(r.held)
	go r.accept()
	t.Cleanup(func() {
		_ = listener.Close()
		r.Release()
		r.Cut()
	})
	return r
}

func (r *relay) Addr() string { return r.listener.Addr().String() }

func (r *relay) accept() {
	for {
		client, err := r.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", r.target)
		if err != nil {
			_ = client.Close()
			continue
		}
		r.mu.Lock()
		r.conns = append(r.conns, client, server)
		r.mu.Unlock()
		go r.copy(client, server)
		go r.copy(server, client)
	}
}

func (r *relay) copy(to, from net.Conn) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		r.mu.Lock()
		held := r.held
		r.mu.Unlock()
		<-held
		if _, writeErr := to.Write(buffer[:n]); err != nil || writeErr != nil {
			_ = to.Close()
			_ = from.Close()
			return
		}
	}
}

// Hold stops the forwarding of every byte, without an end: a black hole.
func (r *relay) Hold() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.held = make(chan struct{})
}

// Release lets the bytes flow again.
func (r *relay) Release() {
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case <-r.held:
	default:
		close(r.held)
	}
}

// Cut closes every connection on the line.
func (r *relay) Cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, conn := range r.conns {
		_ = conn.Close()
	}
	r.conns = nil
}

// Connections is how many connections were made and not cut.
func (r *relay) Connections() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.conns) / 2
}

// dial opens a connection that is closed with the test.
func dial(t *testing.T, d portforward.Dialer, target portforward.Target) net.Conn {
	t.Helper()
	conn, err := d.DialTarget(t.Context(), target)
	if err != nil {
		t.Fatalf("dial %s: %v", target, err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// exchange sends text and expects it back.
func exchange(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	if err := tryExchange(conn, text); err != nil {
		t.Fatalf("exchange %q: %v", text, err)
	}
}

func tryExchange(conn net.Conn, text string) error {
	return tryExchangeWithin(conn, text, 20*time.Second)
}

func tryExchangeWithin(conn net.Conn, text string, limit time.Duration) error {
	if err := conn.SetDeadline(time.Now().Add(limit)); err != nil {
		return err
	}
	if _, err := io.WriteString(conn, text); err != nil {
		return err
	}
	back := make([]byte, len(text))
	if _, err := io.ReadFull(conn, back); err != nil {
		return err
	}
	if !bytes.Equal(back, []byte(text)) {
		return fmt.Errorf("got %q back", back)
	}
	return conn.SetDeadline(time.Time{})
}

var transports = []portforward.Transport{portforward.WebSocket, portforward.SPDY}

// forTransports runs a test over each transport.
func forTransports(t *testing.T, run func(*testing.T, portforward.Transport)) {
	for _, transport := range slices.Clone(transports) {
		t.Run(string(transport), func(t *testing.T) { run(t, transport) })
	}
}
