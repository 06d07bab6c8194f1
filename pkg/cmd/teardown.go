package cmd

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/gateway"
	"github.com/kftls/kubectl-kftls/pkg/setup"
)

type teardownOptions struct {
	targetFlags
	changeFlags

	local    bool
	force    bool
	factory  *Factory
	teardown *setup.Teardown
}

func newTeardownCommand(f *Factory) *cobra.Command {
	o := &teardownOptions{factory: f}
	c := &cobra.Command{
		Use:   "teardown",
		Short: "Take back what setup did",
		Long: "Remove our HTTPS server from the Gateway, give servers whose certificate was swapped theirs " +
			"back, and delete the Secret and the ConfigMap, as far as they are still ours. What others " +
			"changed meanwhile stays. The CA and its key on this computer stay too, for the next setup; " +
			"--local removes them.",
		Example: fmt.Sprintf(`
			# See what would be taken back
			%[1]s teardown --dry-run=server --diff

			# Take it back without being asked
			%[1]s teardown --yes`, f.Name),
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := o.validate(); err != nil {
				return err
			}
			if err := o.prepare(c.Context()); err != nil {
				return err
			}
			if o.local {
				return o.runLocal(c.Context())
			}
			return printRoles(o.factory.UI.Out(), o.run(c.Context()))
		},
	}
	o.targetFlags.add(c)
	o.changeFlags.add(c)
	c.Flags().BoolVar(&o.local, "local", false, "Remove this cluster's CA and its key from this computer instead; the cluster is not changed")
	c.Flags().BoolVar(&o.force, "force", false, "Take back what another computer set up, and our server off a Gateway that another program keeps; with --local, remove the CA even while the cluster serves it or cannot be asked")
	return c
}

func (o *teardownOptions) prepare(ctx context.Context) error {
	target, err := o.open(ctx, o.factory)
	if err != nil {
		return err
	}
	computer, err := target.home.ComputerID()
	if err != nil {
		return err
	}
	o.teardown = &setup.Teardown{
		Cluster: target.cluster, Home: target.home, Progress: o.factory.progress, Gateway: target.gateway, SecretName: o.secretName, Force: o.force,
		Writer: gateway.Writer{Cluster: target.cluster, Manager: gateway.FieldManager("teardown", computer), Now: o.factory.Now},
	}
	return nil
}

func (o *teardownOptions) run(ctx context.Context) error {
	plan, err := o.teardown.Propose(ctx)
	if err != nil {
		return err
	}
	ui := o.factory.UI
	view := setupView{ui: ui, name: o.factory.Name}
	view.field("Context", "%s (%s)", o.teardown.Cluster.Context, o.teardown.Cluster.Server)
	view.field("Gateway", "%s", plan.Door.Name())
	if owner := plan.Installed.Holder().Computer; owner != "" {
		view.field("Set up by", "computer %q", owner)
	}
	for _, note := range plan.Door.Notes {
		ui.Note("note: %s", note)
	}
	ui.Note("")
	for _, change := range plan.Changes {
		ui.Note("%s", sentence(change.String()))
	}
	for _, left := range plan.Left {
		ui.Note("Leave %s", left)
	}
	if o.dryRun != dryRunClient {
		if err := o.teardown.RequireRights(ctx, plan); err != nil {
			return err
		}
	}
	if o.diff {
		if err := view.diff(plan.Plan); err != nil {
			return err
		}
	}
	if o.dryRun != dryRunNone {
		return o.try(ctx, plan, view)
	}
	unchanged := fmt.Sprintf("gateway/%s unchanged: nothing of ours is there\n", plan.Door.Name())
	switch {
	case plan.Empty() && len(plan.Left) > 0:
		fmt.Fprintf(ui.Out(), "gateway/%s unchanged\n", plan.Door.Name()) // why was said above
		return o.forgetPrepared(plan)
	case plan.Empty():
		fmt.Fprint(ui.Out(), unchanged)
		return errors.Join(o.forgetPrepared(plan), o.teardown.Forget(plan))
	}
	if err := o.teardown.RequireOwn(plan); err != nil {
		return err
	}
	if err := o.ask(ctx, ui, "Take this back on "+o.teardown.Cluster.Server+"?"); err != nil {
		return err
	}
	done, err := o.teardown.Apply(ctx, plan)
	for _, change := range done {
		fmt.Fprintf(ui.Out(), "%s %s\n", objectRef(change), kubectlVerb(change.Action))
	}
	switch {
	case err == nil && len(done) == 0: // another teardown was quicker
		fmt.Fprint(ui.Out(), unchanged)
	case err == nil || len(done) == len(plan.Changes):
	case len(done) == 0 && fault.ReasonOf(err) == fault.Admission:
		ui.Note("Nothing was changed. Run '%s teardown' again to take it back.", o.factory.Name)
	default:
		ui.Note("Run '%s teardown' again to take back the rest.", o.factory.Name)
	}
	return err
}

// forgetPrepared ends a run that found nothing in the cluster.
func (o *teardownOptions) forgetPrepared(plan *setup.TeardownPlan) error {
	was, err := o.teardown.ForgetPrepared(plan)
	if was && err == nil {
		o.factory.UI.Note("Removed from this computer: the CA and the certificate that a dry run had prepared, with their keys.")
	}
	return err
}

func (o *teardownOptions) try(ctx context.Context, plan *setup.TeardownPlan, view setupView) error {
	if o.dryRun == dryRunServer {
		if _, err := o.teardown.Writer.DryRun(ctx, plan.Plan); err != nil {
			return err
		}
	}
	view.tried(plan.Plan, o.dryRun)
	return nil
}

func (o *teardownOptions) runLocal(ctx context.Context) error {
	plan, err := o.teardown.ProposeLocal(ctx, o.force)
	if err != nil {
		return err
	}
	if len(plan.Authorities) == 0 && !plan.Prepared {
		fmt.Fprintln(o.factory.UI.Out(), "unchanged: this computer holds no CA of this cluster")
		return nil
	}
	for _, authority := range plan.Authorities {
		what := "the CA of " + day(authority.Certificate.NotBefore)
		if authority.Key != nil {
			what += " and its key"
		}
		o.factory.UI.Note("Remove %s: SHA-256 %s", what, authority.Fingerprint())
	}
	if plan.Prepared {
		o.factory.UI.Note("Remove what a dry run has prepared, with its keys")
	}
	if o.dryRun != dryRunNone {
		return nil
	}
	if err := o.ask(ctx, o.factory.UI, "Remove it from this computer?"); err != nil {
		return err
	}
	for _, authority := range plan.Authorities {
		if err := o.teardown.Home.RemoveAuthority(authority.Fingerprint()); err != nil {
			return err
		}
		fmt.Fprintf(o.factory.UI.Out(), "ca/%s removed from this computer\n", authority.Fingerprint())
	}
	if !plan.Prepared {
		return nil
	}
	if err := o.teardown.ForgetLocal(plan); err != nil {
		return err
	}
	fmt.Fprintln(o.factory.UI.Out(), "prepared CA and certificate removed from this computer")
	return nil
}
