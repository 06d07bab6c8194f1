package cmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/ui"
)

// The values of --dry-run, kubectl's.
const (
	dryRunNone   = "none"
	dryRunClient = "client"
	dryRunServer = "server"
)

// changeFlags are shared by the verbs that change a cluster.
type changeFlags struct {
	dryRun string
	diff   bool
	yes    bool
}

func (w *changeFlags) add(c *cobra.Command) {
	flags := c.Flags()
	flags.StringVar(&w.dryRun, "dry-run", dryRunNone,
		`Must be "none", "server", or "client". With client, only say what would be done; with server, let the API server try it without keeping it`)
	flags.BoolVar(&w.diff, "diff", false, "Show the changes as a diff, on stdout; the values of Secrets are masked")
	flags.BoolVarP(&w.yes, "yes", "y", false, "Do not ask")
}

func (w *changeFlags) validate() error {
	switch w.dryRun {
	case dryRunNone, dryRunClient, dryRunServer:
		return nil
	}
	return fault.New(fault.Usage, "--dry-run=server", `--dry-run %q must be "none", "server", or "client"`, w.dryRun)
}

// ask wants a yes on the terminal, unless --yes was given.
func (w *changeFlags) ask(ctx context.Context, terminal *ui.UI, question string) error {
	if w.yes {
		return nil
	}
	yes, err := terminal.Confirm(ctx, question)
	if err == nil && !yes {
		return fault.New(fault.Declined, "", "nothing was changed")
	}
	return err
}
