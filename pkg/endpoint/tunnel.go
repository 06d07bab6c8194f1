package endpoint

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"strconv"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kftls/kubectl-kftls/pkg/ca"
	"github.com/kftls/kubectl-kftls/pkg/cluster"
	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/gateway"
	"github.com/kftls/kubectl-kftls/pkg/portforward"
	"github.com/kftls/kubectl-kftls/pkg/state"
)

// TunnelOptions choose a front door and how to ask for it.
type TunnelOptions struct {
	// Gateway is the Gateway; zero means Kubeflow's.
	Gateway types.NamespacedName
	// Host is the name in SNI, Host header and origin; "" means DefaultHost.
	Host string
	// Trust is how Kubeflow's certificate is verified.
	Trust Trust
	// Plain takes the plain port although there is an HTTPS one.
	Plain bool
	// Dialer reaches the pods; nil makes one. The Endpoint closes it.
	Dialer portforward.Dialer
	// Logf takes one line for each noteworthy event; nil means none.
	Logf func(format string, args ...any)
}

// Tunnel opens the way to the front door of a cluster, through its API server:
// to the HTTPS server where setup was run, else to the plain port, which the API
// server's TLS surrounds on the way. Errors are those of gateway.Discover, and
// of reason NoServicePort where no server answers for the host.
func Tunnel(ctx context.Context, c *cluster.Cluster, home *state.Home, o TunnelOptions) (*Endpoint, error) {
	if o.Host == "" {
		o.Host = DefaultHost
	}
	t := tunnel{TunnelOptions: o, cluster: c, home: home, endpoint: &Endpoint{Tunnel: true, CAFile: o.Trust.CAFile}}
	if err := t.find(ctx); err != nil {
		return nil, err
	}
	config, err := o.Trust.config(t.roots())
	if err != nil {
		return nil, err
	}
	dialer := o.Dialer
	if dialer == nil {
		dialer = portforward.NewDialer(c.Config, portforward.Options{Logf: o.Logf})
	}
	route := portforward.NewRoute(portforward.RouteOptions{
		Resolve: func(ctx context.Context) (*portforward.Service, error) {
			return portforward.Resolve(ctx, c.Core, c.Discovery, t.ingress.Object.Namespace, t.ingress.Object.Name)
		},
		Known: t.ingress, Dialer: dialer, Port: strconv.Itoa(int(t.port)), Logf: o.Logf,
	})
	t.endpoint.Cluster = state.Origin{Server: c.Server, Gateway: t.name}
	t.endpoint.Key = t.key()
	t.endpoint.Dial = route.Dial
	t.endpoint.Transport = newTransport(config, route.Dial)
	t.endpoint.close = func() { _ = dialer.Close() }
	return t.endpoint, nil
}

// tunnel is the search for the port and the trust.
type tunnel struct {
	TunnelOptions
	cluster *cluster.Cluster
	home    *state.Home

	endpoint *Endpoint
	ingress  *portforward.Service
	name     string // of the Gateway
	port     int32
}

// find decides which port to take. Who may not read Gateways, but may forward
// ports, gets the plain port of Kubeflow's usual Service.
func (t *tunnel) find(ctx context.Context) error {
	door, err := gateway.Discover(ctx, t.cluster, gateway.DiscoverOptions{Gateway: t.Gateway})
	if fault.ReasonOf(err) == fault.Forbidden && t.Gateway.Name == "" {
		return t.findUsual(ctx)
	}
	if err != nil {
		return err
	}
	t.endpoint.Front, t.endpoint.Notes = door, door.Notes
	t.ingress, t.name = door.Ingress, door.Name()
	if found, err := t.findHTTPS(ctx, door); found || err != nil {
		return err
	}
	if server, ok := door.PlainServer(t.Host); ok {
		t.take("http", server.Number)
		return nil
	}
	for _, gateway := range door.Gateways() {
		for _, server := range gatewayServers(gateway, t.Host) {
			t.take("https", server.Number)
			return nil
		}
	}
	return fault.New(fault.NoServicePort, "name a host that a server of the Gateway admits: --host NAME",
		"no server of Gateway %s answers for the host %s", t.name, t.Host)
}

// findUsual takes Kubeflow's own names.
func (t *tunnel) findUsual(ctx context.Context) (err error) {
	usual := gateway.KubeflowIngress
	t.ingress, err = portforward.Resolve(ctx, t.cluster.Core, t.cluster.Discovery, usual.Namespace, usual.Name)
	if err != nil {
		return err
	}
	t.name = gateway.KubeflowGateway.String()
	t.note("Gateways may not be read; the plain port of Kubeflow's usual Service %s is taken", usual)
	t.take("http", plainPort)
	return nil
}

// plainPort is the one of the ingress Service that Kubeflow's own server is on.
const plainPort = 80

// findHTTPS takes the server that setup made, if it answers for the host and
// its CA can be believed.
func (t *tunnel) findHTTPS(ctx context.Context, door *gateway.FrontDoor) (bool, error) {
	server, stands := door.OurServer(door.SecretName(""))
	if t.Plain || !stands || !server.MatchesHost(t.Host) {
		return false, nil
	}
	installed, err := gateway.ReadAuthority(ctx, t.cluster, door)
	if fault.ReasonOf(err) == fault.Forbidden {
		t.note("the CA may not be read; the plain port is taken: %v", err)
		return false, nil
	}
	if err != nil {
		return false, err
	}
	authority, err := installed.Authority()
	switch {
	case err != nil:
		return false, fault.Wrap(fault.Certificate, "kubectl kftls status", err)
	case authority == nil:
		t.note("there is an HTTPS server of ours and no ConfigMap with its CA; the plain port is taken")
		return false, nil
	}
	if t.endpoint.Authority, err = t.believe(authority, installed); err != nil {
		return false, err
	}
	t.take("https", server.Number)
	return true, nil
}

// believe returns the CA as this computer keeps it, or a new one that cannot
// sign for much. That the served chain ends in it, every handshake verifies.
func (t *tunnel) believe(published *ca.Authority, installed *gateway.Installed) (*ca.Authority, error) {
	kept, err := t.home.Authority(published.Fingerprint())
	if errors.Is(err, fs.ErrNotExist) {
		return published, installed.RequireSmall(published)
	}
	return kept, err
}

// gatewayServers are the HTTPS servers of a Gateway that answer for a host.
func gatewayServers(object *unstructured.Unstructured, host string) (found []gateway.Server) {
	for _, server := range gateway.Servers(object) {
		if server.Protocol == "HTTPS" && server.MatchesHost(host) {
			found = append(found, server)
		}
	}
	return found
}

func (t *tunnel) take(scheme string, port int32) {
	t.endpoint.Origin, t.port = &url.URL{Scheme: scheme, Host: gateway.URLHost(t.Host)}, port
}

func (t *tunnel) note(format string, args ...any) {
	t.endpoint.Notes = append(t.endpoint.Notes, fmt.Sprintf(format, args...))
}

// roots are those of our CA where it is in force.
func (t *tunnel) roots() *x509.CertPool {
	if t.endpoint.Authority == nil {
		return nil
	}
	return t.endpoint.Authority.Pool()
}

// key names the endpoint. The CA is a part of it, since one URL of an API
// server stands for many clusters over time.
func (t *tunnel) key() string {
	key := t.cluster.Server + " " + t.name + " " + t.Host
	if t.endpoint.Authority != nil {
		key += " " + t.endpoint.Authority.Fingerprint()[:12]
	}
	return key
}
