package cmd

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kftls/kubectl-kftls/pkg/ca"
	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/gateway"
	"github.com/kftls/kubectl-kftls/pkg/portforward"
	"github.com/kftls/kubectl-kftls/pkg/setup"
)

// defaultTimeout of the verification: a front door that was changed serves the
// change within a second; an istiod that is being rolled out takes longer.
const defaultTimeout = 60 * time.Second

type setupOptions struct {
	targetFlags
	changeFlags
	authorityFlags
	beforeFlag

	san                []string
	hosts              []string
	port               int32
	private            bool
	httpsRedirect      bool
	redirectGiven      bool
	keyAlgorithm       string
	validity           string
	url                string
	force              bool
	timeout            time.Duration
	rollback           bool
	wait               bool
	acceptCA           string
	newCA              bool
	stage              bool
	forgetOldCA        bool
	export             exportFlags
	output             string
	factory            *Factory
	setup              *setup.Setup
	parsedNames        ca.Names
	defaultNames       ca.Names
	parsedKeyAlgorithm ca.KeyAlgorithm
}

func newSetupCommand(f *Factory) *cobra.Command {
	o := &setupOptions{factory: f}
	c := &cobra.Command{
		Use:   "setup",
		Short: "Give the front door of a Kubeflow a certificate and HTTPS",
		Long: "Make a certificate authority and a certificate, store the certificate as a TLS Secret, and add " +
			"an HTTPS server to Kubeflow's Istio Gateway. What would be done is shown first. The result is " +
			"verified through the API server: every gateway pod must serve the certificate, and the login " +
			"must guard the new door.\n\n" +
			"Run again, it changes nothing. 'teardown' takes all of it back. Where the cluster may not be changed, " +
			"'port-forward --tls' ends TLS on this computer.",
		Example: fmt.Sprintf(`
			# For localhost, as with port-forward
			%[1]s setup

			# For a name of your own, too
			%[1]s setup --san kubeflow.example.com

			# See what would change
			%[1]s setup --dry-run=server --diff

			# The objects for Git, with nothing changed; the next run makes the same ones
			%[1]s setup --dry-run=server -o yaml > kftls.yaml

			# Where Argo CD or Flux keeps the Gateway: the patch for Git, then the proof
			%[1]s setup > kftls.yaml
			%[1]s setup --wait --timeout 10m`, f.Name),
		Args:        noArguments,
		Annotations: map[string]string{failsAsObject: ""},
		RunE: func(c *cobra.Command, _ []string) error {
			o.redirectGiven = c.Flags().Changed("https-redirect")
			if err := o.complete(); err != nil {
				return err
			}
			if err := o.prepare(c.Context()); err != nil {
				return err
			}
			defer o.setup.Dialer.Close()
			return offerForward(printRoles(o.view().out(), o.run(c.Context())))
		},
	}
	o.targetFlags.add(c)
	o.changeFlags.add(c)
	o.authorityFlags.add(c)
	o.beforeFlag.add(c)
	o.export.add(c)
	flags := c.Flags()
	flags.StringArrayVar(&o.san, "san", nil, "Further name for the certificate: DNS name, *.wildcard, IPv4 or IPv6; can be repeated. The names of a certificate that is there are kept, unless --no-default-sans says that these are all")
	flags.StringArrayVar(&o.hosts, "hosts", nil, "Hosts of the Gateway's HTTPS server (default \"*\")")
	flags.Int32Var(&o.port, "port", 0, "Port of the Gateway's HTTPS server (default 443)")
	flags.BoolVar(&o.private, "private", false, "Take a port that the Service does not publish, for port-forward and other tunnels alone (9443, or the next one that is free)")
	flags.BoolVar(&o.httpsRedirect, "https-redirect", false, "Redirect plain HTTP to https. Breaks HTTP clients inside the cluster, and a port-forward of port 80")
	flags.StringVar(&o.keyAlgorithm, "key-algorithm", "", "Algorithm of new keys: ecdsa-p256, ecdsa-p384, rsa-2048, rsa-3072 or rsa-4096 (default ecdsa-p256)")
	flags.StringVar(&o.validity, "validity", "", "How long a new certificate is valid, e.g. 90d or 720h (default and at most 397d)")
	o.addCAFlags(flags)
	flags.StringVar(&o.url, "url", "", "Verify under this address directly, too, e.g. https://kubeflow.example.com")
	flags.BoolVar(&o.force, "force", false, "Where another HTTPS server takes the port, swap its certificate for ours (teardown swaps it back); change a Gateway that GitOps or an installer keeps")
	flags.BoolVar(&o.wait, "wait", false, "Where GitOps or an installer keeps the Gateway, wait until its sync has brought our server, and verify it")
	flags.DurationVar(&o.timeout, "timeout", defaultTimeout, "How long to wait until every gateway pod serves the certificate")
	flags.StringVarP(&o.output, "output", "o", "", "One of 'yaml' or 'json'. Print ConfigMap, Secret and Gateway as objects, for Git; the Secret with --export-key alone. What people read goes to stderr. Changes the cluster, unless --dry-run is given")
	flags.BoolVar(&o.rollback, "rollback-on-failure", false, "Take back what was written when it cannot be verified")
	return c
}

