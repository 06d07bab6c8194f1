//go:build e2e && linux

package e2e

import (
	"context"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// handshakeLimit bounds one look at a server.
const handshakeLimit = 5 * time.Second

// cmdTLS shows what a server serves for a name, and whether a client that
// trusts the CA file alone accepts it. The plugin's own code is not asked.
func cmdTLS(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: tls HOST:PORT NAME [CAFILE]")
	}
	chain, err := handshake(args[0], args[1])
	if err != nil {
		fmt.Fprintln(ts.Stdout(), err)
		if !neg {
			ts.Fatalf("handshake with %s for %s: %v", args[0], args[1], err)
		}
		return
	}
	describe(ts.Stdout(), chain)
	if len(args) == 3 {
		err := accepts(ts.MkAbs(args[2]), chain, args[1])
		fmt.Fprintln(ts.Stdout(), verdict(err))
	}
	if neg {
		ts.Fatalf("%s made a handshake for %s", args[0], args[1])
	}
}

func verdict(err error) string {
	if err != nil {
		return "refused: " + err.Error()
	}
	return "accepted"
}

func handshake(address, name string) ([]*x509.Certificate, error) {
	ctx, cancel := context.WithTimeout(context.Background(), handshakeLimit)
	defer cancel()
	// What is served is looked at, whoever signed it.
	dialer := tls.Dialer{Config: &tls.Config{ServerName: name, InsecureSkipVerify: true}}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return conn.(*tls.Conn).ConnectionState().PeerCertificates, nil
}

func describe(w io.Writer, chain []*x509.Certificate) {
	leaf := chain[0]
	names := append([]string{}, leaf.DNSNames...)
	for _, ip := range leaf.IPAddresses {
		names = append(names, ip.String())
	}
	fmt.Fprintf(w, "sha256 %x\nsubject %s\nissuer %s\nnames %s\nkey %s\ndays %.0f\nchain of %d\n",
		sha256.Sum256(leaf.Raw), leaf.Subject, leaf.Issuer, strings.Join(names, " "), keyOf(leaf),
		math.Round(leaf.NotAfter.Sub(leaf.NotBefore).Hours()/24), len(chain))
}

func keyOf(c *x509.Certificate) string {
	switch key := c.PublicKey.(type) {
	case *ecdsa.PublicKey:
		return "ECDSA " + key.Curve.Params().Name
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA %d", key.N.BitLen())
	}
	return c.PublicKeyAlgorithm.String()
}

func accepts(caFile string, chain []*x509.Certificate, name string) error {
	pem, err := os.ReadFile(caFile)
	if err != nil {
		return err
	}
	roots, intermediates := x509.NewCertPool(), x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return fmt.Errorf("%s holds no certificate", caFile)
	}
	for _, certificate := range chain[1:] {
		intermediates.AddCert(certificate)
	}
	_, err = chain[0].Verify(x509.VerifyOptions{DNSName: name, Roots: roots, Intermediates: intermediates})
	return err
}

// nextPort is where the search for a free port goes on: above what the system
// gives to outgoing connections (net.ipv4.ip_local_port_range), and another one
// for each story.
var nextPort atomic.Int64

func freePort() (int, error) {
	for range 3000 {
		port := 61000 + int(nextPort.Add(1))
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		return port, listener.Close()
	}
	return 0, errors.New("no free port above 61000")
}
