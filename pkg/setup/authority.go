package setup

import (
	"context"
	"errors"
	"io/fs"

	"github.com/kftls/kubectl-kftls/pkg/ca"
	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/gateway"
)

// Authority returns the CA in force of a front door. One that this computer
// does not know is taken from the ConfigMap only if the served chain ends in
// it, and if its name constraints keep it small: whoever may write a ConfigMap
// could plant a CA. isNew tells that it is one of those, to be shown. The error
// is of reason NotFound where nothing is set up.
func (i Inspector) Authority(ctx context.Context) (authority *ca.Authority, isNew bool, err error) {
	door, err := gateway.Discover(ctx, i.Cluster, gateway.DiscoverOptions{Gateway: i.Gateway, PodsOptional: true})
	if err != nil {
		return nil, false, err
	}
	installed, err := gateway.ReadInstalled(ctx, i.Cluster, door, i.SecretName)
	if err != nil {
		return nil, false, err
	}
	if installed.ConfigMap == nil {
		return nil, false, fault.New(fault.NotFound, "kubectl kftls setup",
			"this front door has no CA of ours: there is no ConfigMap %s/%s", door.Gateway.GetNamespace(), gateway.ConfigMapName)
	}
	published, err := ca.ParseAuthority(installed.CABundle(), nil)
	if err != nil {
		return nil, false, fault.New(fault.Certificate, "kubectl kftls status", "read the CA of ConfigMap %s/%s: %w",
			installed.ConfigMap.Namespace, installed.ConfigMap.Name, err)
	}
	kept, err := i.Home.Authority(published.Fingerprint())
	if errors.Is(err, fs.ErrNotExist) {
		return published, true, errors.Join(requireSmall(published), i.requireServed(ctx, door, published))
	}
	return kept, false, err
}

// requireSmall refuses a CA that could sign for any name.
func requireSmall(published *ca.Authority) error {
	if c := published.Certificate; c.PermittedDNSDomainsCritical && len(c.PermittedDNSDomains) > 0 {
		return nil
	}
	return fault.New(fault.Certificate, "ask who made it; to look at it: kubectl -n kubeflow get configmap kftls-ca -o yaml",
		"the CA of the ConfigMap (SHA-256 %s) is not known to this computer and could sign for any name: it is not to be trusted", published.Fingerprint())
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
	if !gateway.EndsIn(chain, published.Fingerprint()) {
		return fault.New(fault.Verification, "kubectl kftls status",
			"the CA of the ConfigMap (SHA-256 %s) did not sign what the gateway serves: it is not to be trusted", published.Fingerprint())
	}
	return nil
}
