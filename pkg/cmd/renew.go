package cmd

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/kftls/kubectl-kftls/pkg/ca"
	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/gateway"
	"github.com/kftls/kubectl-kftls/pkg/portforward"
	"github.com/kftls/kubectl-kftls/pkg/setup"
)

type renewOptions struct {
	targetFlags
	changeFlags
	givenFlags
	beforeFlag

	ifNeeded     bool
	san          []string
	keyAlgorithm string
	validity     string
	timeout      time.Duration
	factory      *Factory
	renewal      *setup.Renewal
}

func newRenewCommand(f *Factory) *cobra.Command {
	o := &renewOptions{factory: f}
	c := &cobra.Command{
		Use:   "renew",
		Short: "Give the front door a new certificate of the same CA",
		Long: "Make a new certificate with the names of the present one, signed by the CA that clients trust already, " +
			"and put it in its place. It is verified on every gateway pod. Connections that are open stay open.\n\n" +
			"Needs the CA's key: on the computer that ran setup, or with --ca-cert and --ca-key. Without it nothing is changed, " +
			"and who holds it is said. With --if-needed and --yes it is quiet unless it renews or fails, for cron.",
		Example: fmt.Sprintf(`
			# Once a day, from cron
			%[1]s renew --if-needed --yes

			# 30 days before the end at the latest
			%[1]s renew --if-needed --before 30d --yes

			# A further name, which the CA must permit
			%[1]s renew --san ml.kubeflow.example.com`, f.Name),
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := o.prepare(c.Context()); err != nil {
				return err
			}
			defer o.renewal.Dialer.Close()
			return o.run(c.Context())
		},
	}
	o.targetFlags.add(c)
	o.changeFlags.add(c)
	o.givenFlags.add(c)
	o.beforeFlag.add(c)
	flags := c.Flags()
	flags.BoolVar(&o.ifNeeded, "if-needed", false, "Change nothing, and say nothing, while the certificate is not due for renewal")
	flags.StringArrayVar(&o.san, "san", nil, "Further name for the certificate, within what the CA permits; can be repeated")
	flags.StringVar(&o.keyAlgorithm, "key-algorithm", "", "Algorithm of the new key: ecdsa-p256, ecdsa-p384, rsa-2048, rsa-3072 or rsa-4096 (default as it is)")
	flags.StringVar(&o.validity, "validity", "", "How long the new certificate is valid, e.g. 90d or 720h (default and at most 397d)")
	flags.DurationVar(&o.timeout, "timeout", defaultTimeout, "How long to wait until every gateway pod serves the certificate")
	return c
}

// beforeFlag is when a certificate is due for renewal. setup, renew and status
// share it.
type beforeFlag struct{ before string }

func (b *beforeFlag) add(c *cobra.Command) {
	c.Flags().StringVar(&b.before, "before", "",
		"How long before its end a certificate is due for renewal, e.g. 30d or 72h (default a third of its life)")
}

func (b *beforeFlag) parse() (time.Duration, error) { return parseDays("before", b.before) }

// prepare checks the command line, then opens the cluster.
func (o *renewOptions) prepare(ctx context.Context) error {
	if err := o.changeFlags.validate(); err != nil {
		return err
	}
	options, err := o.options()
	if err != nil {
		return err
	}
	target, err := o.open(ctx, o.factory)
	if err != nil {
		return err
	}
	options.Gateway = target.gateway
	o.renewal = &setup.Renewal{IfNeeded: o.ifNeeded, Setup: &setup.Setup{
		Cluster: target.cluster, Home: target.home, Progress: o.factory.progress, Now: o.factory.Now,
		Dialer: portforward.NewDialer(target.cluster.Config, portforward.Options{}), Options: options,
	}}
	return nil
}

func (o *renewOptions) options() (options setup.Options, err error) {
	options = setup.Options{Spec: gateway.Spec{SecretName: o.secretName}, Timeout: o.timeout}
	if options.Names, err = ca.ParseNames(listed(o.san)); err != nil {
		return options, fault.Wrap(fault.Usage, fault.HintOf(err), err)
	}
	if options.KeyAlgorithm, err = parseKeyAlgorithm(o.keyAlgorithm); err != nil {
		return options, err
	}
	if options.Validity, err = parseDays("validity", o.validity); err != nil {
		return options, err
	}
	if options.Before, err = o.beforeFlag.parse(); err != nil {
		return options, err
	}
	if o.timeout <= 0 {
		return options, fault.New(fault.Usage, "", "--timeout %s leaves no time to verify", o.timeout)
	}
	options.Given, err = o.read()
	return options, err
}

func (o *renewOptions) run(ctx context.Context) error {
	proposal, err := o.renewal.Propose(ctx)
	if err != nil || proposal == nil {
		return err
	}
	view := setupView{ui: o.factory.UI, name: o.factory.Name}
	isWatched := !o.yes || o.dryRun != dryRunNone
	if isWatched {
		view.field("Context", "%s (%s)", o.renewal.Cluster.Context, o.renewal.Cluster.Server)
		view.field("Gateway", "%s", proposal.Finding.Door.Name())
		view.plan(proposal)
	}
	view.dropped(proposal.Finding)
	if o.diff {
		if err := view.diff(proposal.Plan); err != nil {
			return err
		}
	}
	if o.dryRun == dryRunServer {
		if _, err := o.renewal.DryRun(ctx, proposal); err != nil {
			return err
		}
	}
	if o.dryRun != dryRunNone {
		view.tried(proposal.Plan, o.dryRun)
		return nil
	}
	if err := o.ask(ctx, o.factory.UI, "Do this on "+o.renewal.Cluster.Server+"?"); err != nil {
		return err
	}
	result, err := o.renewal.Apply(ctx, proposal)
	view.done(result)
	if err != nil {
		view.failed(result)
		return err
	}
	if isWatched {
		view.served(result)
	}
	return nil
}
