package diagnose

import (
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/kftls/kubectl-kftls/pkg/session"
)

// Road is one way to the front door, and what was seen on it.
type Road struct {
	// Name says which way it is: "https://localhost:8443 from this computer".
	Name string
	// Own tells that it is the user's own, and not the tunnel.
	Own bool
	// Pod is the gateway pod at its end and Port the pod's port, where it is a tunnel.
	Pod  string
	Port uint16
	// TLS tells that TLS is spoken to it.
	TLS bool
	// Origin is scheme, host and port as the Host header and SNI have them.
	Origin *url.URL
	// Proxy is the proxy that the road leads through, "" for none.
	Proxy string

	// ProxyErr is why a proxy, which curl and Python take for loopback, too, does
	// not lead to it.
	ProxyErr error
	// Dialled is why no connection came about, nil where one did.
	Dialled error
	// Handshake is what became of TLS; nil on a plain road.
	Handshake *Handshake
	// Answers are those to requests without a session, by path.
	Answers map[string]*Answer
	// Dex is the path of Answers under which Dex's view of the auth proxy is, ""
	// where it was not asked.
	Dex string
	// Header and Token are the answers to requests with an Authorization header:
	// one that is no token, and one that is of Dex's key and not signed by it.
	Header, Token *Answer
	// model is the request for an InferenceService that is sent on it; nil for none.
	model *ModelAim
	// Date is the clock of the other side less this computer's, where HasDate.
	Date    time.Duration
	HasDate bool

	dial     func(context.Context) (net.Conn, error)
	tryProxy func(context.Context) error // nil where no proxy takes loopback
	mu       sync.Mutex
	// speaksTLS tells of a plain road that TLS is spoken at its end, and
	// plainServer of a TLS road who speaks plain HTTP there.
	speaksTLS   bool
	plainServer string
	// endedWithUs tells that what listened took our first connection and is gone
	// since, as kubectl port-forward is when the pod resets one.
	endedWithUs bool
	// wantsProxyHeader tells that a connection was closed without a header of the
	// PROXY protocol, and taken with one.
	wantsProxyHeader bool
}

// other looks whether the other protocol is spoken at the end of a road.
func (r *Road) other(ctx context.Context) {
	swapped := &Road{Name: r.Name, TLS: !r.TLS, Origin: &url.URL{Scheme: "http", Host: r.Origin.Host}, dial: r.dial}
	if swapped.TLS {
		r.speaksTLS = shake(ctx, swapped).Err == nil
		r.endedWithUs = !r.speaksTLS && !r.takesConnections(ctx)
		return
	}
	client := newClient(swapped)
	defer client.CloseIdleConnections()
	r.plainServer = fetch(ctx, client, swapped.Origin, frontPath, nil).Header.Get("Server")
}

func (r *Road) takesConnections(ctx context.Context) bool {
	conn, err := r.dial(ctx)
	if err == nil {
		_ = conn.Close()
	}
	return err == nil
}

// plainIsGateway tells that Envoy is who speaks plain HTTP where TLS is expected.
func (r *Road) plainIsGateway() bool { return r.plainServer == "istio-envoy" }

// Handshake is what became of TLS on a road.
type Handshake struct {
	// Chain is what was served, the leaf first.
	Chain []*x509.Certificate
	// Err is why the handshake failed.
	Err error
	// Cut tells that the other side closed or reset the connection.
	Cut bool
	// Plain holds the first bytes of an answer that is not TLS.
	Plain string
	// WantsClient tells that a client certificate was asked for, and that the
	// connection was refused without one.
	WantsClient bool
	// TimedOut tells that nothing was said within the limit.
	TimedOut bool
	// Trust is why the chain is not trusted, with the roots that the user's clients have.
	Trust error
}

// Answer is what came back for one request.
type Answer struct {
	Method, Path string
	Status       int
	Header       http.Header
	// Body is the beginning of the body. It is judged and never shown whole.
	Body []byte
	// Wall is what the answer is to somebody without a session.
	Wall session.Wall
	// Err is why there is no answer.
	Err error
}

// Paths that are asked for. None needs a session, and none opens a login.
const (
	frontPath  = "/"
	healthPath = "/pipeline/apis/v2beta1/healthz"
	// oldHealthPath is that of the pipelines of the 1.x line.
	oldHealthPath = "/pipeline/apis/v1beta1/healthz"
	// dexPath is exempt from the login's policies. It tells that Dex lives, and
	// what it calls itself.
	dexPath = "/dex/.well-known/openid-configuration"
	// proxyPath is oauth2-proxy's own, exempt as well: 401 from a living one.
	proxyPath = "/oauth2/userinfo"
	// startPath makes oauth2-proxy send its visitor to Dex, which shows how both
	// are set up. It leaves a cookie for this visitor and nothing else anywhere.
	startPath = "/oauth2/start?rd=%2F"
)

// wirePaths are asked on every road, side by side.
func wirePaths() []string {
	return []string{frontPath, healthPath, dexPath, proxyPath, startPath}
}

// probeLimit bounds the look at one road.
const probeLimit = 3 * time.Second

// probe looks at a road: a connection, TLS, then the requests side by side.
func (r *Road) probe(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, probeLimit)
	defer cancel()
	r.Answers = map[string]*Answer{}
	client := newClient(r)
	defer client.CloseIdleConnections()
	if r.tryProxy != nil {
		r.ProxyErr = r.tryProxy(ctx)
	}
	if r.TLS {
		r.Handshake = shake(ctx, r)
		if r.Handshake.Plain != "" {
			r.other(ctx)
		}
		if r.Handshake.Err != nil || r.Dialled != nil {
			r.probeProxyHeader(ctx)
			return
		}
	}
	var group sync.WaitGroup
	for i, path := range wirePaths() {
		if i == 0 || r.firstFailed() { // whose connection failed is not asked five times
			r.ask(ctx, client, path)
			continue
		}
		group.Go(func() { r.ask(ctx, client, path) })
	}
	group.Wait()
	if symptom, _ := r.connection(); symptom == AnswersTLS {
		r.other(ctx)
	}
	r.probeProxyHeader(ctx)
	group.Go(func() { r.probeDex(ctx, client) })
	group.Go(func() { r.probeHeaders(ctx, client) })
	group.Go(func() { r.probeModel(ctx, client) })
	group.Wait()
}

func (r *Road) firstFailed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	first := r.Answers[frontPath]
	return first != nil && first.Err != nil
}

func (r *Road) ask(ctx context.Context, client http.RoundTripper, path string) {
	if r.Dialled != nil || path != frontPath && r.firstFailed() {
		return
	}
	answer := fetch(ctx, client, r.Origin, path, nil)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Answers[path] = answer
	if at, err := http.ParseTime(answer.Header.Get("Date")); err == nil && answer.Err == nil && !r.HasDate {
		r.Date, r.HasDate = time.Until(at), true
	}
}

// answer is the answer for a path, nil where there is none.
func (r *Road) answer(path string) *Answer {
	r.mu.Lock()
	defer r.mu.Unlock()
	if a := r.Answers[path]; a != nil && a.Err == nil {
		return a
	}
	return nil
}

// isWall tells that there is an answer, and what it is to somebody without a
// session.
func (a *Answer) isWall(wall session.Wall) bool { return a != nil && a.Wall == wall }

// where is the road as a Source of evidence.
func (r *Road) where(path string) string {
	if path == "" {
		return r.Name
	}
	return fmt.Sprintf("GET %s on %s", path, r.Name)
}
