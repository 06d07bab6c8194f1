package setup

import (
	"context"
	"crypto/x509"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/gateway"
)

// lookAtWire reads what is installed, takes the plain door's answers and asks
// the port for its certificates, all at the same time. That nothing is served
// is the usual case, and no error.
func (s *Setup) lookAtWire(ctx context.Context, found *Finding) error {
	road, err := found.Door.Tunnel(s.Dialer, found.Door.ReadyPods()[0], found.Spec.Port)
	if err != nil {
		return err
	}
	var group errgroup.Group
	group.Go(func() (err error) {
		found.Installed, err = gateway.ReadInstalled(ctx, s.Cluster, found.Door, found.Spec.SecretName)
		return err
	})
	group.Go(func() (err error) {
		found.Plain, err = found.Door.AskPlain(ctx, s.Dialer, gateway.SampleName(found.Names.Strings()[0]))
		return err
	})
	group.Go(func() (err error) {
		found.Served, err = servedChains(ctx, road, found.Names.Strings())
		return err
	})
	if err := group.Wait(); err != nil {
		return err
	}
	return found.settle(ctx, road)
}

// servedChains makes a handshake by each name, at the same time, and returns
// the chains that were served.
func servedChains(ctx context.Context, road gateway.Road, names []string) (map[string][]*x509.Certificate, error) {
	chains := make([][]*x509.Certificate, len(names))
	var group errgroup.Group
	for i, name := range names {
		group.Go(func() error {
			chain, err := gateway.Handshake(ctx, road, gateway.SampleName(name))
			chains[i] = chain
			return refusedToForward(err)
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	served := map[string][]*x509.Certificate{}
	for i, chain := range chains {
		if chain != nil {
			served[names[i]] = chain
		}
	}
	return served, nil
}

// refusedToForward keeps of a failed handshake only what the API server or the
// road to it refused: that concerns the whole run.
func refusedToForward(err error) error {
	switch fault.ReasonOf(err) {
	case fault.Forbidden, fault.Unauthorized, fault.Unreachable, fault.NotFound:
		return err
	}
	return nil
}

// A server that was just taken off a Gateway is served for 0.1 to 0.3 s more.
const (
	settleLimit = 2 * time.Second
	settlePause = 50 * time.Millisecond
)

// settle looks again while a certificate is served that no known server
// explains: a teardown, or somebody's edit, may have happened just now. What
// is still served after settleLimit stays in Served.
func (f *Finding) settle(ctx context.Context, road gateway.Road) error {
	ctx, cancel := context.WithTimeout(ctx, settleLimit)
	defer cancel()
	for len(f.unexplained()) > 0 {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(settlePause):
		}
		served, err := servedChains(ctx, road, f.Names.Strings())
		if err != nil || ctx.Err() != nil {
			return err
		}
		f.Served = served
	}
	return nil
}

// unexplained are the names for which a certificate is served that is neither
// ours nor a known server's.
func (f *Finding) unexplained() []string {
	if len(f.Door.Overlapping(f.Spec.Port, f.Spec.Hosts, f.Spec.SecretName)) > 0 {
		return nil // known; whether it may be swapped, the plan says
	}
	if server, stands := f.Door.OurServer(f.Spec.SecretName); stands && server.Number == f.Spec.Port {
		return nil // what is served is an older state of our Secret
	}
	var names []string
	for _, name := range f.Names.Strings() {
		if chain := f.Served[name]; chain != nil && !f.IsOurs(chain) {
			names = append(names, name)
		}
	}
	return names
}
