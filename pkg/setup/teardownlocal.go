package setup

import (
	"context"
	"slices"

	"k8s.io/apimachinery/pkg/types"

	"github.com/kftls/kubectl-kftls/pkg/ca"
	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/gateway"
	"github.com/kftls/kubectl-kftls/pkg/state"
)

// LocalPlan is what teardown --local would remove from this computer.
type LocalPlan struct {
	Authorities []*ca.Authority
	// Prepared tells that a dry run has prepared a CA or a certificate.
	Prepared bool

	origin state.Origin
}

// ProposeLocal finds the authorities that this computer made for the cluster.
// It refuses with reason LocalState while the cluster serves one of them, or
// cannot be asked, unless force is given: the key would be lost for good.
func (t *Teardown) ProposeLocal(ctx context.Context, force bool) (*LocalPlan, error) {
	name := t.Gateway
	if name.Name == "" {
		name = gateway.KubeflowGateway
	}
	inForce, err := t.inForce(ctx, &name)
	if err != nil && !force {
		return nil, fault.New(fault.LocalState, "kubectl kftls teardown --local --force",
			"the cluster cannot be asked whether it serves this CA: %w", err)
	}
	p := &LocalPlan{origin: state.Origin{Server: t.Cluster.Server, Gateway: name.String()}}
	if p.Authorities, err = t.Home.AuthoritiesFor(p.origin); err != nil {
		return nil, err
	}
	p.Prepared = t.Home.HasPrepared(p.origin)
	for _, authority := range slices.Concat(p.Authorities, t.preparedAuthority(p.origin)) {
		if authority.Fingerprint() == inForce && !force {
			return nil, fault.New(fault.LocalState, "take it back in the cluster first: kubectl kftls teardown; or lose its key: kubectl kftls teardown --local --force",
				"the cluster serves a certificate of this CA: without its key, it could not be renewed")
		}
	}
	return p, nil
}

// preparedAuthority is a CA that a dry run has prepared; none where it cannot be
// read, since then it is of no use either.
func (t *Teardown) preparedAuthority(o state.Origin) []*ca.Authority {
	if prepared, err := t.Home.Prepared(o); err == nil && prepared != nil && prepared.Authority != nil {
		return []*ca.Authority{prepared.Authority}
	}
	return nil
}

// ForgetLocal removes what a dry run has prepared.
func (t *Teardown) ForgetLocal(p *LocalPlan) error { return t.Home.ForgetPrepared(p.origin) }

// inForce asks the cluster for the fingerprint of its CA, "" when it has none.
// It corrects the Gateway's name where that was found under another one.
func (t *Teardown) inForce(ctx context.Context, name *types.NamespacedName) (string, error) {
	door, err := gateway.Discover(ctx, t.Cluster, gateway.DiscoverOptions{Gateway: t.Gateway, PodsOptional: true})
	switch fault.ReasonOf(err) {
	case "":
	case fault.NoIstio, fault.NotKubeflow:
		return "", nil // there is nothing that could serve it
	default:
		return "", err
	}
	*name = types.NamespacedName{Namespace: door.Gateway.GetNamespace(), Name: door.Gateway.GetName()}
	installed, err := gateway.ReadInstalled(ctx, t.Cluster, door, door.SecretName(t.SecretName))
	if err != nil {
		return "", err
	}
	return installed.CAFingerprint(), nil
}
