package diagnose

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"slices"

	"github.com/kftls/kubectl-kftls/pkg/gateway"
	"github.com/kftls/kubectl-kftls/pkg/portforward"
)

// mostPods is how many gateway pods are asked over a plain road and over TLS.
// Kubeflow's autoscaler goes up to five.
const mostPods = 5

// tunnels are the roads through the API server: to the plain server of one pod,
// and over TLS to every ready pod, since each may serve something else.
func (f *Facts) tunnels(dialer portforward.Dialer) []*Road {
	o := f.Objects
	if o == nil || dialer == nil || !o.Ingress.OK() {
		return nil
	}
	ready := o.Ingress.Value.Ready()
	if len(ready) == 0 {
		return nil
	}
	var roads []*Road
	if port, ok := f.plainPort(); ok {
		if r := f.tunnel(dialer, ready[0], port, false); r != nil {
			roads = append(roads, r)
		}
	}
	if port, ok := f.tlsPort(); ok {
		if _, err := f.anyDoor().PodPort(ready[0], port); err != nil {
			f.unpublished = err
		}
		for _, pod := range ready[:min(len(ready), mostPods)] {
			if r := f.tunnel(dialer, pod, port, true); r != nil {
				roads = append(roads, r)
			}
		}
	}
	return roads
}

// plainPort is the port of the plain HTTP server that answers for the host, or
// Kubeflow's where none could be read.
func (f *Facts) plainPort() (int32, bool) {
	const usual = 80
	o := f.Objects
	if o.Door == nil {
		return usual, true
	}
	if server, ok := o.Door.PlainServer(f.Aim.Host); ok {
		return server.Number, true
	}
	return usual, o.publishes(usual)
}

// tlsPort is the port of the HTTPS server that counts: ours, else one that
// admits the host, else any; where there is none, the usual one if HTTPS is
// expected.
func (f *Facts) tlsPort() (int32, bool) {
	server, ok := f.Objects.httpsServer(f.Aim.Host)
	if ok {
		return server.Number, true
	}
	return gateway.DefaultPort, f.Aim.wantsHTTPS()
}

// httpsServer is the server that counts for a host: Envoy takes the one that names
// it exactly before those with a wildcard.
func (o *Objects) httpsServer(host string) (gateway.Server, bool) {
	servers := o.httpsServers()
	for _, fits := range []func(gateway.Server) bool{
		func(s gateway.Server) bool { return slices.Contains(s.Hosts, host) && s.Number == gateway.DefaultPort },
		func(s gateway.Server) bool { return s.MatchesHost(host) && s.Name == gateway.ServerName },
		func(s gateway.Server) bool { return s.MatchesHost(host) && s.Number == gateway.DefaultPort },
		func(s gateway.Server) bool { return s.MatchesHost(host) },
		func(s gateway.Server) bool { return s.Name == gateway.ServerName },
		func(s gateway.Server) bool { return s.Number == gateway.DefaultPort },
		func(gateway.Server) bool { return true },
	} {
		if at := slices.IndexFunc(servers, fits); at >= 0 {
			return servers[at], true
		}
	}
	return gateway.Server{}, false
}

func (o *Objects) publishes(port int32) bool {
	if !o.Ingress.OK() {
		return false
	}
	for _, p := range o.Ingress.Value.Object.Spec.Ports {
		if p.Port == port {
			return true
		}
	}
	return false
}

// tunnel is the road to one port of one pod; nil where the pod cannot listen there.
func (f *Facts) tunnel(dialer portforward.Dialer, pod portforward.Pod, port int32, isTLS bool) *Road {
	podPort, err := f.anyDoor().PodPort(pod, port)
	if err != nil {
		return nil
	}
	target := portforward.Target{Namespace: pod.Namespace, Pod: pod.Name, Port: podPort}
	scheme := "http"
	if isTLS {
		scheme = "https"
	}
	return &Road{
		Name: fmt.Sprintf("the tunnel to %s (%s)", target, scheme), Pod: pod.Name, Port: podPort, TLS: isTLS,
		Origin: &url.URL{Scheme: scheme, Host: gateway.URLHost(f.Aim.Host)},
		dial: func(ctx context.Context) (net.Conn, error) {
			return dialer.DialTarget(ctx, target)
		},
	}
}

// anyDoor is the front door, or one of the ingress Service alone.
func (f *Facts) anyDoor() *gateway.FrontDoor {
	if f.Objects.Door != nil {
		return f.Objects.Door
	}
	return &gateway.FrontDoor{Ingress: f.Objects.Ingress.Value}
}