// complete checks the command line before anything is touched.
func (o *setupOptions) complete() (err error) {
	if err := o.changeFlags.validate(); err != nil {
		return err
	}
	if err := validateOutput(o.output, "json", "yaml"); err != nil {
		return err
	}
	if err := o.export.validate(o.output != ""); err != nil {
		return err
	}
	sans, err := ca.ParseNames(listed(o.san))
	if err != nil {
		return fault.Wrap(fault.Usage, fault.HintOf(err), err)
	}
	if o.parsedNames, o.defaultNames, err = o.authorityFlags.complete(sans); err != nil {
		return err
	}
	if o.parsedKeyAlgorithm, err = parseKeyAlgorithm(o.keyAlgorithm); err != nil {
		return err
	}
	if o.hosts != nil {
		o.hosts = listed(o.hosts)
	}
	switch {
	case slices.Contains(o.hosts, ""):
		return fault.New(fault.Usage, "--hosts kubeflow.example.com", "--hosts has an empty value")
	case o.port < 0 || o.port > 65535:
		return fault.New(fault.Usage, "", "--port %d is not a port", o.port)
	case o.stage && !o.newCA, o.forgetOldCA && o.newCA:
		return fault.New(fault.Usage, "kubectl kftls setup --new-ca --stage", "--stage goes with --new-ca, and --forget-old-ca without it")
	case o.stage && o.discardKey:
		return fault.New(fault.Usage, "kubectl kftls setup --new-ca --stage, and later kubectl kftls setup --new-ca --discard-ca-key",
			"--discard-ca-key is for the run that serves with the new CA: one that --stage announces has to sign then")
	case o.timeout <= 0:
		return fault.New(fault.Usage, "", "--timeout %s leaves no time to verify", o.timeout)
	}
	return o.validateURL()
}

func parseKeyAlgorithm(text string) (ca.KeyAlgorithm, error) {
	if text == "" {
		return "", nil
	}
	algorithm, err := ca.ParseKeyAlgorithm(text)
	return algorithm, fault.Wrap(fault.Usage, fault.HintOf(err), err)
}

func (o *setupOptions) validateURL() error {
	if o.url == "" {
		return nil
	}
	address, err := url.Parse(o.url)
	if err != nil || address.Scheme != "https" || address.Hostname() == "" {
		return fault.New(fault.Usage, "--url https://kubeflow.example.com", "--url %q is not an https address", o.url)
	}
	if !o.parsedNames.Covers(address.Hostname()) {
		return fault.New(fault.Usage, "add --san "+address.Hostname(), "the certificate would not have the name of --url %s", o.url)
	}
	return nil
}

// listed takes apart values that hold several, by commas. Unlike pflag's own
// string slices it keeps an empty value, so that --san "$UNSET" is refused and
// not passed over.
func listed(values []string) []string {
	var all []string
	for _, value := range values {
		all = append(all, strings.Split(value, ",")...)
	}
	return all
}

// parseDays reads a duration, also in days.
func parseDays(flag, text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		number, err := strconv.Atoi(days)
		if err == nil && number > 0 && number < 100_000 {
			return time.Duration(number) * 24 * time.Hour, nil
		}
	}
	duration, err := time.ParseDuration(text)
	if err != nil || duration <= 0 {
		return 0, fault.New(fault.Usage, "--"+flag+" 90d", "--%s %q is not a length of time", flag, text)
	}
	return duration, nil
}

func (o *setupOptions) prepare(ctx context.Context) error {
	validity, err := parseDays("validity", o.validity)
	if err != nil {
		return err
	}
	before, err := o.beforeFlag.parse()
	if err != nil {
		return err
	}
	given, err := o.read()
	if err != nil {
		return err
	}
	target, err := o.open(ctx, o.factory)
	if err != nil {
		return err
	}
	spec := gateway.Spec{Port: o.port, Private: o.private, Hosts: o.hosts, SecretName: o.secretName, Force: o.force}
	if o.redirectGiven {
		spec.HTTPSRedirect = &o.httpsRedirect
	}
	o.setup = &setup.Setup{
		Cluster: target.cluster, Home: target.home, Progress: o.factory.progress, Now: o.factory.Now,
		Dialer: portforward.NewDialer(target.cluster.Config, portforward.Options{}),
		Options: setup.Options{
			Gateway: target.gateway, Names: o.parsedNames, Defaults: o.defaultNames, KeyAlgorithm: o.parsedKeyAlgorithm, Validity: validity,
			Authority: o.authorityFlags.options(), Given: given, DiscardKey: o.discardKey, Before: before,
			CAChange: o.caChange(), AcceptCA: strings.ToLower(o.acceptCA), Spec: spec, URL: o.url, Timeout: o.timeout, RollbackOnFailure: o.rollback, Wait: o.wait,
		},
	}
	return nil
}

func (o *setupOptions) run(ctx context.Context) error {
	found, err := o.setup.Look(ctx)
	if err != nil {
		return o.setup.LookRefused(ctx, found, err)
	}
	view := o.view()
	view.found(o.setup, found)
	proposal, err := o.setup.Propose(found)
	if err != nil {
		return o.setup.ProposalRefused(ctx, found, err)
	}
	if proposal.Trusted {
		view.trusted(found)
		return o.printObjects(proposal, nil)
	}
	view.plan(proposal)
	if o.dryRun != dryRunClient {
		if err := o.setup.RequireRights(ctx, proposal); err != nil {
			return err
		}
	}
	if o.diff {
		if err := view.diff(proposal.Plan); err != nil {
			return err
		}
	}
	if err := o.export.check(proposal); err != nil {
		return err
	}
	if o.dryRun != dryRunNone {
		return o.try(ctx, proposal, view)
	}
	if !proposal.Plan.Empty() {
		if err := o.ask(ctx, o.factory.UI, "Do this on "+o.setup.Cluster.Server+"?"); err != nil {
			return err
		}
	}
	if o.wait { // for who commits it meanwhile
		if err := view.patches(proposal.Plan); err != nil {
			return err
		}
	}
	result, err := o.setup.Apply(ctx, proposal)
	view.done(result)
	if err != nil {
		view.failed(result)
		return withChanged(err, result)
	}
	return withChanged(o.conclude(proposal, result, view), result)
}
