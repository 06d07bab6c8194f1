package portforward

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// handshakeTimeout bounds a client's TLS handshake.
const handshakeTimeout = 10 * time.Second

// EndTLS makes Serve end TLS on every connection before it is carried. The
// connections of dial get what was inside. It is called before Serve.
func (l *Listener) EndTLS(config *tls.Config) { l.tls = config }

// handshake returns the connection to carry: the one that was accepted, or
// what is inside its TLS. It is nil without an error where a client left before
// it asked for anything, as browsers do with connections kept in reserve.
func (l *Listener) handshake(ctx context.Context, accepted net.Conn) (net.Conn, error) {
	if l.tls == nil {
		return accepted, nil
	}
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	inside := tls.Server(accepted, l.tls)
	if err := inside.HandshakeContext(ctx); err != nil {
		_ = accepted.Close()
		if errors.Is(err, io.EOF) {
			return nil, nil
		}
		return nil, fmt.Errorf("a client on %s broke TLS off, as those do that do not trust the CA: %w", accepted.LocalAddr(), err)
	}
	return inside, nil
}
