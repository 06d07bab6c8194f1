package cmd

import (
	"bytes"
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/kftls/kubectl-kftls/pkg/ca"
	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/setup"
	"github.com/kftls/kubectl-kftls/pkg/state"
)

type caOptions struct {
	targetFlags

	output  string
	local   bool
	all     bool
	factory *Factory
}

func newCACommand(f *Factory) *cobra.Command {
	o := &caOptions{factory: f}
	c := &cobra.Command{
		Use:   "ca",
		Short: "Print the CA certificate of the front door",
		Long: "Print the certificate of the CA in force, as PEM. One that this computer does not know is taken " +
			"from the cluster only if the certificate that the gateway serves is signed by it.\n\n" +
			"With --local it is the CA of this computer, which 'port-forward --tls' and 'run' serve with. It has nothing " +
			"to do with any cluster, and none is asked.",
		Example: fmt.Sprintf(`
			# For one command
			curl --cacert <(%[1]s ca) https://localhost:8443/

			# The file on this computer
			curl --cacert "$(%[1]s ca -o path)" https://localhost:8443/

			# For a variable that replaces all roots: the system's and ours
			%[1]s ca -o bundle > bundle.crt && export SSL_CERT_FILE=$PWD/bundle.crt

			# The CA of this computer, for port-forward --tls
			curl --cacert "$(%[1]s ca --local -o path)" https://localhost:8443/`, f.Name),
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := validateOutput(o.output, "path", "fingerprint", "text", "bundle"); err != nil {
				return err
			}
			if o.all && (o.local || o.output != "" && o.output != "fingerprint") {
				return fault.New(fault.Usage, "kubectl kftls ca --all", "--all prints PEM or, with -o fingerprint, fingerprints of the CAs of a cluster")
			}
			if o.local {
				return o.runLocal()
			}
			return o.run(c.Context())
		},
	}
	o.add(c)
	c.Flags().StringVarP(&o.output, "output", "o", "",
		"One of 'path' (of the file on this computer), 'fingerprint' (SHA-256), 'text', or 'bundle' (the system's roots and the CA). PEM if empty")
	c.Flags().BoolVar(&o.local, "local", false, "If true, prints the CA of this computer, made at first use, and asks no cluster")
	c.Flags().BoolVar(&o.all, "all", false, "Print all CAs of the ConfigMap: also one that 'setup --new-ca --stage' has announced, and one that was replaced")
	return c
}

// runLocal prints the CA of this computer.
func (o *caOptions) runLocal() error {
	if o.gateway != "" || o.secretName != "" {
		return fault.New(fault.Usage, "leave one of them out", "--local asks no cluster, and --gateway and --secret-name are about one")
	}
	home, err := o.factory.Home()
	if err != nil {
		return err
	}
	authority, err := home.LocalAuthority(o.factory.Now())
	if err != nil {
		return err
	}
	text, err := o.render(authority, func() (string, error) { return home.LocalCertificatePath(), nil })
	if err != nil {
		return err
	}
	_, err = o.factory.Streams.Out.Write(text)
	return err
}

func (o *caOptions) run(ctx context.Context) error {
	target, err := o.open(ctx, o.factory)
	if err != nil {
		return err
	}
	inspector := target.inspector(o.factory, o.secretName)
	defer inspector.Dialer.Close()
	inForce, err := inspector.Authority(ctx)
	if err != nil {
		return err
	}
	if inForce.IsNew {
		o.factory.UI.Note("note: this CA is new to this computer; compare it with who made it: SHA-256 %s", inForce.Fingerprint())
	}
	text, err := o.render(inForce.Authority, func() (string, error) { return keep(inForce, target.home) })
	if err != nil {
		return err
	}
	if o.all {
		text = append(text, o.others(inForce.Others)...)
	}
	_, err = o.factory.Streams.Out.Write(text)
	return err
}

// others prints CAs that are not in force, with a word on each: who may write the
// ConfigMap could have put it there.
func (o *caOptions) others(authorities []*ca.Authority) []byte {
	var text []byte
	for _, authority := range authorities {
		o.factory.UI.Note("note: this CA is not in force, and nothing that is served proves it; compare it with who made it: SHA-256 %s", authority.Fingerprint())
		if o.output == "fingerprint" {
			text = append(text, authority.Fingerprint()+"\n"...)
		} else {
			text = append(text, authority.CertificatePEM()...)
		}
	}
	return text
}

// keep keeps a CA that may come from the cluster, so that there is a file to
// name.
func keep(inForce *setup.InForce, home *state.Home) (path string, err error) {
	if _, err := home.SaveAuthority(inForce.Authority, inForce.Origin); err != nil {
		return "", err
	}
	return home.CertificatePath(inForce.Fingerprint()), nil
}

// render writes a CA in the form asked for; path finds its file.
func (o *caOptions) render(authority *ca.Authority, path func() (string, error)) ([]byte, error) {
	switch o.output {
	case "fingerprint":
		return []byte(authority.Fingerprint() + "\n"), nil
	case "text":
		return []byte(ca.Text(authority.Certificate)), nil
	case "bundle":
		roots, err := systemRoots(o.factory.Env)
		if err != nil {
			return nil, err
		}
		return append(append(bytes.TrimRight(roots, "\n"), '\n'), authority.CertificatePEM()...), nil
	case "path":
		file, err := path()
		return []byte(file + "\n"), err
	}
	return authority.CertificatePEM(), nil
}

// rootFiles are where Linux distributions keep their roots in one file, in the
// order of Go's own search (crypto/x509/root_linux.go), and macOS's and the
// BSDs' (root_bsd.go).
var rootFiles = []string{
	"/etc/ssl/certs/ca-certificates.crt",
	"/etc/pki/tls/certs/ca-bundle.crt",
	"/etc/ssl/ca-bundle.pem",
	"/etc/pki/tls/cacert.pem",
	"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
	"/etc/ssl/cert.pem",
	"/usr/local/etc/ssl/cert.pem",
}

// systemRoots are the roots that the system trusts, in PEM.
func systemRoots(env func(string) string) ([]byte, error) {
	files := rootFiles
	if own := env("SSL_CERT_FILE"); own != "" {
		files = append([]string{own}, files...)
	}
	for _, file := range files {
		if roots, err := os.ReadFile(file); err == nil {
			return roots, nil
		}
	}
	return nil, fault.New(fault.LocalState, "name a file with them: SSL_CERT_FILE=FILE kubectl kftls ca -o bundle",
		"this system keeps its root certificates in no file that is known here")
}
