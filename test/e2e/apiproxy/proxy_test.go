package apiproxy

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

const limit = 10 * time.Second

// start puts a proxy before a server that counts what it is asked.
func start(t *testing.T) (proxy *Proxy, asked *atomic.Int64) {
	t.Helper()
	asked = &atomic.Int64{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if r.Header.Get("Upgrade") != "" {
			echo(w)
			return
		}
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %s", r.Method, r.URL.RequestURI(), body)
	}))
	t.Cleanup(server.Close)
	proxy, err := Start(&rest.Config{Host: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = proxy.Close() })
	return proxy, asked
}

// echo switches protocols and sends back a line.
func echo(w http.ResponseWriter) {
	conn, stream, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	fmt.Fprint(stream, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
	_ = stream.Flush()
	line, _ := stream.ReadString('\n')
	fmt.Fprint(stream, line)
	_ = stream.Flush()
}

func send(ctx context.Context, proxy *Proxy, method, path, body string) (int, string, error) {
	request, err := http.NewRequestWithContext(ctx, method, proxy.URL+path, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(text), err
}

func TestWritesAreCounted(t *testing.T) {
	proxy, _ := start(t)
	cut := NewCut(0, Before)
	proxy.Use(cut.Hooks())
	for _, line := range []string{
		"GET /api/v1/pods", "PATCH /apis/x/y?dryRun=All", "PATCH /apis/x/y?fieldManager=z",
		"POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews", "POST /api/v1/namespaces/a/pods/b/portforward",
		`DELETE /api/v1/x {"dryRun":["All"]}`, `DELETE /api/v1/x {"preconditions":{}}`, "POST /api/v1/y",
	} {
		parts := append(strings.SplitN(line, " ", 3), "")
		_, text, err := send(t.Context(), proxy, parts[0], parts[1], parts[2])
		if err != nil || strings.TrimSpace(text) != line {
			t.Errorf("%s became %q (%v)", line, text, err)
		}
	}
	want := []string{"PATCH /apis/x/y?fieldManager=z", "DELETE /api/v1/x", "POST /api/v1/y"}
	if got := cut.Writes(); !reflect.DeepEqual(got, want) {
		t.Errorf("writes %q, want %q", got, want)
	}
}

func TestACutIsBeforeOrAfterTheServer(t *testing.T) {
	for side, want := range map[Side]int64{Before: 1, After: 2} {
		t.Run(string(side), func(t *testing.T) {
			proxy, asked := start(t)
			cut := NewCut(2, side)
			proxy.Use(cut.Hooks())
			if _, _, err := send(t.Context(), proxy, http.MethodPost, "/first", "x"); err != nil {
				t.Fatal(err)
			}
			ctx, kill := context.WithCancel(t.Context())
			gone := make(chan error, 1)
			go func() {
				_, _, err := send(ctx, proxy, http.MethodPost, "/second", "x")
				gone <- err
			}()
			select {
			case <-cut.Held():
			case <-time.After(limit):
				t.Fatal("it was not held")
			}
			kill()
			if err := <-gone; !errors.Is(err, context.Canceled) {
				t.Errorf("the client ended with %v", err)
			}
			if err := proxy.server.Shutdown(t.Context()); err != nil { // it waits for what was held
				t.Fatal(err)
			}
			if got := asked.Load(); got != want {
				t.Errorf("the server was asked %d times, want %d", got, want)
			}
		})
	}
}

func TestHooksRefuseAndCut(t *testing.T) {
	proxy, asked := start(t)
	var done atomic.Int64
	proxy.Use(Hooks{
		Before: func(c *Call) error {
			switch c.Request.URL.Path {
			case "/busy":
				return &Refusal{Status: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"1"}}, Body: "later"}
			case "/cut":
				return ErrCut
			}
			return nil
		},
		After: func(c *Call, answer *http.Response) error {
			if c.Request.URL.Path == "/unheard" {
				return ErrCut
			}
			answer.StatusCode = http.StatusAccepted
			return nil
		},
		Done: func(*Call) { done.Add(1) },
	})
	if status, text, err := send(t.Context(), proxy, http.MethodGet, "/busy", ""); status != http.StatusTooManyRequests || text != "later" || err != nil {
		t.Errorf("/busy: %d %q %v", status, text, err)
	}
	for _, path := range []string{"/cut", "/unheard"} {
		if status, _, err := send(t.Context(), proxy, http.MethodPost, path, "x"); err == nil {
			t.Errorf("%s: answered with %d", path, status)
		}
	}
	if status, _, err := send(t.Context(), proxy, http.MethodGet, "/", ""); status != http.StatusAccepted || err != nil {
		t.Errorf("/: %d %v", status, err)
	}
	if asked.Load() != 2 || done.Load() != 4 {
		t.Errorf("the server was asked %d times, want 2; %d calls were done, want 4", asked.Load(), done.Load())
	}
}

func TestUpgradesPass(t *testing.T) {
	proxy, _ := start(t)
	conn, err := net.DialTimeout("tcp", strings.TrimPrefix(proxy.URL, "http://"), limit)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(limit))
	fmt.Fprint(conn, "POST /portforward HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\nContent-Length: 0\r\n\r\n")
	reader := bufio.NewReader(conn)
	answer, err := http.ReadResponse(reader, nil)
	if err != nil || answer.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("%v %v", answer, err)
	}
	fmt.Fprint(conn, "hello\n")
	if line, err := reader.ReadString('\n'); line != "hello\n" {
		t.Errorf("%q came back (%v)", line, err)
	}
}

func TestTheKubeconfigLeadsToTheProxy(t *testing.T) {
	proxy, _ := start(t)
	file := filepath.Join(t.TempDir(), "kubeconfig")
	if err := proxy.WriteKubeconfig(file); err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.BuildConfigFromFlags("", file)
	if err != nil || config.Host != proxy.URL {
		t.Errorf("it leads to %v (%v), want %s", config, err, proxy.URL)
	}
}
