package cmd

import (
	"context"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kftls/kubectl-kftls/pkg/endpoint"
	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/state"
)

// defaultMinValidity is how much life a stored session must have left to be
// used without a word: enough for a script of a few requests.
const defaultMinValidity = 5 * time.Minute

// endpointFlags choose the way to Kubeflow.
type endpointFlags struct {
	target       targetFlags
	url          string
	host         string
	allowHTTP    bool
	trust        endpoint.Trust
	allowOrigins []string
}

func (e *endpointFlags) add(c *cobra.Command) {
	e.target.addGateway(c)
	flags := c.Flags()
	flags.StringVar(&e.url, "url", "",
		"Address of Kubeflow, to reach it directly and not through the API server, e.g. https://kubeflow.example.com")
	flags.StringVar(&e.host, "host", "",
		"Host name to ask for through the API server (SNI and Host header) (default "+endpoint.DefaultHost+")")
	flags.BoolVar(&e.allowHTTP, "allow-http", false, "If true, --url may begin with http:// for a host that is not this computer; the network then sees password and cookie")
	flags.StringVar(&e.trust.CAFile, "ca-file", "",
		"Path to the CA certificates that Kubeflow's certificate is verified against (default the CA that setup made, or the system's roots). The API server's is --certificate-authority")
	flags.BoolVar(&e.trust.Insecure, "insecure", false,
		"If true, Kubeflow's certificate is not verified: whoever answers gets the password. The API server's is --insecure-skip-tls-verify")
	flags.StringSliceVar(&e.allowOrigins, "allow-origin", nil,
		"Further origins that the password may be posted to, where the login form is not on Kubeflow's own, e.g. https://dex.example.com")
}

// validate finds what is wrong before anything is sent, and returns the origin
// of --url, nil without one.
func (e *endpointFlags) validate() (origin *url.URL, err error) {
	if e.host != "" && strings.ContainsAny(e.host, "/:@? ") {
		return nil, fault.New(fault.Usage, "--host kubeflow.example.com", "--host %q is not a host name", e.host)
	}
	for _, allowed := range e.allowOrigins {
		if _, err := endpoint.ParseURL(allowed, e.allowHTTP); err != nil {
			return nil, fault.New(fault.Usage, "--allow-origin https://dex.example.com", "--allow-origin %q is not an origin: %w", allowed, err)
		}
	}
	if e.url == "" {
		return nil, nil
	}
	if e.host != "" {
		return nil, fault.New(fault.Usage, "leave one of them out", "--url names the host already: --host goes with the way through the API server")
	}
	if e.target.gateway != "" {
		return nil, fault.New(fault.Usage, "leave one of them out", "--gateway goes with the way through the API server, which --url does not take")
	}
	return endpoint.ParseURL(e.url, e.allowHTTP)
}

// open opens the way.
func (e *endpointFlags) open(ctx context.Context, f *Factory) (*endpoint.Endpoint, error) {
	origin, err := e.validate()
	if err != nil {
		return nil, err
	}
	if e.trust.Insecure {
		f.UI.Warn("--insecure: Kubeflow's certificate is not verified")
	}
	if origin != nil {
		return endpoint.Direct(origin, e.trust)
	}
	opened, err := e.target.open(ctx, f)
	if err != nil {
		return nil, err
	}
	way, err := endpoint.Tunnel(ctx, opened.cluster, opened.home, endpoint.TunnelOptions{
		Gateway: opened.gateway, Host: e.host, Trust: e.trust, Logf: f.verbose(),
	})
	if err != nil {
		return nil, err
	}
	for _, note := range way.Notes {
		f.UI.Note("note: %s", note)
	}
	return way, nil
}

// sessionFlags choose a session at Kubeflow and how to get one.
type sessionFlags struct {
	endpointFlags

	login         string
	passwordStdin bool
	connector     string
	approve       bool
	storage       string
	minValidity   time.Duration
	// minValidityGiven tells that the user asked for it: then a session with
	// less is of no use.
	minValidityGiven bool

	flagSet interface{ Changed(name string) bool }
}

func (s *sessionFlags) add(c *cobra.Command) {
	s.endpointFlags.add(c)
	s.addStorage(c)
	flags := c.Flags()
	flags.StringVar(&s.login, "login", "", "Whom to log in as: the e-mail address or user name that Kubeflow's login form asks for (default the environment's KFTLS_LOGIN, or the stored session's)")
	flags.BoolVar(&s.passwordStdin, "password-stdin", false, "If true, the password is read from stdin; one line end at its end is dropped. Else it comes from KFTLS_PASSWORD or is asked for on the terminal")
	flags.StringVar(&s.connector, "connector", "", "Id of the connector of Dex to log in with (default Dex's own password database, or the only one there is)")
	flags.BoolVar(&s.approve, "approve", false, "If true, Dex's page 'Grant Access' is approved without a question, for Kubeflow's own client and the scopes openid, email, profile and groups")
	flags.DurationVar(&s.minValidity, "min-validity", defaultMinValidity,
		"How long the session must remain valid. A stored one that ends sooner is replaced if login and password are at hand; it is an error not to reach what was asked for here")
	s.flagSet = flags
}

// addStorage adds the flag that verbs without a login need, too.
func (s *sessionFlags) addStorage(c *cobra.Command) {
	c.Flags().StringVar(&s.storage, "session-storage", "",
		"Where sessions are kept: 'keyring' (encrypted, with a key in the system's keyring), 'file' (readable by you alone) or 'none' (default the last choice, or the keyring if there is one)")
}

// check finds what is wrong with the flags before anything is read or sent.
func (s *sessionFlags) check() error {
	if _, err := s.validate(); err != nil {
		return err
	}
	s.minValidityGiven = s.flagSet != nil && s.flagSet.Changed("min-validity")
	if s.minValidity < 0 {
		return fault.New(fault.Usage, "--min-validity 10m", "--min-validity %s is negative", s.minValidity)
	}
	switch state.Storage(s.storage) {
	case "", state.StorageKeyring, state.StorageFile, state.StorageNone:
		return nil
	}
	return fault.New(fault.Usage, "--session-storage file", "--session-storage %q is none of keyring, file, none", s.storage)
}

// verbose is where the tunnel's events go: to stderr with -v, else nowhere.
func (f *Factory) verbose() func(format string, args ...any) {
	if f.Verbosity == 0 {
		return nil
	}
	return f.UI.Note
}
