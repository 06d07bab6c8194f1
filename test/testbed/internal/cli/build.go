package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/kftls/kubectl-kftls/test/testbed/internal/programs"
)

func (a *app) buildCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "build",
		Short: "Build the programs, once, into the user's cache folder",
		Long: `Build the programs, once, into the user's cache folder.

The environment is looked at: KUBEBUILDER_ASSETS is a folder from which etcd and
kube-apiserver are taken instead, TESTBED_ENVOY is an envoy to use instead of the
downloaded one (an envoy of the right version on the PATH is used, too), and
TESTBED_SOURCE is the folder of the testbed's source code.`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.build(cmd.Context()) },
	}
}

func (a *app) build(ctx context.Context) error {
	b, err := a.builder()
	if err != nil {
		return err
	}
	printer := newProgressPrinter(a.streams.Err, time.Now)
	b.Report, b.Note = printer.progress, printer.note
	set, err := b.Build(ctx)
	printer.end()
	if err != nil {
		return err
	}
	return printPrograms(a.streams.Out, set)
}

func printPrograms(out io.Writer, set *programs.Set) error {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	list := make([]programs.Program, 0, len(set.Programs))
	for _, p := range set.Programs {
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b programs.Program) int { return strings.Compare(a.Name, b.Name) })
	fmt.Fprintln(w, "PROGRAM\tVERSION\tORIGIN\tFILE")
	for _, p := range list {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", p.Name, p.Version, p.Origin, p.Path)
	}
	return w.Flush()
}
