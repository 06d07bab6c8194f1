package cmd

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/kftls/kubectl-kftls/pkg/ui"
)

// Tree returns all commands with their flags, texts and examples, for what
// writes about them: reference pages, completion scripts, tests of the
// documentation. They are not meant to be run.
func Tree() *cobra.Command {
	streams := ui.Streams{Out: io.Discard, Err: io.Discard}
	root := newRootCommand(newFactory("kubectl-kftls", streams, Environment{}), nil)
	for _, c := range root.Commands() {
		if c.HasExample() {
			c.Example = indent(c.Example)
		}
	}
	return root
}
