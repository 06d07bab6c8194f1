package cmd

import (
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/kftls/kubectl-kftls/pkg/ca"
	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/setup"
	"github.com/kftls/kubectl-kftls/pkg/state"
)

// givenFlags name a CA that somebody else made. The verbs that sign share them.
type givenFlags struct {
	certificates string
	key          string
}

func (g *givenFlags) add(c *cobra.Command) {
	flags := c.Flags()
	flags.StringVar(&g.certificates, "ca-cert", "",
		"Sign with this CA: a PEM file with its certificate and, for an intermediate, the chain up to the root")
	flags.StringVar(&g.key, "ca-key", "",
		"The key of --ca-cert, a PEM file without passphrase. It is read, not copied: only its path is kept on this computer")
}

// read reads the CA; nil where none was given.
func (g *givenFlags) read() (*setup.Given, error) {
	if g.certificates == "" && g.key == "" {
		return nil, nil
	}
	if g.certificates == "" || g.key == "" {
		return nil, fault.New(fault.Usage, "--ca-cert CHAIN --ca-key KEY", "--ca-cert and --ca-key need each other")
	}
	authority, err := state.Source{Certificates: g.certificates, Key: g.key}.Read()
	if err != nil {
		return nil, err
	}
	return &setup.Given{Authority: authority, Source: g.source()}, nil
}

// source is where the files lie; zero where one of them is a pipe, as from a
// vault, and will not be there again.
func (g *givenFlags) source() state.Source {
	var paths [2]string
	for i, file := range []string{g.certificates, g.key} {
		info, err := os.Stat(file)
		if err != nil || !info.Mode().IsRegular() {
			return state.Source{}
		}
		if paths[i], err = filepath.Abs(file); err != nil {
			return state.Source{}
		}
	}
	return state.Source{Certificates: paths[0], Key: paths[1]}
}

// authorityFlags say what the CA of a setup is to be like.
type authorityFlags struct {
	givenFlags

	discardKey    bool
	permitDNS     []string
	constrainIPs  bool
	unconstrained bool
	noDefaultSANs bool
}

func (a *authorityFlags) add(c *cobra.Command) {
	a.givenFlags.add(c)
	flags := c.Flags()
	flags.BoolVar(&a.discardKey, "discard-ca-key", false,
		"Throw the CA's key away once the certificate is served, or for --ca-cert keep no path: 'renew' will not be possible without the key")
	flags.StringArrayVar(&a.permitDNS, "permit-dns", nil,
		"Let the new CA sign for this DNS name and those below it, too, so that a later --san needs no new CA; can be repeated")
	flags.BoolVar(&a.constrainIPs, "constrain-ips", false,
		"Let the new CA sign for the IP addresses of this certificate and no others. gRPC, Envoy and Bun refuse a certificate with IP addresses then")
	flags.BoolVar(&a.unconstrained, "no-name-constraints", false,
		"Let the new CA sign for every name, for clients that cannot read name constraints (mbedTLS). Other computers will not take it from the cluster by themselves")
	flags.BoolVar(&a.noDefaultSANs, "no-default-sans", false,
		"Leave localhost, 127.0.0.1 and ::1 out of the certificate; needs a --san that is a DNS name")
}

// complete checks the flags and returns the names for the certificate, and those
// of them that were not asked for.
func (a *authorityFlags) complete(sans ca.Names) (names, defaults ca.Names, err error) {
	a.permitDNS = listedOrNil(a.permitDNS)
	if err := a.options().Validate(); err != nil {
		return ca.Names{}, ca.Names{}, fault.Wrap(fault.Usage, fault.HintOf(err), err)
	}
	if a.certificates != "" && (a.constrainIPs || a.unconstrained || a.permitDNS != nil) {
		return ca.Names{}, ca.Names{}, fault.New(fault.Usage, "leave them out: the constraints of a CA that is there are as they are",
			"--permit-dns, --constrain-ips and --no-name-constraints are about a CA that setup makes, and --ca-cert gives one")
	}
	if !a.noDefaultSANs {
		defaults = ca.DefaultNames().Filter(func(name string) bool { return !sans.Covers(name) })
		return ca.DefaultNames().Union(sans), defaults, nil
	}
	if len(sans.DNS) == 0 {
		return ca.Names{}, ca.Names{}, fault.New(fault.Usage, "--no-default-sans --san kubeflow.example.com",
			"with --no-default-sans, a certificate needs a --san that is a DNS name")
	}
	return sans, ca.Names{}, nil
}

// read reads the CA that was given. With --discard-ca-key the way to its files is
// forgotten.
func (a *authorityFlags) read() (*setup.Given, error) {
	given, err := a.givenFlags.read()
	if given != nil && a.discardKey {
		given.Source = state.Source{}
	}
	return given, err
}

func (a *authorityFlags) options() ca.AuthorityOptions {
	return ca.AuthorityOptions{PermitDNS: a.permitDNS, ConstrainIPs: a.constrainIPs, Unconstrained: a.unconstrained}
}

func listedOrNil(values []string) []string {
	if values == nil {
		return nil
	}
	return listed(values)
}
