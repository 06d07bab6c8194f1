//go:build linux

package supervisor

import (
	"context"
	"fmt"
	"net"
	"strconv"

	"github.com/kftls/kubectl-kftls/test/testbed/additions"
	"github.com/kftls/kubectl-kftls/test/testbed/internal/insync"
	"github.com/kftls/kubectl-kftls/test/testbed/internal/node"
	"github.com/kftls/kubectl-kftls/test/testbed/internal/objects"
)

// istiodDebugPort is where istiod answers /debug, on the control plane's address.
const istiodDebugPort = "8080"

// gatewayAccount is the ServiceAccount of the ingress gateway.
const gatewayAccount = "istio-ingressgateway-service-account"

// inSync waits until every Envoy has taken what the API server holds.
func (s *Supervisor) inSync(ctx context.Context) error {
	checker := insync.Checker{
		Kubernetes: s.client, Dynamic: s.store.Client, Kinds: s.store.Kinds,
		Istiod: "http://" + net.JoinHostPort(s.config.Address, istiodDebugPort),
		Envoys: s.envoys,
		Stamp:  s.stamp,
	}
	if err := checker.Wait(ctx); err != nil {
		return fmt.Errorf("the gateways are not in sync: %w", err)
	}
	return nil
}

func (s *Supervisor) envoys() []insync.Envoy {
	var all []insync.Envoy
	for _, p := range gateways(s.pods()) {
		all = append(all, insync.Envoy{
			Pod: p.Name, Namespace: p.Namespace, ServiceAccount: gatewayAccount,
			Admin: "http://" + net.JoinHostPort(p.Address, strconv.Itoa(node.EnvoyAdminPort)),
		})
	}
	return all
}

// stamp writes a value into the EnvoyFilter that adds the cluster testbed-stamp.
func (s *Supervisor) stamp(ctx context.Context, value string) error {
	rendered, err := objects.Render(additions.Files, ".", s.values(value))
	if err != nil {
		return err
	}
	for _, o := range rendered {
		if o.GetName() == insync.StampCluster {
			return s.store.Put(ctx, o)
		}
	}
	return fmt.Errorf("no object %s among the testbed's own", insync.StampCluster)
}
