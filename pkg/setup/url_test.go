package setup

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"strings"
	"testing"

	"github.com/kftls/kubectl-kftls/pkg/ca"
	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/gateway"
)

// TestVerifyURL takes the direct road, over this computer's loopback.
func TestVerifyURL(t *testing.T) {
	authority, err := ca.NewAuthority(ca.AuthorityOptions{Permit: ca.DefaultNames()})
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := authority.NewLeaf(ca.LeafOptions{Names: ca.DefaultNames()})
	if err != nil {
		t.Fatal(err)
	}
	nameless, err := authority.NewLeaf(ca.LeafOptions{Names: ca.Names{DNS: []string{"localhost"}}})
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(authority.Certificate)
	tests := []struct {
		name   string
		served *ca.Leaf
		want   *ca.Leaf
		reason fault.Reason
		says   string
	}{
		{"the certificate", leaf, leaf, "", ""},
		{"another one", nameless, leaf, fault.Verification, "serves another certificate (CN=localhost, SHA-256 " + nameless.Fingerprint()[:12]},
		{"one without the name", nameless, nameless, fault.Verification, "cannot validate certificate for 127.0.0.1"},
		{"nothing", nil, leaf, fault.Verification, "reach https://127.0.0.1:"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := &Setup{Options: Options{URL: "https://" + listen(t, test.served) + "/"}}
			s.Now = leaf.Certificate.NotAfter.AddDate(0, -1, 0).UTC
			err := s.verifyURL(t.Context(), &Proposal{Leaf: test.want.Fingerprint(), Finding: &Finding{Door: &gateway.FrontDoor{}}}, roots)
			wantReason(t, err, test.reason)
			if err != nil && !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %q, want %q in it", err, test.says)
			}
		})
	}
	s := &Setup{Options: Options{URL: "https://[::1"}}
	wantReason(t, s.verifyURL(t.Context(), &Proposal{}, roots), fault.Usage)
}

// listen serves a leaf on loopback; a nil leaf hangs up.
func listen(t *testing.T, leaf *ca.Leaf) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { _ = listener.Close(); <-done })
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			if leaf != nil {
				secure := tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{*pairOf(leaf)}, MinVersion: tls.VersionTLS12})
				_ = secure.HandshakeContext(t.Context()) // the client tells what it thinks of it
			}
			_ = conn.Close()
		}
	}()
	return listener.Addr().String()
}
