package cli

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/kftls/kubectl-kftls/test/testbed/internal/pki"
	"github.com/kftls/kubectl-kftls/test/testbed/internal/supervisor"
)

func (a *app) kubeconfigCommand() *cobra.Command {
	user := pki.User{}
	cmd := &cobra.Command{
		Use:   "kubeconfig --user NAME [--group GROUP]...",
		Short: "Print a kubeconfig for a user, who has the rights that Roles give, and no others",
		Args:  args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if user.Name == "" {
				return usageError{errors.New("--user is needed")}
			}
			status, err := a.status(cmd.Context())
			if err != nil {
				return err
			}
			plane, err := pki.OpenPlane(supervisor.Layout{Dir: status.Dir}.PKI())
			if err != nil {
				return err
			}
			data, err := plane.Kubeconfig(status.Server, user, time.Now())
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(a.streams.Out, "%s", data)
			return err
		},
	}
	cmd.Flags().StringVar(&user.Name, "user", "", "the user's name")
	cmd.Flags().StringArrayVar(&user.Groups, "group", nil, "a group of the user's; may be repeated")
	return cmd
}
