package cmd

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/setup"
	"github.com/kftls/kubectl-kftls/pkg/state"
)

type statusOptions struct {
	targetFlags
	beforeFlag

	output       string
	needsRenewal bool
	local        bool
	factory      *Factory
}

func newStatusCommand(f *Factory) *cobra.Command {
	o := &statusOptions{factory: f}
	c := &cobra.Command{
		Use:   "status",
		Short: "Show what is set up and who is logged in, and until when",
		Long: "Show the certificate authority, the certificate and the HTTPS server that setup made, who made them, until when " +
			"they are valid, and what each gateway pod serves; and the sessions that this computer keeps for this " +
			"Kubeflow and for those that were reached by a URL. Changes nothing, and does not ask Kubeflow whether a session still holds.\n\n" +
			"Without rights on Secrets, what is served stands for what the Secret holds. Where the cluster cannot be asked, " +
			"what this computer keeps is shown all the same; --local asks none.",
		Example: fmt.Sprintf(`
			# For people
			%[1]s status

			# For scripts
			%[1]s status -o json

			# For a monitor: exit code 3 when the certificate is due for renewal
			%[1]s status --needs-renewal --before 30d`, f.Name),
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := o.validate(); err != nil {
				return err
			}
			return o.run(c.Context())
		},
	}
	o.targetFlags.add(c)
	o.beforeFlag.add(c)
	flags := c.Flags()
	flags.StringVarP(&o.output, "output", "o", "", "One of 'yaml' or 'json'.")
	flags.BoolVar(&o.needsRenewal, "needs-renewal", false,
		"End with exit code 3 when the certificate is due for renewal, 0 when it is not, and 1 when that cannot be said or it is not served")
	flags.BoolVar(&o.local, "local", false, "Ask no cluster: show what this computer keeps")
	return c
}

func (o *statusOptions) validate() error {
	if err := validateOutput(o.output, "json", "yaml"); err != nil {
		return err
	}
	if o.local && (o.needsRenewal || o.gateway != "" || o.secretName != "") {
		return fault.New(fault.Usage, "leave one of them out", "--local asks no cluster, and --needs-renewal, --gateway and --secret-name are about one")
	}
	return nil
}

func (o *statusOptions) run(ctx context.Context) error {
	before, err := o.beforeFlag.parse()
	if err != nil {
		return err
	}
	status, home, err := o.inspect(ctx, before)
	if home == nil {
		return err
	}
	report := statusReport{Status: status, Sessions: sessionsBehind(ctx, o.factory, home, status)}
	if o.output == "" {
		printStatus(o.factory, report)
	} else if err := printObject(o.factory.Streams.Out, o.output, report); err != nil {
		return err
	}
	if err == nil && o.needsRenewal {
		err = needsRenewal(status)
	}
	return err
}

// inspect asks the cluster. Beside an error, the status is what is known without
// it, and the home is nil where not even that is.
func (o *statusOptions) inspect(ctx context.Context, before time.Duration) (*setup.Status, *state.Home, error) {
	home, err := o.factory.Home()
	if err != nil {
		return nil, nil, err
	}
	onlyHere := setup.Inspector{Home: home, Now: o.factory.Now}
	if o.local {
		return onlyHere.LocalOnly(nil), home, nil
	}
	target, err := o.open(ctx, o.factory)
	if err != nil {
		return onlyHere.LocalOnly(err), home, err
	}
	inspector := target.inspector(o.factory, o.secretName)
	defer inspector.Dialer.Close()
	inspector.Before = before
	status, err := inspector.Inspect(ctx)
	if err != nil {
		return inspector.LocalOnly(err), home, err
	}
	return status, home, nil
}

// needsRenewal turns a status into an exit code.
func needsRenewal(s *setup.Status) error {
	switch {
	case s.Renewal == nil:
		return fault.New(fault.NotFound, "kubectl kftls setup", "there is no certificate of ours that could be renewed")
	case s.Renewal.Due:
		return silentExit(exitRenewalDue)
	case s.State == setup.AwaitingSync:
		return fault.New(fault.Verification, "kubectl kftls setup --wait",
			"the certificate is not due for renewal, but %s has not brought its server to the Gateway yet", s.ManagedBy)
	case s.State != setup.Serving:
		return fault.New(fault.Verification, "kubectl kftls setup", "the certificate is not due for renewal, but not every gateway pod serves it")
	}
	return nil
}
