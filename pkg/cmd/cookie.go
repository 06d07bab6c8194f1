package cmd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kftls/kubectl-kftls/pkg/clients"
	"github.com/kftls/kubectl-kftls/pkg/endpoint"
	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/session"
)

type cookieOptions struct {
	sessionFlags

	output   string
	shell    string
	forURL   string
	fresh    bool
	imported bool
	write    bool

	factory *Factory
	command *cobra.Command
}

func newCookieCommand(f *Factory) *cobra.Command {
	o := &cookieOptions{factory: f}
	c := &cobra.Command{
		Use:   "cookie",
		Short: "Print a session cookie of Kubeflow, after a login if needed",
		Long: "Print a session cookie that Kubeflow has just confirmed: the stored one, or that of a new login. " +
			"The login goes through the API server, so that no port-forward has to run, or straight to --url.\n\n" +
			"Login and password come from --login and --password-stdin, from KFTLS_LOGIN and KFTLS_PASSWORD, " +
			"or are asked for on the terminal. The password is not kept; the session is. " +
			"Where an external provider asks for the password, log in with a browser and bring its cookie with --import.\n\n" +
			"The cookie alone ends without a newline in a pipe or file; every other form ends with one.",
		Example: fmt.Sprintf(`
			# Into the clipboard
			%[1]s cookie | pbcopy

			# For curl, with the CA
			curl -K <(%[1]s cookie -o curl) https://localhost:8443/pipeline/apis/v2beta1/healthz

			# In a script, without a terminal
			pass show kubeflow | %[1]s cookie --login user@example.com --password-stdin -o json

			# From the browser, for a Kubeflow that logs in elsewhere
			%[1]s cookie --import --url https://kubeflow.example.com

			# For the kfp command, beside what its context holds
			%[1]s cookie -o kfp --write -n kubeflow-user-example-com`, f.Name),
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			o.command = c
			if err := o.validate(); err != nil {
				return err
			}
			return o.run(c.Context())
		},
	}
	o.add(c)
	flags := c.Flags()
	flags.StringVarP(&o.output, "output", "o", "", "One of '"+strings.Join(clients.Forms(), "', '")+"'. The cookie alone if empty, as name=value")
	flags.StringVar(&o.shell, "shell", "", "With -o env, whose syntax: '"+strings.Join(clients.Shells(), "', '")+"' (default "+clients.Shells()[0]+")")
	flags.StringVar(&o.forURL, "for", "",
		"Where the cookie will be used, which the forms name (default --url, or https://localhost:8443 after setup, else http://localhost:8080)")
	flags.BoolVar(&o.fresh, "fresh", false, "If true, log in anew although there is a session")
	flags.BoolVar(&o.imported, "import", false,
		"If true, take a cookie from the browser instead of logging in: from stdin, or pasted unseen on the terminal. "+
			"Its value, a Cookie header, a Netscape file, or a request copied as cURL")
	flags.BoolVar(&o.write, "write", false, "With -o kfp, write ~/.config/kfp/context.json instead of printing it; -n sets the profile's namespace in it")
	return c
}

// validate finds what is wrong before anything is read or sent.
func (o *cookieOptions) validate() error {
	if err := validateOutput(o.output, clients.Forms()...); err != nil {
		return err
	}
	switch {
	case o.shell != "" && !slices.Contains(clients.Shells(), o.shell):
		return fault.New(fault.Usage, fmt.Sprintf("--shell takes one of %q", clients.Shells()), "unknown shell %q", o.shell)
	case o.shell != "" && o.output != "env":
		return fault.New(fault.Usage, "-o env --shell "+o.shell, "--shell goes with -o env")
	case o.write && o.output != "kfp":
		return fault.New(fault.Usage, "-o kfp --write", "--write goes with -o kfp")
	}
	if o.forURL != "" {
		if _, err := endpoint.ParseURL(o.forURL, true); err != nil {
			return fault.New(fault.Usage, "--for https://localhost:8443", "--for is not the address of a Kubeflow: it has no scheme or host, or a password")
		}
	}
	return errors.Join(o.refuseImport(), o.check())
}

func (o *cookieOptions) run(ctx context.Context) error {
	var (
		pasted []session.Cookie
		err    error
	)
	if o.imported {
		if pasted, err = o.readImport(ctx); err != nil {
			return err
		}
	}
	v, err := o.visit(ctx, o.factory)
	if err != nil {
		return err
	}
	defer v.close()
	got, err := o.obtain(ctx, v, pasted)
	if errors.Is(err, session.ErrOpen) {
		return o.printOpen(v)
	}
	if err != nil {
		return err
	}
	if got.Warning != "" {
		o.factory.UI.Warn("%s", got.Warning)
	}
	return o.print(ctx, v, got)
}

func (o *cookieOptions) obtain(ctx context.Context, v *visit, pasted []session.Cookie) (*obtained, error) {
	if o.imported {
		return o.adopt(ctx, v, pasted)
	}
	return v.session(ctx, o.fresh)
}

// printOpen tells of a Kubeflow that wants no cookie. Scripts that read JSON get
// that as data.
func (o *cookieOptions) printOpen(v *visit) error {
	o.factory.UI.Note("note: %s; no cookie is needed", session.ErrOpen)
	if o.output != "json" {
		return nil
	}
	text, err := clients.Form("json", clients.Handover{URL: o.usedAt(v)}, "")
	if err != nil {
		return err
	}
	_, err = o.factory.Streams.Out.Write(text)
	return err
}

// usedAt is where the cookie will be used.
func (o *cookieOptions) usedAt(v *visit) string {
	if origin, err := endpoint.ParseURL(o.forURL, true); o.forURL != "" && err == nil {
		return origin.String()
	}
	return v.defaultURL()
}

func (o *cookieOptions) print(ctx context.Context, v *visit, got *obtained) error {
	if o.output == "kfp" {
		o.factory.UI.Warn("kfp sends this cookie to every endpoint that it is pointed at, not to %s alone", o.usedAt(v))
	}
	if o.write {
		return o.writeKFP(v, got)
	}
	handover, err := o.handover(ctx, v, got)
	if err != nil {
		return err
	}
	text, err := clients.Form(o.output, handover, o.shell)
	if err != nil {
		return err
	}
	if o.output == "" {
		return o.factory.printSecret(string(text))
	}
	_, err = o.factory.Streams.Out.Write(text)
	return err
}

// printSecret writes a cookie or token alone. On a terminal a newline follows,
// so that the prompt stands on a line of its own; into a pipe or file none does,
// since pbcopy, xclip and files take all that comes.
func (f *Factory) printSecret(text string) error {
	if f.UI.OutIsTerminal() {
		text += "\n"
	}
	_, err := fmt.Fprint(f.Streams.Out, text)
	return err
}
