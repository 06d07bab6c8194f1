package cli

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/kftls/kubectl-kftls/test/testbed/internal/control"
	"github.com/kftls/kubectl-kftls/test/testbed/internal/supervisor"
)

const (
	// downLimit is how long a testbed may take to end before it is killed.
	downLimit = 5 * time.Second
	// answerLimit is how much longer than its own limit a verb may take.
	answerLimit = 20 * time.Second
	// lookPeriod is how often it is looked at meanwhile.
	lookPeriod = 10 * time.Millisecond
)

// do has the running testbed do something. The testbed keeps the parameter
// timeout; answerLimit is for one that does not answer at all.
func (a *app) do(ctx context.Context, verb string, parameters url.Values) error {
	dir, err := a.testbedDir()
	if err != nil {
		return err
	}
	limit := answerLimit
	if timeout, err := time.ParseDuration(parameters.Get("timeout")); err == nil {
		limit += timeout
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err = control.NewClient(dir).Do(ctx, verb, parameters)
	if errors.Is(err, control.ErrNotRunning) {
		return fmt.Errorf("%w: %s (bin/testbed up starts one)", err, dir)
	}
	return err
}

// verbCommand is a command that the running testbed carries out.
func (a *app) verbCommand(use, short, verb string) *cobra.Command {
	timeout := time.Duration(0)
	cmd := &cobra.Command{
		Use: use, Short: short, Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.do(cmd.Context(), verb, withTimeout(timeout)) },
	}
	timeoutFlag(cmd, &timeout)
	return cmd
}

func timeoutFlag(cmd *cobra.Command, timeout *time.Duration) {
	cmd.Flags().DurationVar(timeout, "timeout", 90*time.Second, "how long to wait")
}

func withTimeout(timeout time.Duration) url.Values {
	return url.Values{"timeout": {timeout.String()}}
}

func (a *app) restartCommand() *cobra.Command {
	timeout := time.Duration(0)
	cmd := &cobra.Command{
		Use:   "restart COMPONENT",
		Short: "Roll a Deployment out anew, or start a part of the control plane anew, and wait",
		Args:  args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			parameters := withTimeout(timeout)
			parameters.Set("component", given[0])
			return a.do(cmd.Context(), "restart", parameters)
		},
	}
	timeoutFlag(cmd, &timeout)
	return cmd
}

func (a *app) gatewayCommand() *cobra.Command {
	gateway := &cobra.Command{
		Use: "gateway", Short: "What happens to gateway pods in life", Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	gateway.AddCommand(
		a.verbCommand("roll", "Replace all gateway pods, as kubectl rollout restart, and wait", "gateway-roll"),
		a.verbCommand("add", "One gateway pod more, as an autoscaler, and wait until it serves", "gateway-add"),
		a.replicaCommand("remove", "Take gateway pod N away, as an autoscaler, and wait until it is gone", "gateway-remove"),
		a.replicaCommand("kill", "Kill the Envoy of gateway pod N, as a crash", "gateway-kill"),
		a.replicaCommand("cut", "Cut gateway pod N off from istiod: it goes on with what it has", "gateway-cut"),
		a.replicaCommand("mend", "Let gateway pod N reach istiod again", "gateway-mend"),
	)
	return gateway
}

// replicaCommand is a command on one gateway pod.
func (a *app) replicaCommand(name, short, verb string) *cobra.Command {
	timeout := time.Duration(0)
	cmd := &cobra.Command{
		Use:   name + " [N]",
		Short: short + " (from 0, in the order of addresses)",
		Args:  args(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			parameters := withTimeout(timeout)
			parameters.Set("replica", "0")
			if len(given) > 0 {
				parameters.Set("replica", given[0])
			}
			return a.do(cmd.Context(), verb, parameters)
		},
	}
	timeoutFlag(cmd, &timeout)
	return cmd
}

func (a *app) downCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "down",
		Short: "End the testbed; its logs stay until the next up",
		Args:  args(cobra.NoArgs),
		RunE:  func(cmd *cobra.Command, _ []string) error { return a.down(cmd.Context()) },
	}
}

// down ends the testbed by its socket, and one that does not answer by its
// recorded process. Its children end with it in any case.
func (a *app) down(ctx context.Context) error {
	dir, err := a.testbedDir()
	if err != nil {
		return err
	}
	layout := supervisor.Layout{Dir: dir}
	running, err := layout.Supervisor()
	if err != nil {
		return err
	}
	if running == nil {
		return layout.Clean()
	}
	asked, cancel := context.WithTimeout(ctx, downLimit)
	defer cancel()
	askErr := control.NewClient(dir).Do(asked, "down", nil)
	if askErr == nil && gone(asked, *running) {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	a.logf("the testbed does not end by itself (%v): killing process %d", askErr, running.PID)
	if err := syscall.Kill(running.PID, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("kill the testbed: %w", err)
	}
	asked, cancel = context.WithTimeout(ctx, downLimit)
	defer cancel()
	if !gone(asked, *running) {
		return fmt.Errorf("process %d does not end", running.PID)
	}
	return layout.Clean()
}

// gone waits for the end of a process.
func gone(ctx context.Context, r supervisor.Record) bool {
	for {
		if !r.Runs() {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(lookPeriod):
		}
	}
}

func (a *app) envCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "env",
		Short: `Print what a shell needs: eval "$(bin/testbed env)"`,
		Args:  args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			status, err := a.status(cmd.Context())
			if err != nil {
				return err
			}
			executable, err := os.Executable()
			if err != nil {
				return fmt.Errorf("find this program: %w", err)
			}
			layout := supervisor.Layout{Dir: status.Dir}
			path := layout.Bin() + string(os.PathListSeparator) + filepath.Dir(executable)
			fmt.Fprintf(a.streams.Out, "export KUBECONFIG=%s PATH=%s:\"$PATH\"\n", quote(status.Kubeconfig), quote(path))
			return nil
		},
	}
}

// quote writes a word for a POSIX shell.
func quote(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }
