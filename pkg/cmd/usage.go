package cmd

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

// noteStart tells errors of the command line (unknown flags, number of
// arguments, required and exclusive flags) from those of the verb: what comes
// before a RunE begins is about the command line.
func noteStart(root *cobra.Command) *bool {
	started := false
	var wrap func(*cobra.Command)
	wrap = func(c *cobra.Command) {
		if run := c.RunE; run != nil {
			c.RunE = func(c *cobra.Command, args []string) error {
				started = true
				return run(c, args)
			}
		}
		for _, child := range c.Commands() {
			wrap(child)
		}
	}
	wrap(root)
	return &started
}

// usageError makes an error about the command line one of usage, unless it has
// its reason already. A nil error stays nil.
func usageError(c *cobra.Command, err error) error {
	if known := (*fault.Error)(nil); errors.As(err, &known) {
		return err
	}
	return fault.Wrap(fault.Usage, fmt.Sprintf("see '%s --help' for usage", c.CommandPath()), err)
}

// unknownCommand names the commands that were perhaps meant.
func unknownCommand(root *cobra.Command, name string) error {
	hint := fmt.Sprintf("see '%s --help' for the commands", root.CommandPath())
	root.SuggestionsMinimumDistance = 2
	if near := root.SuggestionsFor(name); len(near) > 0 {
		hint = fmt.Sprintf("did you mean %s?", strings.Join(near, " or "))
	}
	return fault.New(fault.Usage, hint, "unknown command %q for %q", name, root.CommandPath())
}

// noArguments is cobra.NoArgs in words that fit: no verb has subcommands. The
// argument is not repeated: a verb that logs in may have been given a password.
func noArguments(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return fmt.Errorf("%s takes no argument; given: %d", c.Name(), len(args))
}
