package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/kftls/kubectl-kftls/test/testbed/internal/control"
)

func (a *app) statusCommand() *cobra.Command {
	output := ""
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Tell what runs where, and what is not as in a cluster",
		Long: `Tell what runs where, and what is not as in a cluster.
Exit code 1 if no testbed runs, or a part of it is not ready.`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if output != "" && output != "json" {
				return usageError{fmt.Errorf("-o is json, not %q", output)}
			}
			return a.printStatus(cmd.Context(), output == "json")
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "json")
	return cmd
}

// statusLimit is how long a testbed may take to tell how it is.
const statusLimit = 10 * time.Second

// status asks the testbed that runs in the folder.
func (a *app) status(ctx context.Context) (*control.Status, error) {
	dir, err := a.testbedDir()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, statusLimit)
	defer cancel()
	status, err := control.NewClient(dir).Status(ctx)
	if errors.Is(err, control.ErrNotRunning) {
		return nil, fmt.Errorf("%w: %s (bin/testbed up starts one)", err, dir)
	}
	return status, err
}

func (a *app) printStatus(ctx context.Context, asJSON bool) error {
	status, err := a.status(ctx)
	if errors.Is(err, control.ErrNotRunning) && asJSON {
		dir, dirErr := a.testbedDir()
		if dirErr != nil {
			return dirErr
		}
		status = &control.Status{Phase: control.Stopped, Dir: dir}
	} else if err != nil {
		return err
	}
	if asJSON {
		encoder := json.NewEncoder(a.streams.Out)
		encoder.SetIndent("", "  ")
		err = encoder.Encode(status)
	} else {
		a.printText(status)
	}
	if err != nil {
		return fmt.Errorf("print the status: %w", err)
	}
	if !status.AllReady() {
		return exitError(1)
	}
	return nil
}

func (a *app) printText(status *control.Status) {
	out := a.streams.Out
	fmt.Fprintf(out, "%s: profile %s on %s, for %s\n", status.Phase, status.Profile, status.Subnet, time.Since(status.StartedAt).Round(time.Second))
	fmt.Fprintf(out, "Folder: %s\n", status.Dir)
	if status.AuditLog != "" {
		fmt.Fprintf(out, "Audit log: %s\n", status.AuditLog)
	}
	a.printComponents(*status)
	fmt.Fprintln(out, "\nNot as in a cluster:")
	for _, text := range status.Differences {
		fmt.Fprintf(out, "- %s\n", text)
	}
}

func (a *app) printComponents(status control.Status) {
	w := tabwriter.NewWriter(a.streams.Out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "COMPONENT\tPROGRAM\tADDRESS\tREADY\tPID\tSTARTED\tPOD")
	for _, c := range status.Components {
		ready := "yes"
		if !c.Ready {
			ready = "no"
		}
		if c.Waiting != "" {
			ready += ": " + c.Waiting
		}
		program := c.Program
		if c.Version != "" {
			program += " " + c.Version
		}
		pod := ""
		if c.Namespace != "" {
			pod = c.Namespace + "/" + c.Name
		}
		started := ""
		if !c.StartedAt.IsZero() {
			started = c.StartedAt.Local().Format("15:04:05")
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s\t%s\n", c.Component, program, c.Address, ready, c.PID, started, pod)
	}
	_ = w.Flush() // a terminal that is gone ends the command soon enough
}
