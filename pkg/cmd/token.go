package cmd

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/gateway"
	"github.com/kftls/kubectl-kftls/pkg/session"
)

type tokenOptions struct {
	sessionFlags

	serviceAccount string
	duration       time.Duration
	audiences      []string
	output         string
	factory        *Factory
}

func newTokenCommand(f *Factory) *cobra.Command {
	o := &tokenOptions{factory: f}
	c := &cobra.Command{
		Use:   "token",
		Short: "Print a bearer token that Kubeflow accepts",
		Long: "Print the id_token of the user's own session, for clients that take a bearer token and no cookie. It passes " +
			"Kubeflow's default policies. Kubeflow 1.9 and later give one out.\n\n" +
			"With --service-account, ask the API server for a token of a ServiceAccount, in the namespace of -n or of the context, " +
			"and print it if the gateway accepts it. Kubeflow's default configuration does not: it takes a RequestAuthentication, " +
			"which the error names.",
		Example: fmt.Sprintf(`
			# Your own
			curl -H @<(echo "Authorization: Bearer $(%[1]s token)") https://localhost:8443/pipeline/apis/v2beta1/healthz

			# A ServiceAccount's, for an hour
			%[1]s token --service-account default-editor -n kubeflow-user-example-com --duration 1h`, f.Name),
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := o.validate(); err != nil {
				return err
			}
			return o.run(c.Context())
		},
	}
	o.add(c)
	flags := c.Flags()
	flags.StringVar(&o.serviceAccount, "service-account", "", "The ServiceAccount whose token is printed, as NAME or NAMESPACE/NAME")
	flags.DurationVar(&o.duration, "duration", 0, "With --service-account, how long the token is valid; the API server may change it (default the API server's choice, 1h)")
	flags.StringSliceVar(&o.audiences, "audience", nil,
		"With --service-account, whom the token is for (default "+authServiceAudience+" before Kubeflow 1.9, else the API server's own)")
	flags.StringVarP(&o.output, "output", "o", "", "'json'. The token alone if empty")
	return c
}

// validate finds what is wrong before anything is read or sent.
func (o *tokenOptions) validate() error {
	if err := validateOutput(o.output, "json"); err != nil {
		return err
	}
	switch {
	case o.serviceAccount == "" && (o.duration != 0 || len(o.audiences) > 0):
		return fault.New(fault.Usage, "add --service-account NAME", "--duration and --audience are about a ServiceAccount's token; a user's is as Dex made it")
	case o.serviceAccount != "" && o.passwordStdin:
		return fault.New(fault.Usage, "leave one of them out", "--password-stdin is about a user, and --service-account is none")
	case o.duration < 0:
		return fault.New(fault.Usage, "--duration 1h", "--duration %s is negative", o.duration)
	}
	return o.check()
}

func (o *tokenOptions) run(ctx context.Context) error {
	token, err := o.get(ctx)
	if errors.Is(err, session.ErrOpen) {
		o.factory.UI.Note("note: %s; no token is needed", session.ErrOpen)
		return nil
	}
	if err != nil {
		return err
	}
	if o.output == "json" {
		return printObject(o.factory.Streams.Out, o.output, token)
	}
	return o.factory.printSecret(token.Token)
}

// bearer is what `token -o json` prints.
type bearer struct {
	APIVersion string     `json:"apiVersion"`
	Kind       string     `json:"kind"`
	Token      string     `json:"token"`
	User       string     `json:"user"`
	Issuer     string     `json:"issuer,omitempty"`
	Audiences  []string   `json:"audiences,omitempty"`
	Expiry     *time.Time `json:"expiry"` // null where it is not known
}

func (o *tokenOptions) get(ctx context.Context) (*bearer, error) {
	if o.serviceAccount != "" {
		return o.ofServiceAccount(ctx)
	}
	return o.ofUser(ctx)
}

// ofUser returns the id_token of the session.
func (o *tokenOptions) ofUser(ctx context.Context) (*bearer, error) {
	v, err := o.visit(ctx, o.factory)
	if err != nil {
		return nil, err
	}
	defer v.close()
	got, err := v.session(ctx, false)
	if err != nil {
		return nil, err
	}
	if got.Warning != "" {
		o.factory.UI.Warn("%s", got.Warning)
	}
	token, err := v.client.IDToken(ctx, got.Cookies)
	if err != nil {
		return nil, o.instead(got.Session, err)
	}
	answer := &bearer{APIVersion: gateway.APIVersion, Kind: "Token", Token: token.Raw, User: token.User, Issuer: token.Issuer}
	if !token.Expires.IsZero() {
		answer.Expiry = &token.Expires
	}
	return answer, nil
}

// instead names what the AuthService takes where a bearer token is wanted: it
// gives no id_token out, and its gateway accepts ServiceAccounts.
func (o *tokenOptions) instead(s *session.Session, err error) error {
	if s.Era != session.EraAuthService || fault.ReasonOf(err) != fault.NotFound {
		return err
	}
	return fault.New(fault.NotFound, o.factory.Name+" token --service-account default-editor -n PROFILE; or the cookie: "+o.factory.Name+" cookie",
		"the AuthService of Kubeflow before 1.9 gives no id_token out: %w", err)
}
