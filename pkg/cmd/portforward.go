package cmd

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kftls/kubectl-kftls/pkg/cluster"
	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/gateway"
	"github.com/kftls/kubectl-kftls/pkg/portforward"
)

const (
	// defaultForward is the HTTPS port of the gateway, under the number that an
	// ordinary user may open.
	defaultForward = "8443:443"
	// defaultTLSForward is the gateway's plain port, for --tls.
	defaultTLSForward = "8443:80"
)

// forward is one argument of port-forward: a local port (0: a free one) and
// where it leads.
type forward struct {
	local  uint16
	remote string
}

type portForwardOptions struct {
	target    targetFlags
	addresses []string
	transport string
	tls       bool

	gateway  types.NamespacedName
	forwards []forward
	via      portforward.Transport
}

func newPortForwardCommand(f *Factory) *cobra.Command {
	o := &portForwardOptions{}
	c := &cobra.Command{
		Use:   "port-forward [[LOCAL:]REMOTE]...",
		Short: "Forward local ports to a gateway pod",
		Long: "Forward local ports to a ready gateway pod, through the API server, until Ctrl-C. " +
			"Without an argument it is " + defaultForward + ", with --tls " + defaultTLSForward + ".\n\n" +
			"REMOTE is a port of the ingress Service, by number or name, or, from 1024 on, of the pods themselves. " +
			"When a pod goes, new connections lead to another one; the local port stays open.\n\n" +
			"With --tls this computer ends TLS in front of the gateway's plain port: https without 'setup', and without " +
			"any change to the cluster. The certificate is signed by a CA of this computer's own, which 'ca --local' prints. " +
			"What is inside TLS is passed on as it is.",
		Example: fmt.Sprintf(`
			# https://localhost:8443 is the gateway's HTTPS port
			%[1]s port-forward

			# The plain port too
			%[1]s port-forward 8443:443 8080:80

			# A free local port to the Service's port named https
			%[1]s port-forward :https

			# https://localhost:8443 without a change to the cluster
			%[1]s port-forward --tls`, f.Name),
		Args: func(_ *cobra.Command, args []string) error { return o.parse(args) },
		RunE: func(c *cobra.Command, _ []string) error {
			if err := o.complete(f); err != nil {
				return err
			}
			return o.run(c.Context(), f)
		},
	}
	o.target.addGateway(c)
	c.Flags().StringSliceVar(&o.addresses, "address", []string{"localhost"},
		"Addresses to listen on (comma separated): IPs, or localhost for 127.0.0.1 and ::1. An address whose port somebody else holds is an error")
	c.Flags().StringVar(&o.transport, "transport", string(portforward.Auto),
		"How the connection to the API server is upgraded: 'websocket', 'spdy', or 'auto' for WebSocket first")
	c.Flags().BoolVar(&o.tls, "tls", false,
		"If true, TLS ends here, with a certificate of this computer's own CA, in front of a plain port of the gateway")
	return c
}

// parse reads the arguments.
func (o *portForwardOptions) parse(args []string) error {
	if len(args) == 0 {
		args = []string{o.defaultForward()}
	}
	for _, arg := range args {
		one, err := parseForward(arg)
		if err != nil {
			return err
		}
		if o.tls && (one.remote == "443" || one.remote == "https") {
			return fault.New(fault.Usage, "leave --tls out, or forward the plain port: "+defaultTLSForward,
				"port %s of the gateway ends TLS itself", one.remote)
		}
		o.forwards = append(o.forwards, one)
	}
	return nil
}

func (o *portForwardOptions) defaultForward() string {
	if o.tls {
		return defaultTLSForward
	}
	return defaultForward
}

// complete reads the flags.
func (o *portForwardOptions) complete(f *Factory) (err error) {
	if o.gateway, err = o.target.resolve(f); err != nil {
		return err
	}
	o.via, err = portforward.ParseTransport(o.transport)
	return err
}

// parseForward reads LOCAL:REMOTE, :REMOTE (a free local port), or one number
// for both.
func parseForward(arg string) (forward, error) {
	local, remote, both := strings.Cut(arg, ":")
	if !both {
		remote = local
	}
	if remote == "" || strings.Contains(remote, ":") {
		return forward{}, fmt.Errorf("%q is not [LOCAL:]REMOTE", arg)
	}
	if number, err := strconv.Atoi(remote); err == nil && (number < 1 || number > 65535) {
		return forward{}, fmt.Errorf("%q: the remote port must be from 1 to 65535", arg)
	}
	if both && local == "" {
		return forward{remote: remote}, nil
	}
	number, err := strconv.ParseUint(local, 10, 16)
	switch {
	case err != nil && !both:
		return forward{}, fmt.Errorf("%q names a remote port alone: give a local one as in 8443:%s, or a free one as in :%s", arg, arg, arg)
	case err != nil || number == 0:
		return forward{}, fmt.Errorf("%q: the local port must be from 1 to 65535, or left out for a free one", arg)
	}
	return forward{uint16(number), remote}, nil
}

