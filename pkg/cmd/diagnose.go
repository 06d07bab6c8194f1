package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kftls/kubectl-kftls/pkg/diagnose"
	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/portforward"
)

// diagnoseOptions are what `diagnose` was asked for.
type diagnoseOptions struct {
	factory *Factory
	target  targetFlags

	address    string
	host       string
	expect     string
	caFile     string
	cookieFile string
	fromFile   string
	explain    string
	output     string
	bundle     string
	failOn     string
	skip       []string
	noSecrets  bool
	watch      bool
	// sentHeader tells that a pasted request carried an Authorization header.
	sentHeader bool
	clients    bool
}

func newDiagnoseCommand(f *Factory) *cobra.Command {
	o := &diagnoseOptions{factory: f}
	c := &cobra.Command{
		Use:   "diagnose [URL]",
		Short: "Find out why Kubeflow's front door does not work",
		Long: "Find the cause of a failure on the way to Kubeflow: this computer, the cluster's objects, the tunnel, TLS, the login, " +
			"the pipelines. The finding that explains what was observed comes first, with its evidence and what mends it.\n\n" +
			"Without a URL the way through the API server is looked at; with one, the way that your own clients take, too. " +
			"Changes nothing, logs nobody in, and reads of Secrets only those that the HTTPS servers and the login name.",
		Example: fmt.Sprintf(`
			# What is wrong with this cluster's front door?
			%[1]s diagnose

			# Why does this address not work?
			%[1]s diagnose https://localhost:8443

			# HTTPS is meant to work
			%[1]s diagnose --expect https

			# What does this error mean?
			curl -v https://localhost:8443 2>&1 | %[1]s diagnose --from-file -

			# A bug report
			%[1]s diagnose --bundle diagnosis.tar.gz

			# Everything about a finding
			%[1]s diagnose --explain KFT303`, f.Name),
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 1 {
				o.address = args[0]
			}
			if err := o.validate(); err != nil {
				return err
			}
			return o.run(c.Context())
		},
	}
	o.target.addGateway(c)
	flags := c.Flags()
	flags.StringVar(&o.expect, "expect", "", "What is meant to work: 'http', 'https', 'cookie' or 'pipelines'. Without it, and without a URL, what nobody set up is no finding")
	flags.StringVar(&o.host, "host", "", "Host name to ask for through the API server (default the URL's, or localhost); with the URL of an InferenceService, what its Host header says")
	flags.StringVar(&o.caFile, "ca-file", "", "Path to the CA certificates that your clients use, to be tested")
	flags.StringVar(&o.cookieFile, "cookie-file", "", "Path to a file with a session of Kubeflow's (Netscape file, Cookie header or value), to be tested")
	flags.StringVar(&o.fromFile, "from-file", "", "Path to a text to explain, - for stdin: what curl, Python, a browser or a log says")
	flags.StringVar(&o.explain, "explain", "", "Code of a finding to explain, e.g. KFT303; 'list' lists all")
	flags.StringVarP(&o.output, "output", "o", "", "One of 'short', 'yaml' or 'json'.")
	flags.StringVar(&o.bundle, "bundle", "", "Path of a .tar.gz to write for a bug report: the diagnosis, versions, and named fields of the objects, no secrets")
	flags.StringVar(&o.failOn, "fail-on", string(diagnose.Error), "Severity from which on the exit code is 1: 'info', 'warning', 'error' or 'critical'")
	flags.StringSliceVar(&o.skip, "skip", nil, "Codes of checks to leave out")
	flags.BoolVar(&o.noSecrets, "no-secrets", false, "If true, no Secret is read")
	flags.BoolVar(&o.clients, "clients", false, "If true, the TLS clients of this computer are run against the URL, in place of a prediction of what they would say")
	flags.BoolVarP(&o.watch, "watch", "w", false, "If true, look again every two seconds until nothing is in the way")
	return c
}

func (o *diagnoseOptions) validate() error {
	if err := validateOutput(o.output, "short", "json", "yaml"); err != nil {
		return err
	}
	if _, err := diagnose.ParseExpectation(o.expect); err != nil {
		return err
	}
	if _, err := o.url(); err != nil {
		return err
	}
	if o.host != "" && strings.ContainsAny(o.host, "/:@? ") && net.ParseIP(o.host) == nil {
		return fault.New(fault.Usage, "--host kubeflow.example.com", "--host %q is not a host name", o.host)
	}
	if err := o.checkBundle(); err != nil {
		return err
	}
	for _, s := range diagnose.Severities() {
		if o.failOn == string(s) {
			return nil
		}
	}
	return fault.New(fault.Usage, "use info, warning, error or critical", "severity %q is not known", o.failOn)
}

