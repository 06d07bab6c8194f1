// Package cmd is the command line: one file per verb with its flags,
// validation and printing. What the verbs do lies in the packages beside it.
package cmd

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/klog/v2"

	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/ui"
)

// maxLogLevel is the highest level of the Kubernetes client's log that shows no
// secret. At 7 it prints the bytes that go through a tunnel
// (client-go tools/portforward/tunneling_connection.go), cookies among them; at
// 8 the bodies of requests and answers, Secrets among them.
const maxLogLevel = 6

// clientLogLevel is from when on the Kubernetes client logs, too. Below it
// would add nothing but a list of its feature gates.
const clientLogLevel = 4

// Run carries out a command line; args[0] is the name of the program. The
// result is the exit code.
func Run(ctx context.Context, args []string, streams ui.Streams, env Environment) int {
	if len(args) == 0 {
		args = []string{"kubectl-kftls"}
	}
	f := newFactory(args[0], streams, env)
	root := newRootCommand(f, args[1:])
	started := noteStart(root)
	verb, err := root.ExecuteContextC(ctx)
	if !*started {
		err = usageError(verb, err)
	}
	if text := errorText(err); text != "" {
		f.UI.Error(text, fault.HintOf(err))
	}
	if printErr := printFailure(ctx, f, verb, err); printErr != nil && f.UI.OutError() == nil {
		f.UI.Error(printErr.Error(), "")
	}
	if lost := f.UI.OutError(); lost != nil && !errors.Is(err, lost) {
		f.UI.Error(fmt.Sprintf("write the result: %v", lost), "")
		if err == nil {
			err = silentExit(exitError) // it was not done: nobody has the result
		}
	}
	return exitCode(ctx, err)
}

// programName is how the user calls the program: as a kubectl plugin, unless
// its file was renamed.
func programName(argv0 string) string {
	name := strings.TrimSuffix(filepath.Base(argv0), ".exe")
	if strings.HasPrefix(name, "kubectl-") {
		return "kubectl kftls"
	}
	return name
}

func newRootCommand(f *Factory, args []string) *cobra.Command {
	root := &cobra.Command{
		Use:   "kubectl-kftls",
		Short: "HTTPS, login and port-forwarding for Kubeflow, from kubectl",
		Long: "HTTPS for the front door of a Kubeflow, and a way to reach it.\n\n" +
			"Acts on the cluster of the current kubeconfig context; all of kubectl's kubeconfig flags work.",
		Annotations:   map[string]string{cobra.CommandDisplayNameAnnotation: f.Name},
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(c, args[0])
			}
			return c.Help()
		},
	}
	root.SetArgs(args)
	root.SetIn(f.Streams.In)
	root.SetOut(f.UI.Out())
	root.SetErr(f.Streams.Err)
	root.CompletionOptions.DisableDefaultCmd = true
	root.PersistentFlags().SortFlags = true
	addConfigFlags(f.ConfigFlags, root.PersistentFlags())
	addLogLevel(root, f)
	root.AddCommand(verbs(f)...)
	useKubectlHelp(root)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		if c == root && len(args) > 0 && !strings.HasPrefix(args[0], "-") {
			return unknownCommand(root, args[0])
		}
		return usageError(c, err)
	})
	return root
}

// verbs are the commands, in the order in which they are shown.
func verbs(f *Factory) []*cobra.Command {
	return []*cobra.Command{
		newSetupCommand(f),
		newRenewCommand(f),
		newTeardownCommand(f),
		newStatusCommand(f),
		newDiagnoseCommand(f),
		newCookieCommand(f),
		newLoginCommand(f),
		newLogoutCommand(f),
		newTokenCommand(f),
		newRunCommand(f),
		newPortForwardCommand(f),
		newCACommand(f),
		newVersionCommand(f),
		newCompletionCommand(f),
		newOptionsCommand(),
	}
}

// addLogLevel adds klog's -v. Its log goes to stderr.
func addLogLevel(root *cobra.Command, f *Factory) {
	root.PersistentFlags().Int32VarP(&f.Verbosity, "v", "v", 0,
		"Level of the log, on stderr: 1 shows the steps of a login and of a diagnosis, 6 every request to the API server. More counts as 6, since it would show secrets")
	root.PersistentPreRunE = func(*cobra.Command, []string) error {
		if f.Verbosity > maxLogLevel {
			f.UI.Note("-v %d counts as -v %d: above it the Kubernetes client logs Secrets and cookies", f.Verbosity, maxLogLevel)
			f.Verbosity = maxLogLevel
		}
		flags := flag.NewFlagSet("klog", flag.ContinueOnError)
		klog.InitFlags(flags)
		if f.Verbosity < clientLogLevel {
			return nil
		}
		return flags.Set("v", strconv.Itoa(int(f.Verbosity)))
	}
}
