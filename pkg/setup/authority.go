package setup

import (
	"context"
	"errors"
	"io/fs"

	"github.com/kftls/kubectl-kftls/pkg/ca"
	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/gateway"
	"github.com/kftls/kubectl-kftls/pkg/state"
)

// InForce is the CA of a front door.
type InForce struct {
	*ca.Authority
	// IsNew tells that this computer did not know it, so that it is to be shown.
	IsNew bool
	// Others are further CAs of the ConfigMap: one that was announced, one that was
	// replaced. Nothing that is served proves them.
	Others []*ca.Authority
	// Origin is the front door that it is in force at.
	Origin state.Origin
}

// Authority returns the CA in force of a front door. One that this computer
// does not know is taken from the ConfigMap only if it signed what is served,
// and if its name constraints keep it small: whoever may write a ConfigMap
// could plant a CA. The error is of reason NotFound where nothing is set up.
func (i Inspector) Authority(ctx context.Context) (*InForce, error) {
	door, err := gateway.Discover(ctx, i.Cluster, gateway.DiscoverOptions{Gateway: i.Gateway, PodsOptional: true})
	if err != nil {
		return nil, err
	}
	i.SecretName = door.SecretName(i.SecretName)
	installed, err := gateway.ReadInstalled(ctx, i.Cluster, door, i.SecretName)
	if err != nil {
		return nil, err
	}
	published, err := installed.Authority()
	if err != nil {
		return nil, fault.Wrap(fault.Certificate, "kubectl kftls status", err)
	}
	if published == nil {
		return nil, fault.New(fault.NotFound, "kubectl kftls setup",
			"this front door has no CA of ours: there is no ConfigMap %s/%s", door.Gateway.GetNamespace(), gateway.ConfigMapName)
	}
	found := &InForce{
		Authority: published, Others: installed.OtherAuthorities(),
		Origin: state.Origin{Server: i.Cluster.Server, Gateway: door.Name()},
	}
	kept, err := i.Home.Authority(published.Fingerprint())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		found.IsNew = true
		if err := installed.RequireSmall(published); err != nil {
			return nil, err
		}
		if err := i.requireServed(ctx, door, published); err != nil {
			return nil, err
		}
		return found, nil
	case err != nil:
		return nil, err
	}
	found.Authority = kept
	return found, nil
}

// requireServed refuses a CA that did not sign what the gateway serves.
func (i Inspector) requireServed(ctx context.Context, door *gateway.FrontDoor, published *ca.Authority) error {
	server, stands := door.OurServer(i.SecretName)
	if !stands || len(door.ReadyPods()) == 0 {
		return fault.New(fault.Verification, "kubectl kftls status",
			"the CA of the ConfigMap (SHA-256 %s) is not known to this computer, and nothing is served that could prove it", published.Fingerprint())
	}
	road, err := door.Tunnel(i.Dialer, door.ReadyPods()[0], server.Number)
	if err != nil {
		return err
	}
	name := "localhost"
	if permitted := published.Certificate.PermittedDNSDomains; len(permitted) > 0 {
		name = permitted[0]
	}
	chain, err := gateway.Handshake(ctx, road, name)
	if err != nil {
		return fault.New(fault.Verification, "kubectl kftls status", "see whether the gateway serves a certificate of the ConfigMap's CA: %w", err)
	}
	if err := gateway.Accepts(chain, published.Pool(), "", i.Now()); err != nil {
		return fault.New(fault.Verification, "kubectl kftls status",
			"the CA of the ConfigMap (SHA-256 %s) does not vouch for what the gateway serves, it is not to be trusted: %w", published.Fingerprint(), err)
	}
	return nil
}