// url reads the address, nil for none. A password in it is not repeated.
func (o *diagnoseOptions) url() (*url.URL, error) {
	if o.address == "" {
		return nil, nil
	}
	address := o.address
	if !strings.Contains(address, "://") {
		address = "https://" + address
	}
	parsed, err := url.Parse(address)
	switch {
	case err != nil:
		return nil, fault.New(fault.Usage, o.factory.Name+" diagnose https://localhost:8443", "the argument is not a URL")
	case parsed.User != nil:
		return nil, fault.New(fault.Usage, "leave them out of the address", "a URL may not hold a user name or password")
	case parsed.Scheme != "http" && parsed.Scheme != "https" || parsed.Hostname() == "":
		return nil, fault.New(fault.Usage, o.factory.Name+" diagnose https://localhost:8443", "the URL must begin with https:// or http:// and name a host")
	}
	parsed.RawQuery, parsed.Fragment = "", ""
	return parsed, nil
}

func (o *diagnoseOptions) run(ctx context.Context) error {
	if o.explain != "" {
		return o.explainCode()
	}
	if o.fromFile != "" {
		return o.explainText(ctx)
	}
	options, done, err := o.options(ctx)
	if err != nil {
		return err
	}
	defer done()
	for {
		d, err := o.diagnose(ctx, options)
		if err != nil {
			return err
		}
		if err := o.print(d); err != nil {
			return err
		}
		if err := o.writeBundle(ctx, d, nil); err != nil {
			return err
		}
		if !o.watch || d.Healthy && len(d.Findings) == 0 {
			return o.end(d)
		}
		if err := pause(ctx, watchPace); err != nil {
			return err
		}
	}
}

// watchPace is how often --watch looks again.
const watchPace = 2 * time.Second

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return fault.New(fault.Interrupted, "", "watch: %w", context.Cause(ctx))
	case <-timer.C:
		return nil
	}
}

// options opens what a diagnosis looks at. done closes it.
func (o *diagnoseOptions) options(ctx context.Context) (options diagnose.Options, done func(), err error) {
	f := o.factory
	address, err := o.url()
	if err != nil {
		return options, nil, err
	}
	target, err := o.target.resolve(f)
	if err != nil {
		return options, nil, err
	}
	expect, err := diagnose.ParseExpectation(o.expect)
	if err != nil {
		return options, nil, err
	}
	home, _ := os.UserHomeDir()
	options = diagnose.Options{
		Gateway: target, URL: address, Host: o.host, Expect: expect, CAFile: o.caFile, CookieFile: o.cookieFile,
		NoSecrets: o.noSecrets, SentHeader: o.sentHeader, Skip: o.skip, Program: f.Name, Env: f.Env, ReadFile: os.ReadFile, Home: home, Now: f.Now,
		LookPath: exec.LookPath, RunClients: o.clients,
		ClusterWanted: address == nil,
	}
	options.Cluster, options.ClusterErr = f.Cluster(ctx)
	done = func() {}
	if options.Cluster != nil && options.ClusterErr == nil {
		options.Dialer = portforward.NewDialer(options.Cluster.Config, portforward.Options{Logf: f.verbose()})
		done = func() { _ = options.Dialer.Close() }
	}
	return options, done, nil
}

// end is the exit code: 3 where nothing could be looked at.
func (o *diagnoseOptions) end(d *diagnose.Diagnosis) error {
	switch {
	case !d.Looked():
		return silentExit(exitCouldNotLook)
	case d.Worst().AtLeast(diagnose.Severity(o.failOn)):
		return silentExit(exitError)
	}
	return nil
}

func (o *diagnoseOptions) explainCode() error {
	if o.explain == "list" {
		for _, c := range diagnose.Checks() {
			fmt.Fprintf(o.factory.UI.Out(), "%s  %s\n", c.Code, c.Title)
		}
		return nil
	}
	page, known := diagnose.Explain(o.explain)
	if !known {
		return fault.New(fault.Usage, "see the codes there are: "+o.factory.Name+" diagnose --explain list", "there is no finding %q", o.explain)
	}
	_, err := io.WriteString(o.factory.Streams.Out, page)
	return err
}

// read reads the file of --from-file.
func (o *diagnoseOptions) read() ([]byte, error) {
	const largest = 1 << 20
	if o.fromFile == "-" {
		text, err := io.ReadAll(io.LimitReader(o.factory.Streams.In, largest))
		return text, fault.Wrap(fault.LocalState, "", wrapRead(err, "stdin"))
	}
	text, err := os.ReadFile(o.fromFile)
	return text[:min(len(text), largest)], fault.Wrap(fault.Usage, "name a file that is there, or - for stdin", wrapRead(err, o.fromFile))
}

func wrapRead(err error, name string) error {
	if err == nil {
		return nil
	}
	var path *os.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return fmt.Errorf("read %s: %w", name, err)
}
