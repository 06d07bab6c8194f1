//go:build e2e && linux

package e2e

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// askPace is the pause between two requests on an open connection.
const askPace = 5 * time.Millisecond

// visitor holds an HTTP/2 connection open and asks on it, again and again.
type visitor struct {
	url       string
	transport *http.Transport
	stop      context.CancelFunc
	asking    sync.WaitGroup

	connections, answers atomic.Int32
	leaf                 [sha256.Size]byte // of the first answer's certificate

	mu     sync.Mutex
	failed error
}

// cmdHTTP2 opens connections that outlive what a story does meanwhile.
func cmdHTTP2(ts *testscript.TestScript, neg bool, args []string) {
	visitors := storyOf(ts).visitors
	switch {
	case !neg && len(args) == 5 && args[0] == "open":
		v, err := newVisitor(args[2], args[3], ts.MkAbs(args[4]))
		if err != nil {
			ts.Fatalf("open %s: %v", args[2], err)
		}
		visitors[args[1]] = v
	case !neg && len(args) == 2 && args[0] == "close" && visitors[args[1]] != nil:
		v := visitors[args[1]]
		delete(visitors, args[1])
		if err := v.close(); err != nil {
			ts.Fatalf("%s: after %d answers on %d connections: %v", args[1], v.answers.Load(), v.connections.Load(), err)
		}
		fmt.Fprintf(ts.Stdout(), "%d answers on %d connection, sha256 %x\n", v.answers.Load(), v.connections.Load(), v.leaf)
		ts.Logf("%s: %d answers", args[1], v.answers.Load())
	default:
		ts.Fatalf("usage: http2 open NAME HOST:PORT SERVERNAME CAFILE | http2 close NAME")
	}
}

func newVisitor(address, name, caFile string) (*visitor, error) {
	pem, err := os.ReadFile(caFile)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	v := &visitor{url: "https://" + name + "/pipeline/apis/v2beta1/healthz"}
	v.transport = &http.Transport{
		ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: name},
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			v.connections.Add(1)
			return (&net.Dialer{}).DialContext(ctx, "tcp", address)
		},
	}
	if err := v.ask(context.Background()); err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	v.stop = stop
	v.asking.Go(func() { v.goOn(ctx) })
	return v, nil
}

// goOn asks until it is stopped, or an answer fails to come.
func (v *visitor) goOn(ctx context.Context) {
	ticker := time.NewTicker(askPace)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if err := v.ask(context.WithoutCancel(ctx)); err != nil {
			v.mu.Lock()
			v.failed = err
			v.mu.Unlock()
			return
		}
	}
}

// ask makes one request. The login's refusal is an answer.
func (v *visitor) ask(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, handshakeLimit)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, v.url, nil)
	if err != nil {
		return err
	}
	response, err := v.transport.RoundTrip(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	leaf := sha256.Sum256(response.TLS.PeerCertificates[0].Raw)
	first := v.answers.Add(1) == 1
	switch {
	case response.ProtoMajor != 2:
		return fmt.Errorf("the answer came by %s", response.Proto)
	case response.StatusCode != http.StatusUnauthorized:
		return fmt.Errorf("the answer is %s", response.Status)
	case first:
		v.leaf = leaf
	case leaf != v.leaf:
		return errors.New("the answer came on another connection, with another certificate")
	}
	return nil
}

// close asks a last time, and says what went wrong on the way.
func (v *visitor) close() error {
	v.stop()
	v.asking.Wait()
	defer v.transport.CloseIdleConnections()
	if v.failed != nil {
		return v.failed
	}
	if err := v.ask(context.Background()); err != nil {
		return err
	}
	if opened := v.connections.Load(); opened != 1 {
		return fmt.Errorf("the connection was lost: %d were opened", opened)
	}
	return nil
}
