package cmd

import (
	_ "embed"
	"fmt"
	"io"
	"runtime"

	"github.com/spf13/cobra"
)

// The shims are the programs that kubectl calls to complete a plugin's words
// (https://kubernetes.io/docs/tasks/extend-kubectl/kubectl-plugins/#support-for-command-completion).
// kubectl looks them up on the PATH, where Windows finds what ends in .cmd, too.
// Releases carry them as files.
var (
	//go:embed shim/kubectl_complete-kftls
	unixShim string
	//go:embed shim/kubectl_complete-kftls.cmd
	windowsShim string
)

// kubectlShim is the shim for a system.
func kubectlShim(system string) string {
	if system == "windows" {
		return windowsShim
	}
	return unixShim
}

func newCompletionCommand(f *Factory) *cobra.Command {
	writers := map[string]func(*cobra.Command, io.Writer) error{
		"bash":       func(root *cobra.Command, w io.Writer) error { return root.GenBashCompletionV2(w, true) },
		"zsh":        func(root *cobra.Command, w io.Writer) error { return root.GenZshCompletion(w) },
		"fish":       func(root *cobra.Command, w io.Writer) error { return root.GenFishCompletion(w, true) },
		"powershell": func(root *cobra.Command, w io.Writer) error { return root.GenPowerShellCompletionWithDesc(w) },
		"kubectl": func(_ *cobra.Command, w io.Writer) error {
			_, err := io.WriteString(w, kubectlShim(runtime.GOOS))
			return err
		},
	}
	shells := []string{"bash", "zsh", "fish", "powershell", "kubectl"}
	return &cobra.Command{
		Use:   "completion SHELL",
		Short: "Print what completes commands and flags in a shell",
		Long: "Print what completes commands and flags: for bash, zsh, fish or powershell the script that the " +
			"shell loads, which completes kubectl-kftls; for kubectl the program with which kubectl's own " +
			"completion completes \"kubectl kftls\".",
		Example: fmt.Sprintf(`
			# Complete "kubectl kftls" wherever kubectl itself is completed
			%[1]s completion kubectl > ~/.local/bin/kubectl_complete-kftls
			chmod +x ~/.local/bin/kubectl_complete-kftls

			# Complete "kubectl-kftls" in this bash
			source <(%[1]s completion bash)`, f.Name),
		ValidArgs: shells,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("completion takes one of %q", shells)
			}
			if writers[args[0]] == nil {
				return fmt.Errorf("unknown shell %q; completion takes one of %q", args[0], shells)
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			return writers[args[0]](c.Root(), f.Streams.Out)
		},
	}
}
