package cli

import (
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kftls/kubectl-kftls/test/testbed/variants"
)

func (a *app) variantCommand() *cobra.Command {
	timeout := time.Duration(0)
	cmd := &cobra.Command{
		Use:   "variant [NAME]...",
		Short: "Make the front door the shipped one with these variants, and wait until a login passes",
		Long: `Make the front door the shipped one with these variants, and wait until a login passes.
Variants add up; where two set the same, the later one wins. Without a name the
front door is as shipped. A later call takes back what an earlier one did.

Variants: ` + strings.Join(variants.Names(), ", "),
		Args: args(cobra.ArbitraryArgs),
		RunE: func(cmd *cobra.Command, names []string) error {
			if _, err := variants.Resolve(names); err != nil {
				return usageError{err}
			}
			parameters := withTimeout(timeout)
			parameters["name"] = names
			return a.do(cmd.Context(), "variant", parameters)
		},
	}
	timeoutFlag(cmd, &timeout)
	return cmd
}