// run listens first, so that connections wait instead of failing while the
// gateway is looked for, and forwards until ctx ends. Its end by Ctrl-C is no
// error.
func (o *portForwardOptions) run(ctx context.Context, f *Factory) error {
	c, err := f.Cluster(ctx)
	if err != nil {
		return err
	}
	listeners, err := o.listen(ctx)
	defer func() {
		for _, l := range listeners {
			_ = l.Close()
		}
	}()
	if err != nil {
		return err
	}
	if o.tls {
		if err := o.endTLS(f, listeners); err != nil {
			return err
		}
	}
	dialer := portforward.NewDialer(c.Config, portforward.Options{Transport: o.via, Logf: f.UI.Note})
	defer func() { _ = dialer.Close() }()
	err = o.serve(ctx, f, c, dialer, listeners)
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (o *portForwardOptions) listen(ctx context.Context) ([]*portforward.Listener, error) {
	var listeners []*portforward.Listener
	for _, one := range o.forwards {
		l, err := portforward.Listen(ctx, o.addresses, one.local)
		if err != nil {
			return listeners, err
		}
		listeners = append(listeners, l)
	}
	return listeners, nil
}

func (o *portForwardOptions) serve(ctx context.Context, f *Factory, c *cluster.Cluster, dialer portforward.Dialer, listeners []*portforward.Listener) error {
	ingress, err := o.findIngress(ctx, f, c)
	if err != nil {
		return err
	}
	routes := make([]*portforward.Route, len(o.forwards))
	for i, one := range o.forwards {
		routes[i] = portforward.NewRoute(portforward.RouteOptions{
			Resolve: func(ctx context.Context) (*portforward.Service, error) {
				return portforward.Resolve(ctx, c.Core, c.Discovery, ingress.Object.Namespace, ingress.Object.Name)
			},
			Known: ingress, Dialer: dialer, Port: one.remote, Logf: f.UI.Note, Now: f.Now,
		})
	}
	if err := tryRoutes(ctx, f, ingress, routes); err != nil {
		return err
	}
	for i, l := range listeners {
		if err := announce(f, l, remotePort(ingress, o.forwards[i].remote)); err != nil {
			return err
		}
	}
	if o.tls {
		if err := announceTLS(f, listeners); err != nil {
			return err
		}
	}
	var work sync.WaitGroup
	for i, l := range listeners {
		work.Go(func() { l.Serve(ctx, routes[i].Dial, func(err error) { f.UI.Warn("%v", err) }) })
	}
	work.Wait()
	return nil
}

// findIngress finds the Service in front of the gateway pods. Who may not read
// Gateways, but may forward ports, gets Kubeflow's usual one.
func (o *portForwardOptions) findIngress(ctx context.Context, f *Factory, c *cluster.Cluster) (*portforward.Service, error) {
	door, err := gateway.Discover(ctx, c, gateway.DiscoverOptions{Gateway: o.gateway, PodsOptional: true})
	if err == nil {
		return door.Ingress, nil
	}
	if fault.ReasonOf(err) != fault.Forbidden || o.gateway.Name != "" {
		return nil, err
	}
	usual := gateway.KubeflowIngress
	service, usualErr := portforward.Resolve(ctx, c.Core, c.Discovery, usual.Namespace, usual.Name)
	if usualErr != nil {
		return nil, usualErr
	}
	f.UI.Note("note: Gateways may not be read; Kubeflow's usual Service %s is taken", usual)
	return service, nil
}

// tryRoutes reports what would fail for every connection, and connects to the
// gateway so that the first one need not wait. What may pass is a warning.
func tryRoutes(ctx context.Context, f *Factory, ingress *portforward.Service, routes []*portforward.Route) error {
	if len(ingress.Ready()) == 0 {
		f.UI.Warn("no pod behind Service %s/%s is ready yet; connections wait for one", ingress.Object.Namespace, ingress.Object.Name)
		return nil
	}
	for _, route := range routes {
		conn, err := route.Dial(ctx)
		switch fault.ReasonOf(err) {
		case "":
			_ = conn.Close()
		case fault.Forbidden, fault.Unauthorized, fault.NoServicePort, fault.Interrupted:
			return err
		default:
			f.UI.Warn("%v", err)
		}
	}
	return nil
}

// remotePort is the pods' port for people, or what was asked for while there is
// no pod to tell.
func remotePort(ingress *portforward.Service, remote string) string {
	if port := ingress.ContainerPort(remote); port != 0 {
		return strconv.Itoa(int(port))
	}
	return remote
}

// announce prints the line that scripts know from kubectl.
func announce(f *Factory, l *portforward.Listener, remote string) error {
	for _, address := range l.Addresses() {
		local := net.JoinHostPort(address.Addr().String(), strconv.Itoa(int(address.Port())))
		if _, err := fmt.Fprintf(f.Streams.Out, "Forwarding from %s -> %s\n", local, remote); err != nil {
			return fmt.Errorf("write to stdout: %w", err)
		}
	}
	return nil
}
