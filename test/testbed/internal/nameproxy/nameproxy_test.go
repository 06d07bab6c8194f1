package nameproxy

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// startPod is a pod that says what it was asked.
func startPod(t *testing.T) string {
	t.Helper()
	pod := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s host=%s body=%s forwarded=%q proxy=%q",
			r.Method, r.RequestURI, r.Host, body, r.Header.Get("X-Forwarded-For"), r.Header.Get("Proxy-Connection"))
	}))
	t.Cleanup(pod.Close)
	return pod.Listener.Addr().String()
}

// startProxy serves New(resolve) and returns its address.
func startProxy(t *testing.T, resolve Resolve) string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	server := httptest.NewUnstartedServer(New(resolve))
	server.Config.BaseContext = func(net.Listener) context.Context { return ctx }
	server.Start()
	t.Cleanup(func() {
		cancel()
		server.Close()
	})
	return server.Listener.Addr().String()
}

func clientThrough(t *testing.T, proxyAddr string) *http.Client {
	t.Helper()
	transport := &http.Transport{Proxy: http.ProxyURL(&url.URL{Scheme: "http", Host: proxyAddr})}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 10 * time.Second}
}

func TestRequestsReachThePodUnderTheirName(t *testing.T) {
	podAddr := startPod(t)
	var asked []string
	proxyAddr := startProxy(t, func(host string, port int) (string, bool) {
		asked = append(asked, fmt.Sprintf("%s:%d", host, port))
		return podAddr, true
	})
	client := clientThrough(t, proxyAddr)

	answer, err := client.Post("http://Dex.auth.svc.cluster.local.:5556/dex/token?a=b", "text/plain", strings.NewReader("code"))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	got, _ := io.ReadAll(answer.Body)
	want := `POST /dex/token?a=b host=Dex.auth.svc.cluster.local.:5556 body=code forwarded="" proxy=""`
	if string(got) != want {
		t.Errorf("the pod was asked\n%s, want\n%s", got, want)
	}
	if len(asked) != 1 || asked[0] != "dex.auth.svc.cluster.local:5556" {
		t.Errorf("resolved %q", asked)
	}
}

func TestTheDefaultPortIs80(t *testing.T) {
	podAddr := startPod(t)
	client := clientThrough(t, startProxy(t, func(_ string, port int) (string, bool) { return podAddr, port == 80 }))
	answer, err := client.Get("http://oauth2-proxy.oauth2-proxy.svc.cluster.local/ping")
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Errorf("status %d", answer.StatusCode)
	}
}

func TestWhatItCannotReach(t *testing.T) {
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refused := nobody.Addr().String()
	nobody.Close()

	tests := []struct {
		name string
		addr string
		ok   bool
		text string
	}{
		{"unknown name", "", false, "dex.auth.svc:5556 is no Service of this testbed, or none of its pods is ready"},
		{"another machine", "192.0.2.1:5556", true, "dex.auth.svc:5556 leads to 192.0.2.1:5556, which is not loopback"},
		{"every address", "0.0.0.0:5556", true, "which is not loopback"},
		{"mapped address of another machine", "[::ffff:192.0.2.1]:5556", true, "which is not loopback"},
		{"a name again", "localhost:5556", true, `leads to "localhost:5556", which is no address`},
		{"nobody listens", refused, true, "connection refused"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			proxyAddr := startProxy(t, func(string, int) (string, bool) { return tt.addr, tt.ok })
			answer, err := clientThrough(t, proxyAddr).Get("http://dex.auth.svc:5556/dex/keys")
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			body, _ := io.ReadAll(answer.Body)
			if answer.StatusCode != http.StatusBadGateway || !strings.Contains(string(body), tt.text) {
				t.Errorf("HTTP: %d %s, want 502 with %q", answer.StatusCode, body, tt.text)
			}
			conn, reply := connect(t, proxyAddr, "dex.auth.svc:5556", "")
			defer conn.Close()
			defer reply.Body.Close()
			body, _ = io.ReadAll(reply.Body)
			if reply.StatusCode != http.StatusBadGateway || !strings.Contains(string(body), tt.text) {
				t.Errorf("CONNECT: %d %s, want 502 with %q", reply.StatusCode, body, tt.text)
			}
		})
	}
}

