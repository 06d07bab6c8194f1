package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kftls/kubectl-kftls/test/testbed/internal/control"
)

// followPeriod is how often a log is looked at for more.
const followPeriod = 200 * time.Millisecond

func (a *app) logsCommand() *cobra.Command {
	follow := false
	cmd := &cobra.Command{
		Use:   "logs COMPONENT",
		Short: "Print the log of a component: a name from status, a pod's or a Deployment's",
		Args:  args(cobra.ExactArgs(1)),
		RunE:  func(cmd *cobra.Command, given []string) error { return a.logs(cmd.Context(), given[0], follow) },
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on until Ctrl-C")
	return cmd
}

func (a *app) logs(ctx context.Context, name string, follow bool) error {
	status, err := a.status(ctx)
	if err != nil {
		return err
	}
	var files []string
	for _, c := range status.Components {
		if (c.Name == name || c.Component == name) && c.Log != "" {
			files = append(files, c.Log)
		}
	}
	if len(files) == 0 {
		return fmt.Errorf("there is no component %q: %s", name, strings.Join(componentNames(status), ", "))
	}
	return a.printLogs(ctx, files, follow)
}

func componentNames(status *control.Status) []string {
	var names []string
	for _, c := range status.Components {
		if !slices.Contains(names, c.Component) {
			names = append(names, c.Component)
		}
	}
	return names
}

// printLogs prints files one after the other, and then what is added to them.
func (a *app) printLogs(ctx context.Context, names []string, follow bool) error {
	var files []*os.File
	defer func() {
		for _, file := range files {
			file.Close()
		}
	}()
	for _, name := range names {
		file, err := os.Open(name)
		if errors.Is(err, os.ErrNotExist) {
			continue // nothing was written yet
		}
		if err != nil {
			return fmt.Errorf("open a log: %w", err)
		}
		files = append(files, file)
	}
	for {
		for _, file := range files {
			if _, err := io.Copy(a.streams.Out, file); err != nil {
				return fmt.Errorf("print a log: %w", err)
			}
		}
		if !follow {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(followPeriod):
		}
	}
}
