package clients

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/kftls/kubectl-kftls/pkg/ca"
)

// Forge makes a leaf against the name constraints of its CA, as somebody with
// a stolen CA key would.
func Forge(a *ca.Authority, names ca.Names) (*ca.Leaf, error) {
	open := *a.Certificate
	open.PermittedDNSDomains, open.ExcludedDNSDomains = nil, nil
	open.PermittedIPRanges, open.ExcludedIPRanges = nil, nil
	leaf, err := (&ca.Authority{Certificate: &open, Key: a.Key}).NewLeaf(ca.LeafOptions{Names: names})
	if err != nil {
		return nil, fmt.Errorf("forge a leaf: %w", err)
	}
	return leaf, nil
}

// Serve answers HTTPS requests (HTTP/1.1 and 2) on a free port of loopback with
// the leaf and its chain, until ctx ends. It returns where.
func Serve(ctx context.Context, leaf *ca.Leaf) (netip.AddrPort, error) {
	chain := [][]byte{leaf.Certificate.Raw}
	for _, issuer := range leaf.Issuers {
		chain = append(chain, issuer.Raw)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp4", "127.0.0.1:0")
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("serve the leaf: %w", err)
	}
	server := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "served\n")
		}),
		TLSConfig: &tls.Config{
			MinVersion:   tls.VersionTLS12,
			Certificates: []tls.Certificate{{Certificate: chain, PrivateKey: leaf.Key}},
		},
		ReadHeaderTimeout: time.Minute,
		ErrorLog:          log.New(io.Discard, "", 0), // clients that refuse are expected
	}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	go func() {
		defer stop()
		_ = server.ServeTLS(listener, "", "") // ends when it is closed
	}()
	return listener.Addr().(*net.TCPAddr).AddrPort(), nil
}
