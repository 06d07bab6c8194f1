package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/kftls/kubectl-kftls/test/testbed/internal/upstream"
)

// upstreamCommand plays what lies behind the gateway; the node starts it.
func (a *app) upstreamCommand() *cobra.Command {
	o, address := upstream.Options{}, ""
	cmd := &cobra.Command{
		Use:    "upstream",
		Short:  "Stand in for the dashboard or the pipelines API",
		Hidden: true,
		Args:   args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.Log = a.streams.Out
			return serveUntil(cmd.Context(), address, o)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.Component, "component", upstream.CentralDashboard, "which program to stand in for")
	flags.StringVar(&o.PipelinesVersion, "pipelines-version", "", "version that the pipelines' health checks name")
	flags.StringVar(&address, "address", "", "IP:PORT to listen on")
	return cmd
}

func serveUntil(ctx context.Context, address string, o upstream.Options) error {
	return upstream.Serve(ctx, address, upstream.New(o))
}
