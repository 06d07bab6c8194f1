package setup

import (
	"context"
	"crypto/x509"

	"golang.org/x/sync/errgroup"

	"github.com/kftls/kubectl-kftls/pkg/ca"
	"github.com/kftls/kubectl-kftls/pkg/gateway"
	"github.com/kftls/kubectl-kftls/pkg/portforward"
)

// look asks the gateway pods for their certificates.
type look struct {
	Inspector
	door      *gateway.FrontDoor
	server    gateway.Server
	installed *gateway.Installed
}

// pods asks each ready pod. Where the Secret may not be read, what the first one
// serves under our CA stands for it: the others must serve the same.
func (l look) pods(ctx context.Context, status *Status) {
	ready := l.door.ReadyPods()
	status.Pods = make([]PodStatus, len(ready))
	chains := make([][]*x509.Certificate, len(ready))
	var group errgroup.Group
	for n, pod := range ready {
		status.Pods[n].Name = pod.Name
		if l.server.Number == 0 {
			continue
		}
		group.Go(func() error {
			chain, err := ask(ctx, l.door, l.Dialer, pod, l.server, l.name(status))
			if err != nil {
				status.Pods[n].Problem = err.Error()
			}
			chains[n] = chain
			return nil
		})
	}
	_ = group.Wait() // each pod keeps its own problem
	for n, chain := range chains {
		if chain == nil {
			continue
		}
		pod := &status.Pods[n]
		pod.Certificate = l.describe(chain[0])
		if status.Certificate == nil && status.SecretUnknown != "" && gateway.EndsIn(chain, l.installed.CAFingerprint()) {
			status.Certificate = pod.Certificate
		}
		pod.Problem = l.problem(chain, status)
		pod.Serves = pod.Problem == ""
	}
}

// name is one that the server answers for.
func (l look) name(status *Status) string {
	if status.Certificate != nil && len(status.Certificate.Names) > 0 {
		return gateway.SampleName(status.Certificate.Names[0])
	}
	return serverName(l.server)
}

// serverName is a name that a server answers for.
func serverName(server gateway.Server) string {
	for _, host := range server.Hosts {
		if names, err := ca.ParseNames([]string{host}); err == nil {
			return gateway.SampleName(names.Strings()[0])
		}
	}
	return "localhost"
}

// ask makes a handshake with our server on one pod.
func ask(ctx context.Context, door *gateway.FrontDoor, dialer portforward.Dialer, pod portforward.Pod, server gateway.Server, name string) ([]*x509.Certificate, error) {
	road, err := door.Tunnel(dialer, pod, server.Number)
	if err != nil {
		return nil, err
	}
	return gateway.Handshake(ctx, road, name)
}

func (l look) problem(chain []*x509.Certificate, status *Status) string {
	switch {
	case status.Certificate != nil && ca.Fingerprint(chain[0]) != status.Certificate.Fingerprint:
		return "serves another certificate: " + chain[0].Subject.String()
	case !gateway.EndsIn(chain, l.installed.CAFingerprint()):
		return "serves a certificate of another CA: " + chain[0].Issuer.String()
	}
	return ""
}
