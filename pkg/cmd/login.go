package cmd

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/kftls/kubectl-kftls/pkg/session"
)

type loginOptions struct {
	sessionFlags

	fresh   bool
	factory *Factory
}

func newLoginCommand(f *Factory) *cobra.Command {
	o := &loginOptions{factory: f}
	c := &cobra.Command{
		Use:   "login",
		Short: "Log in to Kubeflow, and keep the session",
		Long: "Do what 'cookie' does, and print no cookie: use the stored session if Kubeflow confirms it, else log in " +
			"and keep the session for 'cookie', 'token' and 'run'.",
		Example: fmt.Sprintf(`
			# Asks for login and password
			%[1]s login

			# A new session, although there is one
			%[1]s login --fresh

			# In a script
			pass show kubeflow | %[1]s login --login user@example.com --password-stdin`, f.Name),
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c.Context()) },
	}
	o.add(c)
	c.Flags().BoolVar(&o.fresh, "fresh", false, "If true, log in anew although there is a session")
	return c
}

func (o *loginOptions) run(ctx context.Context) error {
	v, err := o.visit(ctx, o.factory)
	if err != nil {
		return err
	}
	defer v.close()
	ui := o.factory.UI
	got, err := v.session(ctx, o.fresh)
	if errors.Is(err, session.ErrOpen) {
		ui.Note("note: %s", session.ErrOpen)
		return nil
	}
	if err != nil {
		return err
	}
	if got.Warning != "" {
		ui.Warn("%s", got.Warning)
	}
	ui.Note("logged in as %s", describeSession(got.Session, o.factory.Now()))
	return nil
}
