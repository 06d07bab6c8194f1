package cmd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/kftls/kubectl-kftls/pkg/clients"
	"github.com/kftls/kubectl-kftls/pkg/portforward"
	"github.com/kftls/kubectl-kftls/pkg/proxy"
	"github.com/kftls/kubectl-kftls/pkg/session"
	"github.com/kftls/kubectl-kftls/pkg/state"
)

type runOptions struct {
	sessionFlags

	plain   bool
	factory *Factory
}

func newRunCommand(f *Factory) *cobra.Command {
	o := &runOptions{factory: f}
	c := &cobra.Command{
		Use: "run [options] -- COMMAND [ARG...]",

		DisableFlagsInUseLine: true, // they stand in it

		Short: "Run a command that reaches Kubeflow without certificate or cookie",
		Long: "Run a command with a way to Kubeflow of its own: a local address, in KFTLS_URL, that adds your session to " +
			"every request. It is there as long as the command, and answers you alone; where the system does not tell " +
			"users apart (all but Linux), a warning says so.\n\n" +
			"The command finds KFTLS_URL, KF_PIPELINES_ENDPOINT, KFP_ENDPOINT, KFTLS_CA_FILE and KFTLS_COOKIE_FILE in its " +
			"environment, and SSL_CERT_FILE, REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE and NODE_EXTRA_CA_CERTS name what they " +
			"named before and the CA of this computer. KFTLS_LOGIN and KFTLS_PASSWORD are taken out.\n\n" +
			"Terminal, signals and exit code are the command's. 125: it was not started; 126: it cannot be executed; " +
			"127: there is none; 128 and more: a signal ended it.",
		Example: fmt.Sprintf(`
			# Ask the pipelines API
			%[1]s run -- sh -c 'curl -fsS "$KFTLS_URL/pipeline/apis/v2beta1/healthz"'

			# A script that uses the kfp SDK: kfp.Client(ssl_ca_cert=os.environ["KFTLS_CA_FILE"])
			%[1]s run -- python3 pipeline.py

			# A client that takes no CA, over plain HTTP on this computer alone
			%[1]s run --http -- kfp run list`, f.Name),
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("there is no command to run")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			if err := o.check(); err != nil {
				return err
			}
			return notStarted(o.run(c.Context(), args))
		},
	}
	o.add(c)
	c.Flags().BoolVar(&o.plain, "http", false,
		"If true, the local address speaks plain HTTP, for clients that take no CA. The way through the API server is encrypted all the same")
	c.Flags().SetInterspersed(false) // what follows the command is the command's
	return c
}

// run gets a session, opens the endpoint, and runs the command in between. Its
// errors come before the command's start; after that there is its exit code.
func (o *runOptions) run(ctx context.Context, args []string) error {
	command, err := findCommand(args) // before anybody types a password for nothing
	if err != nil {
		return err
	}
	v, err := o.visit(ctx, o.factory)
	if err != nil {
		return err
	}
	defer v.close()
	got, err := v.session(ctx, false)
	switch {
	case errors.Is(err, session.ErrOpen):
		got = &obtained{}
	case err != nil:
		return err
	case got.Warning != "":
		o.factory.UI.Warn("%s", got.Warning)
	}
	signals := catchSignals() // until nothing is left behind
	defer signals.stop()
	place, err := o.open(ctx, v, got.Session)
	if err != nil {
		return err
	}
	defer place.close()
	if command.Env, err = place.environment(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	streams := o.factory.Streams
	command.Stdin, command.Stdout, command.Stderr = streams.In, streams.Out, streams.Err
	return signals.run(command)
}

// place is what a command has for its life: the endpoint and a folder.
type place struct {
	factory *Factory
	home    *state.Home
	folder  *state.RunFolder
	proxy   *proxy.Proxy
	session *session.Session
	close   func()
}

// open makes the folder and starts the endpoint. It outlives ctx, whose end is
// the Ctrl-C that the command gets, too.
func (o *runOptions) open(ctx context.Context, v *visit, s *session.Session) (*place, error) {
	home, err := o.factory.Home()
	if err != nil {
		return nil, err
	}
	listener, err := portforward.Listen(ctx, []string{"localhost"}, 0)
	if err != nil {
		return nil, err
	}
	p := &place{factory: o.factory, home: home, session: s}
	if p.proxy, err = o.endpoint(v, s, listener.Addresses()[0].Port()); err == nil {
		p.folder, err = home.NewRunFolder(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	p.serve(context.WithoutCancel(ctx), listener)
	if !proxy.KnowsPeers() {
		o.factory.UI.Warn("this system does not tell who asks: while the command runs, other users of this computer can use your session at %s", p.proxy.URL())
	}
	return p, nil
}

// endpoint describes the endpoint in front of a Kubeflow.
func (o *runOptions) endpoint(v *visit, s *session.Session, port uint16) (*proxy.Proxy, error) {
	lasting := &lastingSession{current: s, visit: v}
	options := proxy.Options{
		Origin: v.endpoint.Origin, Transport: v.endpoint.Transport, Session: lasting.get, Port: port,
		LoginCommand: v.loginCommand(s), Refused: lasting.refused, Logf: o.factory.verbose(), Now: o.factory.Now,
	}
	if !o.plain {
		var err error
		if options.TLS, err = o.factory.localTLS(); err != nil {
			return nil, err
		}
	}
	return proxy.New(options), nil
}

func (p *place) serve(ctx context.Context, listener *portforward.Listener) {
	ctx, end := context.WithCancel(ctx)
	var work sync.WaitGroup
	work.Go(func() {
		if err := p.proxy.Serve(ctx, listener.Sockets()...); err != nil {
			p.factory.UI.Warn("the local address %s failed: %v", p.proxy.URL(), err)
		}
	})
	p.close = func() {
		end()
		work.Wait()
		if err := p.folder.Remove(); err != nil {
			p.factory.UI.Warn("%v", err)
		}
	}
}

// environment is what the command finds in it. Files lie in the folder.
func (p *place) environment() ([]string, error) {
	described := clients.CommandEnv{
		URL: p.proxy.URL(), BundleDir: p.folder.Path, Logf: p.factory.UI.Warn,
		SystemRoots: func() ([]byte, error) { return systemRoots(func(string) string { return "" }) },
	}
	if p.proxy.TLS != nil {
		described.CAFile = p.home.LocalCertificatePath()
	}
	if p.session != nil {
		text, err := clients.Form("netscape", clients.Handover{URL: described.URL, Session: p.session, Now: p.factory.Now()}, "")
		if err == nil {
			described.CookieFile, err = p.folder.Write("cookies.txt", text)
		}
		if err != nil {
			return nil, err
		}
	}
	return clients.Environment(withoutCredentials(p.factory.Environ()), described)
}

// withoutCredentials takes out what main took out of its own environment: the
// command needs no password.
func withoutCredentials(environment []string) []string {
	return slices.DeleteFunc(environment, func(entry string) bool {
		return strings.HasPrefix(entry, "KFTLS_LOGIN=") || strings.HasPrefix(entry, "KFTLS_PASSWORD=")
	})
}
