package proxy_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kftls/kubectl-kftls/pkg/ca"
	"github.com/kftls/kubectl-kftls/pkg/proxy"
	"github.com/kftls/kubectl-kftls/pkg/session"
)

const secret = "Sup3r|s3cret=="

// alice is a session in two parts, as oauth2-proxy splits it.
func alice() *session.Session {
	return &session.Session{
		User: "alice@example.com",
		Cookies: []session.Cookie{
			{Name: "oauth2_proxy_kubeflow_0", Value: secret}, {Name: "oauth2_proxy_kubeflow_1", Value: "rest"},
		},
	}
}

// scene is an endpoint in front of a Kubeflow that a handler plays.
type scene struct {
	*proxy.Proxy
	client *http.Client

	mu      sync.Mutex
	refused []error
	log     []string
}

func (s *scene) note(err error) { s.mu.Lock(); defer s.mu.Unlock(); s.refused = append(s.refused, err) }

func (s *scene) said() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return fmt.Sprint(s.refused, s.log)
}

// open starts the endpoint until the test ends. kubeflow is the handler, change
// what else is to be set.
func open(t *testing.T, kubeflow http.HandlerFunc, change func(*proxy.Options)) *scene {
	t.Helper()
	upstream := httptest.NewServer(kubeflow)
	t.Cleanup(upstream.Close)
	origin, err := url.Parse(upstream.URL)
	if err != nil {
		t.Fatal(err)
	}
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &scene{}
	transport := &http.Transport{DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	o := proxy.Options{
		Origin: origin, Transport: transport, Session: alice, LoginCommand: "kubectl kftls login", Refused: s.note,
		Port: socket.Addr().(*net.TCPAddr).AddrPort().Port(),
		Logf: func(format string, args ...any) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.log = append(s.log, fmt.Sprintf(format, args...))
		},
	}
	if change != nil {
		change(&o)
	}
	s.Proxy = proxy.New(o)
	own := &http.Transport{DisableCompression: true}
	if o.TLS != nil {
		own.TLSClientConfig = &tls.Config{RootCAs: o.TLS.RootCAs}
	}
	s.client = &http.Client{Transport: own, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	ctx, cancel := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := s.Serve(ctx, socket); err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	t.Cleanup(func() { own.CloseIdleConnections(); cancel(); serving.Wait() })
	return s
}

// answer is what a client got.
type answer struct {
	*http.Response
	body string
}

func (s *scene) get(t *testing.T, path string, header http.Header) answer {
	t.Helper()
	return s.ask(t, http.MethodGet, path, "", header)
}

func (s *scene) ask(t *testing.T, method, path, host string, header http.Header) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, strings.Replace(s.URL(), "localhost", "127.0.0.1", 1)+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if header != nil {
		request.Header = header
	}
	request.Host = host
	response, err := s.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{response, string(body)}
}

func TestCookies(t *testing.T) {
	var got http.Header
	s := open(t, func(w http.ResponseWriter, r *http.Request) {
		got = r.Header
		for _, line := range []string{
			"oauth2_proxy_kubeflow_0=new; Path=/; HttpOnly", "oauth2_proxy_kubeflow_csrf=c; Path=/", "oauth2_proxy_kubeflow=; Max-Age=0",
			"XSRF-TOKEN=x; Path=/jupyter; Secure; SameSite=None; Domain=kubeflow.example.com", "theme=dark",
		} {
			w.Header().Add("Set-Cookie", line)
		}
	}, nil)
	answer := s.get(t, "/", http.Header{"Cookie": {
		`oauth2_proxy_kubeflow=stale; XSRF-TOKEN="x y"; oauth2_proxy_kubeflow_2=stray`, "other=a=b|c",
	}})
	want := `XSRF-TOKEN="x y"; other=a=b|c; oauth2_proxy_kubeflow_0=` + secret + "; oauth2_proxy_kubeflow_1=rest"
	if cookies := got.Values("Cookie"); len(cookies) != 1 || cookies[0] != want {
		t.Errorf("Kubeflow got the cookies %q, want %q", cookies, want)
	}
	set := strings.Join(answer.Header.Values("Set-Cookie"), "\n")
	if want := "XSRF-TOKEN=x; Path=/jupyter\ntheme=dark"; set != want {
		t.Errorf("the client got\n%s\nwant\n%s", set, want)
	}
}

func TestOpenKubeflowGetsNoCookie(t *testing.T) {
	var got http.Header
	s := open(t, func(_ http.ResponseWriter, r *http.Request) { got = r.Header },
		func(o *proxy.Options) { o.Session = func() *session.Session { return nil } })
	s.get(t, "/", http.Header{"Cookie": {"own=1"}})
	if cookie := got.Get("Cookie"); cookie != "own=1" {
		t.Errorf("Kubeflow got the cookies %q, want the client's own", cookie)
	}
}

func TestRequestsAreKubeflows(t *testing.T) {
	var got *http.Request
	s := open(t, func(_ http.ResponseWriter, r *http.Request) { got = r },
		func(o *proxy.Options) { o.Origin.Host = strings.Replace(o.Origin.Host, "127.0.0.1", "localhost", 1) })
	answer := s.get(t, "/pipeline//runs/a%2Fb?q=a;b&c=%zz", http.Header{
		"Origin": {s.URL()}, "Referer": {s.URL() + "/jupyter/?x=1"}, "X-Forwarded-For": {"10.0.0.1"}, "X-Forwarded-Proto": {"https"},
	})
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("status %d: %s", answer.StatusCode, answer.body)
	}
	origin := s.Origin.String()
	for what, pair := range map[string][2]string{
		"Host":              {got.Host, s.Origin.Host},
		"Origin":            {got.Header.Get("Origin"), origin},
		"Referer":           {got.Header.Get("Referer"), origin + "/jupyter/?x=1"},
		"address":           {got.RequestURI, "/pipeline//runs/a%2Fb?q=a;b&c=%zz"},
		"X-Forwarded-For":   {got.Header.Get("X-Forwarded-For"), ""},
		"X-Forwarded-Proto": {got.Header.Get("X-Forwarded-Proto"), ""},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: Kubeflow got %q, want %q", what, pair[0], pair[1])
		}
	}
}

func TestLocationStaysHere(t *testing.T) {
	for location, want := range map[string]string{
		"/relative?x=1":                    "/relative?x=1",
		"https://kubeflow.test/a?b=c#d":    "LOCAL/a?b=c#d",
		"https://kubeflow.test:443/":       "LOCAL/",
		"http://kubeflow.test/app/":        "LOCAL/app/", // an application behind a load balancer
		"https://kubeflow.test:8443/":      "https://kubeflow.test:8443/",
		"http://kubeflow.test:8080/":       "http://kubeflow.test:8080/",
		"https://elsewhere.test/":          "https://elsewhere.test/",
		"//kubeflow.test/scheme-less":      "//kubeflow.test/scheme-less",
		"https://kubeflow.test.evil.test/": "https://kubeflow.test.evil.test/",
		"https://kubeflow.test@evil.test/": "https://kubeflow.test@evil.test/",
	} {
		kubeflow := roundTripper(func(r *http.Request) (*http.Response, error) {
			return &http.Response{
				StatusCode: http.StatusFound, Header: http.Header{"Location": {location}, "Strict-Transport-Security": {"max-age=1"}},
				Body: http.NoBody, Request: r,
			}, nil
		})
		s := open(t, nil, func(o *proxy.Options) {
			o.Origin, o.Transport = &url.URL{Scheme: "https", Host: "kubeflow.test"}, kubeflow
		})
		answer := s.get(t, "/", nil)
		local := strings.Replace(s.URL(), "localhost", "127.0.0.1", 1) // as the client calls it
		if got := answer.Header.Get("Location"); got != strings.Replace(want, "LOCAL", local, 1) {
			t.Errorf("%s became %s, want %s", location, got, want)
		}
		if hsts := answer.Header.Get("Strict-Transport-Security"); hsts != "" {
			t.Errorf("localhost was bound to https: %s", hsts)
		}
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestStreams sees the first part of an answer while the second is not sent.
func TestStreams(t *testing.T) {
	seen := make(chan struct{})
	s := open(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, "first")
		w.(http.Flusher).Flush()
		select {
		case <-seen:
		case <-r.Context().Done():
		}
		fmt.Fprintln(w, "second")
	}, nil)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL(), http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := s.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	lines := bufio.NewScanner(response.Body)
	if !lines.Scan() || lines.Text() != "first" {
		t.Fatalf("got %q, %v", lines.Text(), lines.Err())
	}
	close(seen)
	if !lines.Scan() || lines.Text() != "second" {
		t.Errorf("got %q, %v", lines.Text(), lines.Err())
	}
}

// TestUpgrade carries bytes both ways after a 101, as WebSockets need it.
func TestUpgrade(t *testing.T) {
	cookie := make(chan string, 1)
	s := open(t, func(w http.ResponseWriter, r *http.Request) {
		cookie <- r.Header.Get("Cookie")
		conn, stream, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = conn.Close() }()
		_, _ = conn.Write([]byte("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"))
		_, _ = io.Copy(conn, stream)
	}, nil)
	conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", fmt.Sprint(s.Port)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	fmt.Fprintf(conn, "GET /ws HTTP/1.1\r\nHost: localhost:%d\r\nOrigin: %s\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n", s.Port, s.URL())
	reader := bufio.NewReader(conn)
	response, err := http.ReadResponse(reader, nil)
	if err != nil || response.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("%+v, %v", response, err)
	}
	if got := <-cookie; !strings.Contains(got, secret) {
		t.Error("the upgrade was sent without the session")
	}
	fmt.Fprintln(conn, "to and fro")
	if line, err := reader.ReadString('\n'); err != nil || line != "to and fro\n" {
		t.Errorf("got %q, %v", line, err)
	}
}

func TestTLS(t *testing.T) {
	authority, err := ca.NewAuthority(ca.AuthorityOptions{Permit: ca.DefaultNames()})
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := authority.NewLeaf(ca.LeafOptions{Names: ca.DefaultNames()})
	if err != nil {
		t.Fatal(err)
	}
	certificate := tls.Certificate{Certificate: [][]byte{leaf.Certificate.Raw}, PrivateKey: leaf.Key}
	s := open(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Set-Cookie", "XSRF-TOKEN=x; Secure; SameSite=None")
		fmt.Fprint(w, r.Header.Get("Cookie"))
	}, func(o *proxy.Options) {
		o.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}, RootCAs: authority.Pool(), MinVersion: tls.VersionTLS12}
	})
	if !strings.HasPrefix(s.URL(), "https://localhost:") {
		t.Errorf("URL %s", s.URL())
	}
	answer := s.get(t, "/", http.Header{"Origin": {s.URL()}})
	if answer.StatusCode != http.StatusOK || !strings.Contains(answer.body, secret) {
		t.Errorf("status %d, %s", answer.StatusCode, answer.body)
	}
	if got := answer.Header.Get("Set-Cookie"); got != "XSRF-TOKEN=x; Secure; SameSite=None" {
		t.Errorf("Set-Cookie %q", got)
	}
	if answer := s.get(t, "/", http.Header{"Origin": {strings.Replace(s.URL(), "https:", "http:", 1)}}); answer.StatusCode != http.StatusForbidden {
		t.Errorf("a page over plain HTTP got status %d", answer.StatusCode)
	}
}
