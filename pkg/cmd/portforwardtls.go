package cmd

import (
	"crypto/tls"
	"net"
	"net/netip"
	"slices"
	"strconv"

	"github.com/kftls/kubectl-kftls/pkg/ca"
	"github.com/kftls/kubectl-kftls/pkg/portforward"
)

// localTLS is how this computer serves HTTPS under its own names and further
// addresses: with a new leaf of its own CA.
func (f *Factory) localTLS(further ...netip.Addr) (*tls.Config, error) {
	home, err := f.Home()
	if err != nil {
		return nil, err
	}
	authority, err := home.LocalAuthority(f.Now())
	if err != nil {
		return nil, err
	}
	leaf, err := authority.NewLeaf(ca.LeafOptions{Names: ca.DefaultNames().Union(ca.Names{IPs: further}), Now: f.Now()})
	if err != nil {
		return nil, err
	}
	served := tls.Certificate{PrivateKey: leaf.Key, Leaf: leaf.Certificate, Certificate: [][]byte{leaf.Certificate.Raw}}
	for _, issuer := range leaf.Issuers {
		served.Certificate = append(served.Certificate, issuer.Raw)
	}
	return &tls.Config{Certificates: []tls.Certificate{served}, MinVersion: tls.VersionTLS12}, nil
}

// endTLS puts TLS in front of the local ports. HTTP/2 is offered, since the
// gateway's plain port takes it without an upgrade (Envoy's codec AUTO), and
// gRPC needs it.
func (o *portForwardOptions) endTLS(f *Factory, listeners []*portforward.Listener) error {
	var addresses []netip.Addr
	for _, l := range listeners {
		for _, bound := range l.Addresses() {
			if !bound.Addr().IsUnspecified() {
				addresses = append(addresses, bound.Addr())
			}
		}
	}
	config, err := f.localTLS(addresses...)
	if err != nil {
		return err
	}
	config.NextProtos = []string{"h2", "http/1.1"}
	for _, l := range listeners {
		l.EndTLS(config)
	}
	return nil
}

// announceTLS says on stderr what clients must trust, and how curl does.
func announceTLS(f *Factory, listeners []*portforward.Listener) error {
	home, err := f.Home()
	if err != nil {
		return err
	}
	path := home.LocalCertificatePath()
	f.UI.Note("TLS ends here. Clients must trust this computer's CA: %s", path)
	for _, l := range listeners {
		bound := l.Addresses()[0]
		host := bound.Addr().String()
		if slices.Contains(ca.DefaultNames().IPs, bound.Addr()) || bound.Addr().IsUnspecified() {
			host = "localhost"
		}
		f.UI.Note("  curl --cacert %s https://%s/", shellQuoted(path), net.JoinHostPort(host, strconv.Itoa(int(bound.Port()))))
	}
	return nil
}
