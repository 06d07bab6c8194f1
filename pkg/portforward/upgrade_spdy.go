package portforward

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"k8s.io/streaming/pkg/httpstream"
	"k8s.io/streaming/pkg/httpstream/spdy"
)

// openSPDY upgrades to SPDY/3.1 without a WebSocket around it.
func (r *road) openSPDY(ctx context.Context, endpoint *url.URL) (*wire, error) {
	upgrade, err := newSPDYUpgrade(r.config)
	if err != nil {
		return nil, err
	}
	transport, err := rest.HTTPWrappersForConfig(r.config, upgrade)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint.String(), nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set(httpstream.HeaderProtocolVersion, protocol)
	answer, err := transport.RoundTrip(request)
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	return upgrade.take(answer)
}

// spdyUpgrade sends one upgrade request through client-go's dialer (TLS,
// proxies), and keeps the socket in its own hands.
type spdyUpgrade struct {
	dialer *spdy.SpdyRoundTripper
	conn   *readAheadConn
}

func newSPDYUpgrade(config *rest.Config) (*spdyUpgrade, error) {
	tlsConfig, err := rest.TLSConfigFor(config)
	if err != nil {
		return nil, err
	}
	dialer, err := spdy.NewRoundTripperWithConfig(spdy.RoundTripperConfig{TLS: tlsConfig, Proxier: config.Proxy})
	if err != nil {
		return nil, err
	}
	return &spdyUpgrade{dialer: dialer}, nil
}

// maxAnswer bounds what is read of a refused upgrade's body, in bytes.
const maxAnswer = 64 << 10

// RoundTrip sends the request and reads the answer. A refusal is an answer
// too, so that a credential plugin above sees its 401 and renews its token.
func (s *spdyUpgrade) RoundTrip(request *http.Request) (*http.Response, error) {
	request = request.Clone(request.Context())
	request.Header.Set(httpstream.HeaderConnection, httpstream.HeaderUpgrade)
	request.Header.Set(httpstream.HeaderUpgrade, spdy.HeaderSpdy31)
	conn, err := s.dialer.Dial(request)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(request.Context(), func() { _ = bottom(conn).Close() })
	reader := bufio.NewReader(conn)
	answer, err := readAnswer(reader, request)
	if !stop() && err == nil {
		err = context.Cause(request.Context())
	}
	if err != nil || answer.StatusCode != http.StatusSwitchingProtocols {
		_ = bottom(conn).Close()
		return answer, err
	}
	s.conn = &readAheadConn{Conn: conn, reader: reader}
	return answer, nil
}

// readAnswer reads the head of an answer, and the body of a refusal.
func readAnswer(reader *bufio.Reader, request *http.Request) (*http.Response, error) {
	answer, err := http.ReadResponse(reader, request)
	if err != nil {
		return nil, fmt.Errorf("read the answer to the upgrade: %w", err)
	}
	if answer.StatusCode == http.StatusSwitchingProtocols {
		answer.Body = http.NoBody
		return answer, nil
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	_ = answer.Body.Close()
	if err != nil && len(body) == 0 {
		return nil, fmt.Errorf("read the answer to the upgrade: %w", err)
	}
	answer.Body = io.NopCloser(bytes.NewReader(body))
	return answer, nil
}

// take makes a wire of an answered upgrade, or an error of a refused one.
func (s *spdyUpgrade) take(answer *http.Response) (*wire, error) {
	if answer.StatusCode != http.StatusSwitchingProtocols {
		body, _ := io.ReadAll(answer.Body)
		return nil, statusError(answer.StatusCode, body)
	}
	if upgrade := answer.Header.Get(httpstream.HeaderUpgrade); !strings.EqualFold(upgrade, spdy.HeaderSpdy31) {
		_ = bottom(s.conn.Conn).Close()
		return nil, fmt.Errorf("the server upgraded to %q instead of %s", upgrade, spdy.HeaderSpdy31)
	}
	return &wire{Conn: s.conn, raw: bottom(s.conn.Conn)}, nil
}

// statusError is the API server's own Status where the body holds one, and
// else one made of code and text, for an answer of a proxy or an old node.
func statusError(code int, body []byte) error {
	var status metav1.Status
	if err := json.Unmarshal(body, &status); err == nil && status.Kind == "Status" && status.Status == metav1.StatusFailure {
		return &apierrors.StatusError{ErrStatus: status}
	}
	text := strings.TrimSpace(string(body))
	if text == "" {
		text = http.StatusText(code)
	}
	made := apierrors.NewGenericServerResponse(code, "", schema.GroupResource{Resource: "pods/portforward"}, "", text, 0, true)
	made.ErrStatus.Message = fmt.Sprintf("the server answered %d: %s", code, text)
	return made
}

// readAheadConn reads first what came behind the answer's head.
type readAheadConn struct {
	net.Conn
	reader *bufio.Reader
}

func (c *readAheadConn) Read(p []byte) (int, error) { return c.reader.Read(p) }

// NetConn is the connection below.
func (c *readAheadConn) NetConn() net.Conn { return c.Conn }
