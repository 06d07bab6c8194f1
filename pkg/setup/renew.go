package setup

import (
	"cmp"
	"context"
	"slices"

	"github.com/kftls/kubectl-kftls/pkg/ca"
	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/gateway"
)

// Renewal puts a new certificate of the same CA in the place of the one that
// setup made, and changes nothing else. Envoy gives it to new connections; those
// that are open stay.
type Renewal struct {
	*Setup
	// IfNeeded leaves a certificate alone that is good enough.
	IfNeeded bool
}

// Propose decides whether a new certificate is needed, and plans its write. It
// returns nil where none is. The names of the present one stay, those of
// Options.Names are added. Errors are of reason NotFound where nothing is set up,
// and Certificate where the CA cannot sign: nothing is changed then.
func (r *Renewal) Propose(ctx context.Context) (*Proposal, error) {
	end := r.Progress("Look at the certificate")
	present, reason, err := r.look(ctx)
	end(cmp.Or(reason, "good enough"), err)
	if err != nil || reason == "" {
		return nil, err
	}
	r.Options.Renew = true
	r.Options.Names = present.Names().Union(r.Options.Names)
	found, err := r.Look(ctx)
	if err != nil {
		return nil, err
	}
	found.Dropped = slices.DeleteFunc(found.Dropped, present.Names().Covers) // those stay in the certificate
	p, err := r.Setup.Propose(found)
	if err != nil {
		return nil, err
	}
	if p.LeafReason == notDue {
		p.LeafReason = reason
	}
	return p, requireSecretAlone(p)
}

// notDue is why a certificate is renewed that is good enough.
const notDue = "it is to be renewed"

// requireSecretAlone refuses to mend more than the certificate.
func requireSecretAlone(p *Proposal) error {
	if p.Trusted {
		return fault.New(fault.NotFound, "", "the front door serves a certificate of somebody else, which this computer trusts: there is none of ours to renew")
	}
	for _, change := range p.Plan.Changes {
		if change.Kind != "Secret" {
			return fault.New(fault.Conflict, "kubectl kftls setup",
				"the front door is not as setup left it, and more than the certificate would change: %s", change)
		}
	}
	if len(p.Plan.Handed) > 0 {
		return fault.New(fault.Conflict, "kubectl kftls setup",
			"the front door is not as setup left it, and more than the certificate would change: %s", p.Plan.Handed[0])
	}
	return nil
}

// look reads the present certificate and why it is to be replaced, "" where it
// is not.
func (r *Renewal) look(ctx context.Context) (*ca.Leaf, string, error) {
	door, err := gateway.Discover(ctx, r.Cluster, gateway.DiscoverOptions{Gateway: r.Options.Gateway})
	if err != nil {
		return nil, "", err
	}
	spec := r.Options.Spec.Resolve(door)
	installed, err := gateway.ReadInstalled(ctx, r.Cluster, door, spec.SecretName)
	if err != nil {
		return nil, "", err
	}
	server, err := requireSetUp(door, installed)
	if err != nil {
		return nil, "", err
	}
	authority, err := installed.Authority()
	if err != nil {
		return nil, "", fault.Wrap(fault.Certificate, "kubectl kftls status", err)
	}
	present, err := r.present(ctx, door, server, installed)
	if err != nil {
		return nil, "", err
	}
	reason := present.Unfit(authority, r.demand(r.Options.Names), r.now())
	if reason == "" && !r.IfNeeded {
		reason = notDue
	}
	if reason != "" && installed.SecretUnknown != nil {
		return nil, "", fault.New(fault.Forbidden, fault.HintOf(installed.SecretUnknown),
			"the certificate cannot be renewed (%s): %w", reason, installed.SecretUnknown)
	}
	return present, reason, nil
}

// requireSetUp returns our server, where there is something to renew.
func requireSetUp(door *gateway.FrontDoor, installed *gateway.Installed) (gateway.Server, error) {
	if installed.ConfigMap == nil || installed.Secret == nil && installed.SecretUnknown == nil {
		return gateway.Server{}, fault.New(fault.NotFound, "kubectl kftls setup", "there is no certificate to renew: Gateway %s is not set up", door.Name())
	}
	if err := installed.RequireOurs(); err != nil {
		return gateway.Server{}, err
	}
	server, stands := door.OurServer(installed.SecretName)
	if !stands {
		return gateway.Server{}, fault.New(fault.NotFound, "kubectl kftls setup",
			"our server is gone from Gateway %s (an installer may have applied its own again): nobody is served the certificate", door.Name())
	}
	return server, nil
}

// present is the Secret's certificate, or the one that is served where the
// Secret may not be read.
func (r *Renewal) present(ctx context.Context, door *gateway.FrontDoor, server gateway.Server, installed *gateway.Installed) (*ca.Leaf, error) {
	if installed.SecretUnknown == nil {
		leaf, err := installed.Leaf()
		return leaf, fault.Wrap(fault.Certificate, "kubectl kftls setup", err)
	}
	var last error
	for _, pod := range door.ReadyPods() {
		chain, err := ask(ctx, door, r.Dialer, pod, server, serverName(server))
		if err == nil {
			return &ca.Leaf{Certificate: chain[0], Issuers: chain[1:]}, nil
		}
		last = err
		if fault.ReasonOf(err) == fault.Forbidden {
			break
		}
	}
	return nil, fault.New(fault.Verification, "kubectl kftls status",
		"the Secret may not be read, and no gateway pod shows its certificate: %w", last)
}
