package cmd

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/kftls/kubectl-kftls/pkg/ui"
)

var update = flag.Bool("update", false, "write the golden files anew")

// outcome is what a command line came to.
type outcome struct {
	code     int
	out, err string
}

// run carries out a command line of the plugin in a pipe, with an environment
// of its own and no kubeconfig but the one that the arguments name.
func run(t *testing.T, args ...string) outcome {
	t.Helper()
	return runContext(t, context.Background(), args...)
}

func runContext(t *testing.T, ctx context.Context, args ...string) outcome {
	t.Helper()
	var out, err bytes.Buffer
	streams := ui.Streams{In: strings.NewReader(""), Out: &out, Err: &err}
	home := t.TempDir()
	env := func(name string) string {
		if name == "KFTLS_HOME" {
			return home
		}
		return ""
	}
	code := Run(ctx, append([]string{"/usr/local/bin/kubectl-kftls"}, args...), streams, Environment{Get: env})
	return outcome{code, out.String(), err.String()}
}

// withoutKubeconfig keeps the kubeconfig of whoever runs the tests out of them.
func withoutKubeconfig(t *testing.T) {
	t.Helper()
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
}

func TestHelp(t *testing.T) {
	f := newFactory("kubectl-kftls", ui.Streams{Out: &bytes.Buffer{}, Err: &bytes.Buffer{}}, Environment{})
	pages := map[string][]string{"root": {"--help"}, "options": {"options"}}
	for _, c := range newRootCommand(f, nil).Commands() {
		if c.IsAvailableCommand() {
			pages[c.Name()] = []string{c.Name(), "--help"}
		}
	}
	for name, args := range pages {
		t.Run(name, func(t *testing.T) {
			got := run(t, args...)
			if got.code != 0 || got.err != "" {
				t.Errorf("exit code %d, stderr %q", got.code, got.err)
			}
			golden(t, filepath.Join("testdata", "help", name+".txt"), got.out)
		})
	}
	entries, err := os.ReadDir(filepath.Join("testdata", "help"))
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if name := strings.TrimSuffix(entry.Name(), ".txt"); pages[name] == nil {
			t.Errorf("testdata/help/%s is of a command that does not exist", entry.Name())
		}
	}
}

// golden compares with a file; go test ./pkg/cmd -update writes it.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got; -update writes it anew):\n%s", path, diff)
	}
}

func TestEveryCommandIsDocumented(t *testing.T) {
	f := newFactory("kubectl-kftls", ui.Streams{}, Environment{})
	for _, c := range newRootCommand(f, nil).Commands() {
		if c.Hidden {
			continue
		}
		if c.Short == "" || strings.HasSuffix(c.Short, ".") || len(c.Short) > 70 {
			t.Errorf("%s: Short is missing, too long or ends with a full stop: %q", c.Name(), c.Short)
		}
		if c.Long == "" || !c.HasExample() {
			t.Errorf("%s: no Long or no Example", c.Name())
		}
		if c.RunE == nil || c.Args == nil {
			t.Errorf("%s: no RunE, or its number of arguments is not checked", c.Name())
		}
		assertFlagsAreKubectls(t, c)
	}
}

// assertFlagsAreKubectls checks that a verb takes no name that belongs to the
// kubeconfig flags.
func assertFlagsAreKubectls(t *testing.T, c *cobra.Command) {
	t.Helper()
	own := ownFlags(c)
	for _, taken := range kubectlFlags {
		if own.Lookup(taken) != nil {
			t.Errorf("%s: --%s belongs to kubeconfig", c.Name(), taken)
		}
	}
}

func TestUsageErrors(t *testing.T) {
	withoutKubeconfig(t)
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"frobnicate"}, "error: unknown command \"frobnicate\" for \"kubectl kftls\"\nhint: see 'kubectl kftls --help' for the commands\n"},
		{[]string{"verzion"}, "error: unknown command \"verzion\" for \"kubectl kftls\"\nhint: did you mean version?\n"},
		{[]string{"verzion", "--client"}, "error: unknown command \"verzion\" for \"kubectl kftls\"\nhint: did you mean version?\n"},
		{[]string{"--bogus"}, "error: unknown flag: --bogus\nhint: see 'kubectl kftls --help' for usage\n"},
		{[]string{"version", "--bogus"}, "error: unknown flag: --bogus\nhint: see 'kubectl kftls version --help' for usage\n"},
		{[]string{"version", "now"}, "error: version takes no argument; given: 1\nhint: see 'kubectl kftls version --help' for usage\n"},
		{[]string{"version", "-o", "toml"}, "error: unknown output format \"toml\"\nhint: -o takes one of [\"json\" \"yaml\"]\n"},
		{[]string{"completion"}, "error: completion takes one of [\"bash\" \"zsh\" \"fish\" \"powershell\" \"kubectl\"]\nhint: see 'kubectl kftls completion --help' for usage\n"},
		{[]string{"version", "-v", "much"}, "error: invalid argument \"much\" for \"-v, --v\" flag: must be an integer\nhint: see 'kubectl kftls version --help' for usage\n"},
	} {
		t.Run(strings.Join(test.args, " "), func(t *testing.T) {
			got := run(t, test.args...)
			if diff := cmp.Diff(outcome{exitUsage, "", test.want}, got, cmp.AllowUnexported(outcome{})); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestProgramName(t *testing.T) {
	for argv0, want := range map[string]string{
		"kubectl-kftls":             "kubectl kftls",
		"/opt/bin/kubectl-kftls":    "kubectl kftls",
		"kubectl-kftls.exe":         "kubectl kftls",
		"kubectl-kftls_linux_amd64": "kubectl kftls",
		"/opt/bin/kftls":            "kftls",
	} {
		if got := programName(argv0); got != want {
			t.Errorf("%s: got %q, want %q", argv0, got, want)
		}
	}
}

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	got := runContext(t, ctx, "version")
	if got.code != exitInterrupted || got.err != "error: interrupted\n" {
		t.Errorf("got %d, %q", got.code, got.err)
	}
}
