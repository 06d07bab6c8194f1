package cmd

import (
	"context"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kftls/kubectl-kftls/pkg/cluster"
	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/gateway"
	"github.com/kftls/kubectl-kftls/pkg/portforward"
	"github.com/kftls/kubectl-kftls/pkg/setup"
	"github.com/kftls/kubectl-kftls/pkg/state"
)

// targetFlags choose the Gateway and our Secret. The verbs share them.
type targetFlags struct {
	gateway string
	// secretName is "" for the one in use.
	secretName string
}

func (t *targetFlags) add(c *cobra.Command) {
	t.addGateway(c)
	c.Flags().StringVar(&t.secretName, "secret-name", "",
		"Name of the TLS Secret, in the namespace of the gateway pods (default "+gateway.SecretName+", or the one in use)")
}

func (t *targetFlags) addGateway(c *cobra.Command) {
	c.Flags().StringVar(&t.gateway, "gateway", "",
		"The Istio Gateway, as NAMESPACE/NAME or NAME (default kubeflow/kubeflow-gateway, or the one that Kubeflow's VirtualServices point at)")
}

// resolve returns the Gateway; the zero value means Kubeflow's. The namespace
// of a bare name is that of -n, else Kubeflow's own: the context's namespace
// is where the user works, not where the Gateway is.
func (t *targetFlags) resolve(f *Factory) (types.NamespacedName, error) {
	if t.gateway == "" {
		return types.NamespacedName{}, nil
	}
	namespace, name, found := strings.Cut(t.gateway, "/")
	if !found {
		namespace, name = *f.ConfigFlags.Namespace, t.gateway
		if namespace == "" {
			namespace = gateway.KubeflowGateway.Namespace
		}
	}
	if namespace == "" || name == "" || strings.Contains(name, "/") {
		return types.NamespacedName{}, fault.New(fault.Usage, "", "--gateway %q is neither NAME nor NAMESPACE/NAME", t.gateway)
	}
	return types.NamespacedName{Namespace: namespace, Name: name}, nil
}

// target is what the verbs act on: a Gateway of a cluster, and what this
// computer keeps of it.
type target struct {
	gateway types.NamespacedName
	cluster *cluster.Cluster
	home    *state.Home
}

// open opens the target. It sends no request.
func (t *targetFlags) open(ctx context.Context, f *Factory) (*target, error) {
	gateway, err := t.resolve(f)
	if err != nil {
		return nil, err
	}
	cluster, err := f.Cluster(ctx)
	if err != nil {
		return nil, err
	}
	home, err := f.Home()
	return &target{gateway: gateway, cluster: cluster, home: home}, err
}

// inspector looks at the target through a dialer, which the caller closes.
func (t *target) inspector(f *Factory, secretName string) setup.Inspector {
	return setup.Inspector{
		Cluster: t.cluster, Home: t.home, Gateway: t.gateway, SecretName: secretName, Now: f.Now,
		Dialer: portforward.NewDialer(t.cluster.Config, portforward.Options{}),
	}
}

// progress shows the steps of a run.
func (f *Factory) progress(title string) func(detail string, err error) {
	step := f.UI.Step(title)
	return func(detail string, err error) {
		if err != nil {
			step.Fail("")
			return
		}
		step.Done(detail)
	}
}

var _ setup.Progress = (*Factory)(nil).progress
