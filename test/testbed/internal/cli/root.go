// Package cli is the testbed's command line: flags and printing, no more.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kftls/kubectl-kftls/test/testbed/internal/programs"
)

// Streams are where a command prints.
type Streams struct{ Out, Err io.Writer }

// app is what all commands share.
type app struct {
	streams Streams
	environ []string
	dir     string // the flag --dir
}

// exitError is an exit code without a message of its own.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// Run runs a command line, and returns the exit code: 0 done, 1 an error, 2 a
// command line that is not understood, 130 interrupted by Ctrl-C.
func Run(ctx context.Context, args []string, streams Streams, environ []string) int {
	a := &app{streams: streams, environ: environ}
	root := a.root()
	root.SetArgs(args)
	root.SetOut(streams.Out)
	root.SetErr(streams.Err)
	err := root.ExecuteContext(ctx)
	var code exitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &code):
		return int(code)
	case errors.As(err, new(usageError)):
		fmt.Fprintf(streams.Err, "error: %v\nSee 'testbed --help'.\n", err)
		return 2
	}
	fmt.Fprintf(streams.Err, "error: %v\n", err)
	if ctx.Err() != nil {
		return 130
	}
	return 1
}

// usageError is a command line that is not understood.
type usageError struct{ error }

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "testbed",
		Short: "A real Kubeflow front door on this machine",
		Long: `A real Kubeflow front door on this machine: etcd, kube-apiserver, istiod, Envoy,
oauth2-proxy and Dex as processes on loopback addresses, without containers,
without root and without a cluster.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          args(cobra.NoArgs),
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.CompletionOptions.DisableDefaultCmd = true
	root.PersistentFlags().StringVar(&a.dir, "dir", "", "folder of this testbed (default: in the user's cache folder)")
	root.AddCommand(
		a.buildCommand(), a.upCommand(), a.downCommand(), a.statusCommand(), a.envCommand(), a.logsCommand(),
		a.verbCommand("wait", "Return when every Envoy has taken what the API server holds", "wait"),
		a.verbCommand("reset", "Go back to the front door as shipped", "reset"),
		a.restartCommand(), a.variantCommand(), a.gatewayCommand(), a.guardCommand(), a.kubeconfigCommand(), a.upstreamCommand(), a.authserviceCommand(), a.ldapCommand(),
	)
	return root
}

// args turns cobra's complaints about arguments into usage errors.
func args(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, given []string) error {
		if err := check(cmd, given); err != nil {
			return usageError{err}
		}
		return nil
	}
}

// env is the value of an environment variable.
func (a *app) env(name string) string {
	value := ""
	for _, entry := range a.environ {
		if v, ok := strings.CutPrefix(entry, name+"="); ok {
			value = v
		}
	}
	return value
}

// cacheDir is where programs and testbeds are kept.
func (a *app) cacheDir() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the user's cache folder: %w", err)
	}
	return filepath.Join(cache, "kftls-testbed"), nil
}

// testbedDir is the folder of the testbed that the command is about.
func (a *app) testbedDir() (string, error) {
	if a.dir != "" {
		return filepath.Abs(a.dir)
	}
	cache, err := a.cacheDir()
	return filepath.Join(cache, "testbeds", "default"), err
}

// builder finds or builds the programs.
func (a *app) builder() (programs.Builder, error) {
	cache, err := a.cacheDir()
	if err != nil {
		return programs.Builder{}, err
	}
	executable, err := os.Executable()
	if err != nil {
		return programs.Builder{}, fmt.Errorf("find this program: %w", err)
	}
	workingDir, err := os.Getwd()
	if err != nil {
		return programs.Builder{}, fmt.Errorf("find the working directory: %w", err)
	}
	source, err := programs.FindSource(a.env("TESTBED_SOURCE"), executable, workingDir)
	if err != nil {
		return programs.Builder{}, err
	}
	return programs.Builder{Source: source, Cache: filepath.Join(cache, "programs"), Environ: a.environ}, nil
}
