package diagnose

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/kftls/kubectl-kftls/internal/testutil"
	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/portforward"
)

// TestMain: nothing that a test starts outlives it.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// listen serves connections on loopback until the test ends.
func listen(t *testing.T, serve func(net.Conn)) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() { defer conn.Close(); serve(conn) }()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-ended })
	return l.Addr().String()
}

// hello waits for the first bytes of a client.
func hello(conn net.Conn) { _, _ = conn.Read(make([]byte, 4096)) }

// reset ends a connection by RST.
func reset(conn net.Conn) {
	hello(conn)
	_ = conn.(*net.TCPConn).SetLinger(0)
}

// silent says nothing until the client goes.
func silent(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

// serving is a TLS server that answers every request with the sign-in page.
func serving(config *tls.Config) func(net.Conn) {
	return func(conn net.Conn) {
		secure := tls.Server(conn, config)
		if secure.Handshake() != nil {
			return
		}
		one := &oneListener{conn: secure, done: make(chan struct{})}
		_ = http.Serve(one, http.HandlerFunc(signInPage))
	}
}

func signInPage(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Server", "istio-envoy")
	switch {
	case r.URL.Path == dexPath:
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"issuer":"`+dexIssuer+`"}`)
	case strings.HasPrefix(r.URL.Path, "/oauth2/start"):
		http.Redirect(w, r, "/dex/auth?client_id=kubeflow-oidc-authservice&redirect_uri=%2Foauth2%2Fcallback&state=secret-state", http.StatusFound)
	case r.URL.Path == "/dex/auth":
		http.Redirect(w, r, "/dex/auth/local?"+r.URL.RawQuery, http.StatusFound)
	case r.URL.Path == "/dex/auth/local":
		if r.URL.Query().Get("scope") != probeScope {
			http.Error(w, "a login was opened", http.StatusInternalServerError)
			return
		}
		http.Error(w, `Unregistered redirect_uri ("/oauth2/callback").`, http.StatusBadRequest)
	case strings.HasPrefix(r.URL.Path, "/pipeline/apis/"), r.URL.Path == proxyPath:
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, "{}")
	default:
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, "<title>Sign In</title>")
	}
}

// oneListener hands one connection to an HTTP server, and ends with it.
type oneListener struct {
	conn net.Conn
	done chan struct{}
}

func (l *oneListener) Accept() (net.Conn, error) {
	if l.conn == nil {
		<-l.done
		return nil, net.ErrClosed
	}
	conn := &endingConn{Conn: l.conn, done: l.done}
	l.conn = nil
	return conn, nil
}
func (l *oneListener) Close() error   { return nil }
func (l *oneListener) Addr() net.Addr { return &net.TCPAddr{} }

type endingConn struct {
	net.Conn
	done chan struct{}
}

func (c *endingConn) Close() error {
	select {
	case <-c.done:
	default:
		close(c.done)
	}
	return c.Conn.Close()
}

func plainServer(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// probed is the look at an address, with the roots of a client of ours.
func probed(t *testing.T, address string, limit time.Duration) (*Facts, *Road) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	f := healthy(withoutCluster, func(f *Facts) {
		f.Aim = Aim{URL: u, Host: u.Hostname()}
		f.Roads = []*Road{ownRoad(u, f.Computer.Env)}
	})
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	f.Computer.CAFile = "ca.crt" // the roots count on the own road, too
	f.Roads[0].probe(ctx)
	f.trust(nil)
	f.Seen = f.observe()
	return f, f.Roads[0]
}

func TestWire(t *testing.T) {
	tlsOf := func(p *pair) *tls.Config { return &tls.Config{Certificates: []tls.Certificate{p.tls()}} }
	wants := func(version uint16) *tls.Config {
		config := tlsOf(ourLeaf)
		config.ClientAuth, config.MaxVersion = tls.RequireAnyClientCert, version
		return config
	}
	optional := tlsOf(ourLeaf)
	optional.ClientAuth = tls.RequestClientCert
	old := tlsOf(ourLeaf)
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	noSNI := tlsOf(ourLeaf)
	noSNI.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		return nil, errors.New("no such name")
	}
	for name, tc := range map[string]struct {
		scheme string
		serve  func(net.Conn)
		want   Symptom
	}{
		"well":                                {"https", serving(tlsOf(ourLeaf)), NotLoggedIn},
		"reset":                               {"https", reset, HandshakeCut},
		"closed":                              {"https", hello, HandshakeCut},
		"closed before anything is said":      {"https", func(net.Conn) {}, HandshakeCut},
		"silence":                             {"https", silent, NoAnswer},
		"TLS 1.2 and a client certificate":    {"https", serving(wants(tls.VersionTLS12)), WantsClient},
		"TLS 1.3 and a client certificate":    {"https", serving(wants(tls.VersionTLS13)), WantsClient},
		"a client certificate that may be":    {"https", serving(optional), NotLoggedIn},
		"versions of old":                     {"https", serving(old), NoCommonTLS},
		"a refusal by an alert":               {"https", serving(noSNI), NoCommonTLS},
		"expired":                             {"https", serving(tlsOf(below(ourCA, until(now.Add(-time.Hour))))), Expired},
		"not yet valid":                       {"https", serving(tlsOf(below(ourCA, from(now.Add(time.Hour))))), NotYetValid},
		"another name":                        {"https", serving(tlsOf(below(ourCA, named("kubeflow.example.com")))), WrongName},
		"another CA":                          {"https", serving(tlsOf(below(newCA("other")))), Untrusted},
		"self-signed":                         {"https", serving(tlsOf(sign(nil, newKey(), leafTemplate()))), Untrusted},
		"a chain without what is between":     {"https", serving(&tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{ourLeaf.certificate.Raw}, PrivateKey: ourLeaf.key}}}), NotLoggedIn},
		"not TLS at all":                      {"https", func(c net.Conn) { hello(c); _, _ = io.WriteString(c, "SSH-2.0-OpenSSH_9.2p1\r\n") }, AnswersPlain},
		"plain to a TLS port":                 {"http", serving(tlsOf(ourLeaf)), AnswersTLS},
		"plain to a port that closes":         {"http", hello, AnswersTLS},
		"plain to a port that resets":         {"http", reset, AnswersTLS},
		"plain to a port that says nothing":   {"http", silent, NoAnswer},
		"plain to a port that sends an alert": {"http", func(c net.Conn) { hello(c); _, _ = c.Write([]byte("\x15\x03\x01\x00\x02\x02\x16")) }, AnswersTLS},
		"plain to what speaks something else": {"http", func(c net.Conn) { hello(c); _, _ = io.WriteString(c, "+OK POP3 ready\r\n") }, NoAnswer},
		"a body that breaks off is no answer": {"http", func(c net.Conn) { hello(c); _, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nx") }, AnswersTLS},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			limit := 5 * time.Second
			if tc.want == NoAnswer {
				limit = 500 * time.Millisecond
			}
			f, r := probed(t, tc.scheme+"://"+strings.Replace(listen(t, tc.serve), "127.0.0.1", "localhost", 1), limit)
			if len(f.Seen) == 0 || f.Seen[0].Symptom != tc.want {
				t.Fatalf("saw %+v, want %q; handshake %+v", f.Seen, tc.want, r.Handshake)
			}
			if r.Handshake != nil && (tc.want == Expired || tc.want == WrongName || tc.want == Untrusted) && len(r.Handshake.Chain) == 0 {
				t.Error("the chain was not kept")
			}
		})
	}
}

func TestWirePlain(t *testing.T) {
	address := plainServer(t, signInPage)
	f, r := probed(t, "https://"+address, 5*time.Second)
	if f.Seen[0].Symptom != AnswersPlain || r.Handshake.Plain != "HTTP/" || !r.plainIsGateway() {
		t.Errorf("https to plain HTTP: %+v, %q by %q", f.Seen, r.Handshake.Plain, r.plainServer)
	}
	f, r = probed(t, "http://"+address, 5*time.Second)
	if f.Seen[0].Symptom != NotLoggedIn {
		t.Errorf("plain: %+v", f.Seen)
	}
	if !r.HasDate || r.Date.Abs() > 5*time.Second {
		t.Errorf("the other clock: %v %v", r.Date, r.HasDate)
	}
	if !f.sees(DexRefuses) || r.Dex != "/dex/auth/local" {
		t.Errorf("Dex was not asked about the auth proxy: %q, %+v", r.Dex, f.Seen)
	}
	for _, s := range f.Seen {
		if strings.Contains(s.Text, "secret-state") {
			t.Errorf("a state is shown: %+v", s)
		}
	}
	for path, a := range r.Answers {
		if strings.Contains(path+a.Path, "secret-state") {
			t.Errorf("a state is kept in a path: %s", a.Path)
		}
	}
	f, r = probed(t, "http://"+testutil.ClosedPort(t), 5*time.Second)
	if f.Seen[0].Symptom != RefusedHere || len(r.Answers) > 1 {
		t.Errorf("a closed port: %+v, asked %d times", f.Seen, len(r.Answers))
	}
	f, r = probed(t, "http://"+strings.Replace(listen(t, serving(&tls.Config{Certificates: []tls.Certificate{ourLeaf.tls()}})), "127.0.0.1", "localhost", 1), 5*time.Second)
	if !r.speaksTLS || r.endedWithUs {
		t.Errorf("TLS behind plain HTTP was not found: %+v, or it is taken for gone: %v", f.Seen, r.endedWithUs)
	}
	f, r = probed(t, "http://"+listen(t, hello), 5*time.Second)
	if !f.sees(AnswersTLS) || r.endedWithUs {
		t.Errorf("what closes each connection is taken for gone: %+v, %v", f.Seen, r.endedWithUs)
	}
	f, r = probed(t, "http://"+once(t), 5*time.Second)
	if !f.sees(AnswersTLS) || r.speaksTLS || !r.endedWithUs {
		t.Errorf("what ends with its first connection is taken for there: %+v, %v", f.Seen, r.endedWithUs)
	}
}

// once listens until the first request, which it leaves without an answer.
func once(t *testing.T) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := listener.Accept()
		_ = listener.Close()
		if err == nil {
			hello(conn)
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() { _ = listener.Close(); <-done })
	return listener.Addr().String()
}

// TestLargestBody: of an endless body the beginning is kept.
func TestLargestBody(t *testing.T) {
	_, r := probed(t, "http://"+plainServer(t, func(w http.ResponseWriter, _ *http.Request) {
		chunk := make([]byte, 4096)
		for range 64 {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	}), 5*time.Second)
	if a := r.answer(frontPath); a == nil || len(a.Body) != largestBody {
		t.Errorf("kept %+v", a)
	}
}

func TestThroughProxy(t *testing.T) {
	served := &tls.Config{Certificates: []tls.Certificate{below(ourCA, named("kubeflow.example.com")).tls()}}
	tunnel := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method != http.MethodConnect || r.Host != "kubeflow.example.com:443":
			w.WriteHeader(http.StatusBadRequest)
		case r.Header.Get("Proxy-Authorization") != "Basic dTpw":
			w.WriteHeader(http.StatusProxyAuthRequired)
		default:
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				return
			}
			defer conn.Close()
			_, _ = io.WriteString(conn, "HTTP/1.1 200 Connection established\r\n\r\n")
			serving(served)(conn)
		}
	}))
	t.Cleanup(tunnel.Close)
	garbage := listen(t, func(c net.Conn) { hello(c); _, _ = io.WriteString(c, "what?\r\n\r\n") })
	at := strings.TrimPrefix(tunnel.URL, "http://")
	for name, tc := range map[string]struct {
		proxy string
		want  Symptom
	}{
		"well":           {"http://u:p@" + at, NotLoggedIn},
		"no password":    {"http://" + at, ProxyInTheWay},
		"no HTTP":        {"http://" + garbage, ProxyInTheWay},
		"no proxy there": {"http://" + testutil.ClosedPort(t), RefusedHere},
	} {
		u := &url.URL{Scheme: "https", Host: "kubeflow.example.com"}
		f := healthy(withoutCluster, env("HTTPS_PROXY", tc.proxy))
		f.Aim = Aim{URL: u, Host: u.Hostname()}
		f.Roads = []*Road{ownRoad(u, f.Computer.Env)}
		f.Roads[0].probe(t.Context())
		f.Seen = f.observe()
		if len(f.Seen) == 0 || f.Seen[0].Symptom != tc.want {
			t.Errorf("%s: saw %+v, want %q", name, f.Seen, tc.want)
		}
		for _, s := range f.Seen {
			if strings.Contains(s.Text, "u:p") {
				t.Errorf("%s: a password is shown: %s", name, s.Text)
			}
		}
	}
}

// TestRun goes the whole way: an API server in memory, gateway pods over pipes.
func TestRun(t *testing.T) {
	api := testutil.NewAPIServer(t, testutil.Kubeflow()...)
	for name, label := range map[string]string{"gateway-a": "ingressgateway", "gateway-b": "ingressgateway"} {
		api.Put(testutil.Pod("istio-system", name, map[string]string{"app": "istio-ingressgateway", "istio": label}), "kubelet")
	}
	pods := &closedTLS{testutil.NewGatewayPods(t, api)}
	options := Options{
		Cluster: api.Cluster(t), ClusterWanted: true, Dialer: pods, Program: "kubectl kftls",
		Env: envOf(), ReadFile: noFile, Home: "/home/u",
	}
	var checked watched
	d, err := Run(t.Context(), options, &checked)
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Via) != 1 || len(checked.codes) != len(Checks()) || d.Kind != "Diagnosis" {
		t.Errorf("via %v, %d checks", d.Via, len(checked.codes))
	}
	if writes := api.Writes(); len(writes) > 0 {
		t.Errorf("a diagnosis wrote: %v", writes)
	}
	options.Expect, options.Skip = ExpectHTTPS, []string{"KFT990"}
	d, err = Run(t.Context(), options, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Findings) == 0 || d.Findings[0].Code != "KFT301" || d.Healthy || d.Worst() != Error {
		t.Errorf("HTTPS was expected: %+v", d.Findings)
	}
	for _, c := range d.Checks {
		if c.Code == "KFT990" {
			t.Error("a check that was skipped was made")
		}
	}
	options.Skip = []string{"KFT000"}
	if _, err := Run(t.Context(), options, nil); fault.ReasonOf(err) != fault.Usage || !strings.Contains(err.Error(), "KFT000") {
		t.Errorf("an unknown code: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	options.Skip = nil
	if _, err := Run(ended, options, nil); fault.ReasonOf(err) != fault.Interrupted {
		t.Errorf("interrupted: %v", err)
	}
}

// closedTLS are gateway pods in which nothing listens for TLS.
type closedTLS struct{ *testutil.GatewayPods }

func (p *closedTLS) DialTarget(ctx context.Context, target portforward.Target) (net.Conn, error) {
	conn, err := p.GatewayPods.DialTarget(ctx, target)
	if err != nil || target.Port != 8443 {
		return conn, err
	}
	return refusedConn{conn}, nil
}

type refusedConn struct{ net.Conn }

func (refusedConn) Write(b []byte) (int, error) { return len(b), nil }
func (refusedConn) Read([]byte) (int, error)    { return 0, errInPod }

type watched struct{ codes []string }

func (w *watched) Waiting(Stage) {}

func (w *watched) Checked(c Check, _ Result) { w.codes = append(w.codes, c.Code) }

// TestSession: a session is sent where its cookies are safe, and nowhere else.
func TestSession(t *testing.T) {
	got := make(chan string, 20)
	handler := func(w http.ResponseWriter, r *http.Request) {
		if cookie := r.Header.Get("Cookie"); cookie != "" {
			got <- cookie
			if r.URL.Path == healthPath {
				w.Header().Set("Content-Type", "application/json")
				_, _ = io.WriteString(w, pipelinesHealth)
				return
			}
			if r.URL.Path == frontPath {
				_, _ = io.WriteString(w, "<title>Kubeflow Central Dashboard</title>")
				return
			}
		}
		if r.URL.Path == "/dex/auth/local" {
			http.Redirect(w, r, "/oauth2/callback?error=invalid_scope", http.StatusSeeOther)
			return
		}
		signInPage(w, r)
	}
	plain := plainServer(t, handler)
	secure := httptest.NewUnstartedServer(http.HandlerFunc(handler))
	secure.TLS = &tls.Config{Certificates: []tls.Certificate{below(newCA("stranger")).tls()}}
	secure.Config.ErrorLog = log.New(io.Discard, "", 0) // a client that trusts nobody goes
	secure.StartTLS()
	t.Cleanup(secure.Close)
	for address, want := range map[string]string{"http://" + plain: "sent", secure.URL: "is not trusted", "http://" + testutil.ClosedPort(t): "no connection"} {
		u, _ := url.Parse(address)
		d, err := Run(t.Context(), Options{
			URL: u, Program: "p", Env: envOf(), CookieFile: "c.txt", Home: "/",
			ReadFile: func(name string) ([]byte, error) {
				if name == "c.txt" {
					return []byte("Cookie: oauth2_proxy_kubeflow=secret-value|1700000000|sig="), nil
				}
				return noFile(name)
			},
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		sent := len(got) > 0
		for len(got) > 0 {
			<-got
		}
		if sent != (want == "sent") {
			t.Errorf("%s: the session was sent: %t", address, sent)
		}
		if want == "sent" {
			if !d.Healthy {
				t.Errorf("a good session: %+v", d.Sightings)
			}
			continue
		}
		for _, c := range d.Checks {
			if c.Code == "KFT801" && !strings.Contains(c.Detail, want) {
				t.Errorf("%s: %s", address, c.Detail)
			}
		}
	}
}