func TestRequestsThatAreNotForAProxy(t *testing.T) {
	handler := New(func(string, int) (string, bool) { t.Error("resolved"); return "", false })
	for _, target := range []string{"/dex/keys", "https://dex.auth.svc/dex/keys", "ftp://dex.auth.svc/"} {
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, target, nil))
		if recorder.Code != http.StatusBadRequest {
			t.Errorf("%s: %d, want 400", target, recorder.Code)
		}
	}
}

func TestConnectToNoPort(t *testing.T) {
	proxyAddr := startProxy(t, func(string, int) (string, bool) { t.Error("resolved"); return "", false })
	for _, target := range []string{"dex.auth.svc:0", "dex.auth.svc:65536", "dex.auth.svc:http"} {
		conn, reply := connect(t, proxyAddr, target, "")
		body, _ := io.ReadAll(reply.Body)
		reply.Body.Close()
		conn.Close()
		// net/http itself refuses a target whose port is no number.
		if reply.StatusCode != http.StatusBadGateway && reply.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %d %s", target, reply.StatusCode, body)
		}
	}
}

func TestTunnelCarriesBothDirectionsAndTheEnd(t *testing.T) {
	pod, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer pod.Close()
	heard := make(chan string, 1)
	go func() { // answers only once the client has finished speaking
		conn, err := pod.Accept()
		if err != nil {
			heard <- err.Error()
			return
		}
		defer conn.Close()
		all, _ := io.ReadAll(conn)
		heard <- string(all)
		io.WriteString(conn, "good bye")
	}()
	proxyAddr := startProxy(t, func(string, int) (string, bool) { return pod.Addr().String(), true })

	// "early" travels in the same packet as the CONNECT.
	conn, reply := connect(t, proxyAddr, "dex.auth.svc:5556", "early ")
	defer conn.Close()
	if reply.StatusCode != http.StatusOK {
		t.Fatalf("CONNECT: %s", reply.Status)
	}
	io.WriteString(conn, "late")
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got := <-heard; got != "early late" {
		t.Errorf("the pod heard %q", got)
	}
	conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	if got, err := io.ReadAll(conn); err != nil || string(got) != "good bye" {
		t.Errorf("the client heard %q, %v", got, err)
	}
}

func TestTunnelEndsWithItsContext(t *testing.T) {
	pod, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer pod.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	server := httptest.NewUnstartedServer(New(func(string, int) (string, bool) { return pod.Addr().String(), true }))
	server.Config.BaseContext = func(net.Listener) context.Context { return ctx }
	server.Start()
	defer server.Close()

	conn, reply := connect(t, server.Listener.Addr().String(), "dex.auth.svc:5556", "")
	defer conn.Close()
	if reply.StatusCode != http.StatusOK {
		t.Fatalf("CONNECT: %s", reply.Status)
	}
	podSide, err := pod.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer podSide.Close()
	cancel()
	for name, side := range map[string]net.Conn{"client": conn, "pod": podSide} {
		side.SetReadDeadline(time.Now().Add(10 * time.Second))
		if _, err := side.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("the %s's side is still open: %v", name, err)
		}
	}
}

// connect asks the proxy for a tunnel, with more bytes right behind the request.
func connect(t *testing.T, proxyAddr, target, more string) (net.Conn, *http.Response) {
	t.Helper()
	conn, err := net.DialTimeout("tcp", proxyAddr, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n%s", target, target, more)
	// A reader of one byte takes nothing that belongs to the tunnel.
	reply, err := http.ReadResponse(bufio.NewReaderSize(&oneByte{conn}, 16), &http.Request{Method: http.MethodConnect})
	if err != nil {
		conn.Close()
		t.Fatal(err)
	}
	return conn, reply
}

type oneByte struct{ io.Reader }

func (o *oneByte) Read(p []byte) (int, error) { return o.Reader.Read(p[:1]) }
