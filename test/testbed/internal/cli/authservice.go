package cli

import (
	"fmt"

	"github.com/spf13/cobra"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/kftls/kubectl-kftls/test/testbed/internal/authservice"
)

// authserviceCommand plays the AuthService; the node starts it, with the settings of its container as environment.
func (a *app) authserviceCommand() *cobra.Command {
	address := ""
	cmd := &cobra.Command{
		Use:    "authservice",
		Short:  "Stand in for oidc-authservice, which guarded Kubeflow up to 1.8",
		Hidden: true,
		Args:   args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			settings, err := authservice.Read(a.env)
			if err != nil {
				return err
			}
			review, err := a.tokenReview(settings.Audiences)
			if err != nil {
				return err
			}
			server := authservice.New(authservice.Options{Settings: settings, Review: review, Log: a.streams.Out})
			return server.Serve(cmd.Context(), address)
		},
	}
	cmd.Flags().StringVar(&address, "address", "", "IP to listen on")
	return cmd
}

// tokenReview asks the API server that KUBECONFIG names, if it does.
func (a *app) tokenReview(audiences []string) (authservice.Review, error) {
	path := a.env("KUBECONFIG")
	if path == "" {
		return nil, nil
	}
	config, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make a client: %w", err)
	}
	return authservice.ReviewBy(client, audiences), nil
}
