package cmd

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"
	apiversion "k8s.io/apimachinery/pkg/version"
	"sigs.k8s.io/yaml"

	"github.com/kftls/kubectl-kftls/pkg/cluster"
	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/gateway"
)

// serverVersionTimeout bounds the question for the server's version: somebody
// who asks which version this is must not wait for a cluster that is away.
const serverVersionTimeout = 2 * time.Second

// Set by the linker: -X github.com/kftls/kubectl-kftls/pkg/cmd.version=v1.2.3.
var (
	version = ""
	commit  = ""
	date    = ""
)

// versionReport is what `version -o json` prints.
type versionReport struct {
	APIVersion    string           `json:"apiVersion"`
	Kind          string           `json:"kind"`
	ClientVersion build            `json:"clientVersion"`
	ServerVersion *apiversion.Info `json:"serverVersion,omitempty"`
}

// build says what this program was made from.
type build struct {
	Version   string `json:"version"`
	Commit    string `json:"commit,omitempty"`
	Date      string `json:"date,omitempty"`
	GoVersion string `json:"goVersion"`
	Platform  string `json:"platform"`
}

// thisBuild takes what the linker was told; a program made by `go install` or
// `go build` has it from the module and the repository instead.
func thisBuild() build {
	b := build{version, commit, date, runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	settings := map[string]string{}
	for _, setting := range info.Settings {
		settings[setting.Key] = setting.Value
	}
	fill := func(field *string, value string) {
		if *field == "" {
			*field = value
		}
	}
	fill(&b.Version, info.Main.Version)
	fill(&b.Version, "(devel)")
	fill(&b.Commit, settings["vcs.revision"])
	fill(&b.Date, settings["vcs.time"])
	return b
}

// userAgent is how API servers see this program in their audit logs.
func userAgent() string {
	b := thisBuild()
	return fmt.Sprintf("kubectl-kftls/%s (%s)", b.Version, b.Platform)
}

type versionOptions struct {
	clientOnly bool
	output     string
}

func newVersionCommand(f *Factory) *cobra.Command {
	o := &versionOptions{}
	c := &cobra.Command{
		Use:   "version",
		Short: "Print the versions of this program and of the cluster",
		Long: "Print the version of this program, the commit that it was made from and that commit's date, the Go that " +
			"made it, the platform that it is for, and the version of the cluster's API server, " +
			"which is asked for at most 2 seconds.",
		Example: fmt.Sprintf(`
			# This program and the cluster of the current context
			%[1]s version

			# This program alone, for a script
			%[1]s version --client -o json`, f.Name),
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := validateOutput(o.output, "json", "yaml"); err != nil {
				return err
			}
			return o.run(c.Context(), f)
		},
	}
	c.Flags().BoolVar(&o.clientOnly, "client", false, "If true, shows the version of this program only (no server required).")
	c.Flags().StringVarP(&o.output, "output", "o", "", "One of 'yaml' or 'json'.")
	return c
}

// run prints what is known even when the server does not answer.
func (o *versionOptions) run(ctx context.Context, f *Factory) error {
	report := versionReport{APIVersion: gateway.APIVersion, Kind: "Version", ClientVersion: thisBuild()}
	var serverErr error
	if !o.clientOnly {
		report.ServerVersion, serverErr = serverVersion(ctx, f)
	}
	if err := report.print(f.Streams.Out, o.output); err != nil {
		return err
	}
	return serverErr
}

func serverVersion(ctx context.Context, f *Factory) (*apiversion.Info, error) {
	c, err := f.Cluster(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, serverVersionTimeout)
	defer cancel()
	body, err := c.Core.RESTClient().Get().AbsPath("/version").Do(ctx).Raw()
	if err != nil {
		return nil, cluster.Explain(err, "ask the API server for its version")
	}
	var info apiversion.Info
	if err := json.Unmarshal(body, &info); err != nil {
		return nil, cluster.Explain(err, "read the version of the API server")
	}
	return &info, nil
}

func (r versionReport) print(w io.Writer, output string) error {
	if output != "" {
		return printObject(w, output, r)
	}
	lines := [][2]string{
		{"Client Version", r.ClientVersion.Version},
		{"Commit", r.ClientVersion.Commit},
		{"Date", r.ClientVersion.Date},
		{"Go", r.ClientVersion.GoVersion},
		{"Platform", r.ClientVersion.Platform},
	}
	if r.ServerVersion != nil {
		lines = append(lines, [2]string{"Server Version", r.ServerVersion.GitVersion})
	}
	for _, line := range lines {
		if line[1] == "" {
			continue // a build without a repository knows neither commit nor date
		}
		if _, err := fmt.Fprintf(w, "%s: %s\n", line[0], line[1]); err != nil {
			return err
		}
	}
	return nil
}

// validateOutput checks the value of -o; empty means the form for people.
func validateOutput(output string, known ...string) error {
	for _, k := range append(known, "") {
		if output == k {
			return nil
		}
	}
	return fault.New(fault.Usage, fmt.Sprintf("-o takes one of %q", known), "unknown output format %q", output)
}

// printObject writes a value of our own API as "json" or "yaml".
func printObject(w io.Writer, output string, value any) error {
	body, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return fmt.Errorf("encode as %s: %w", output, err)
	}
	body = append(body, '\n')
	if output == "yaml" {
		if body, err = yaml.JSONToYAML(body); err != nil {
			return fmt.Errorf("encode as yaml: %w", err)
		}
	}
	_, err = w.Write(body)
	return err
}
