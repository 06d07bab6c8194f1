package cli

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/kftls/kubectl-kftls/test/testbed/internal/control"
)

// guardLimit bounds the guard's one question to the API server.
const guardLimit = 10 * time.Second

// The marker object: test/testbed/additions/marker.yaml.
const (
	markerNamespace = "kube-system"
	markerName      = "kftls-testbed"
	markerKey       = "id"
)

func (a *app) guardCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "guard",
		Short: "Succeed only if the current kubeconfig leads to this testbed",
		Long: `Succeed only if the current kubeconfig (KUBECONFIG, else ~/.kube/config) leads to
this testbed: by a loopback address, to an API server that holds the marker object
of the testbed that runs in --dir. Scripts that write ask this first, so that they
can never touch a real cluster.`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.guard(cmd.Context()) },
	}
}

func (a *app) guard(ctx context.Context) error {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, nil).ClientConfig()
	if err != nil {
		return fmt.Errorf("not this testbed: read the kubeconfig: %w", err)
	}
	// The address is looked at first: no other server is asked anything.
	if err := isLoopback(config.Host); err != nil {
		return err
	}
	status, err := a.status(ctx)
	if err != nil {
		return err
	}
	return a.checkMarker(ctx, config, status)
}

// isLoopback takes URLs with a loopback IP address alone: what a name leads to
// can change between the question and the next command.
func isLoopback(server string) error {
	address, err := url.Parse(server)
	if err != nil {
		return fmt.Errorf("not this testbed: read the API server's address: %w", err)
	}
	ip, err := netip.ParseAddr(address.Hostname())
	if err != nil || !ip.IsLoopback() {
		return fmt.Errorf("not this testbed: the API server %s is not at a loopback address", server)
	}
	return nil
}

func (a *app) checkMarker(ctx context.Context, config *rest.Config, status *control.Status) error {
	ctx, cancel := context.WithTimeout(ctx, guardLimit)
	defer cancel()
	config = rest.CopyConfig(config)
	config.UserAgent = "kftls-testbed-guard"
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("not this testbed: %w", err)
	}
	marker, err := client.CoreV1().ConfigMaps(markerNamespace).Get(ctx, markerName, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("not this testbed: read the marker ConfigMap %s/%s of %s: %w", markerNamespace, markerName, config.Host, err)
	}
	if status.ID == "" || marker.Data[markerKey] != status.ID {
		return errors.New("not this testbed: the marker object at " + config.Host + " is another testbed's")
	}
	return nil
}
