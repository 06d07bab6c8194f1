package cmd

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/kftls/kubectl-kftls/pkg/clients"
)

// handover is the session on its way to a client.
func (o *cookieOptions) handover(ctx context.Context, v *visit, got *obtained) (clients.Handover, error) {
	url := o.usedAt(v)
	caFile, err := v.clientCA(url)
	if err != nil {
		return clients.Handover{}, err
	}
	args, err := o.sameAgain(ctx, v, got)
	return clients.Handover{
		URL: url, Session: got.Session, CAFile: caFile, Secured: true, LoggedIn: got.LoggedIn,
		Namespace: *o.factory.ConfigFlags.Namespace, Program: o.factory.Name, Args: args, Now: o.factory.Now(),
	}, err
}

// clientCA is the file with the CA that a client needs at a URL, "" where it
// needs none: what --ca-file names, the CA that setup made, or, on this computer
// and without setup, the CA of port-forward --tls.
func (v *visit) clientCA(url string) (string, error) {
	home, err := v.factory.Home()
	switch {
	case err != nil:
		return "", err
	case !strings.HasPrefix(url, "https:"):
		return "", nil
	case v.endpoint.CAFile != "":
		return filepath.Abs(v.endpoint.CAFile)
	case v.endpoint.Authority != nil:
		// One from the cluster is kept, so that there is a file to name.
		if _, err := home.SaveAuthority(v.endpoint.Authority, v.endpoint.Cluster); err != nil {
			return "", err
		}
		return home.CertificatePath(v.endpoint.Authority.Fingerprint()), nil
	case v.endpoint.Tunnel:
		if _, err := os.Stat(home.LocalCertificatePath()); err == nil {
			return home.LocalCertificatePath(), nil
		}
	}
	return "", nil
}

// notAgain are the flags that the same session is got without: what forms the
// output, what was for this run alone, and secrets.
var notAgain = []string{"output", "shell", "for", "fresh", "import", "write", "password-stdin", "token", "v", "namespace", "cache-dir"}

// fileFlags name files, which are looked for from another folder the next time.
var fileFlags = []string{"ca-file", "kubeconfig", "certificate-authority", "client-certificate", "client-key"}

// sameAgain are the arguments that lead to the same session: the flags of this
// run, the context that was current, and whose session it is.
func (o *cookieOptions) sameAgain(ctx context.Context, v *visit, got *obtained) ([]string, error) {
	var (
		args   []string
		failed error
	)
	o.command.Flags().Visit(func(flag *pflag.Flag) {
		if slices.Contains(notAgain, flag.Name) {
			return
		}
		for _, value := range valuesOf(flag) {
			if slices.Contains(fileFlags, flag.Name) {
				path, err := filepath.Abs(value)
				failed = cmp.Or(failed, err)
				value = path
			}
			args = append(args, "--"+flag.Name+"="+value)
		}
	})
	if o.target.gateway != "" && *o.factory.ConfigFlags.Namespace != "" {
		args = append(args, "--namespace="+*o.factory.ConfigFlags.Namespace)
	}
	if login := loginOf(got.Session); login != "" && o.login == "" {
		args = append(args, "--login="+login)
	}
	if v.endpoint.Tunnel && *o.factory.ConfigFlags.Context == "" {
		cluster, err := o.factory.Cluster(ctx)
		if err == nil && cluster.Context != "" {
			args = append(args, "--context="+cluster.Context)
		}
	}
	return args, failed
}

func valuesOf(flag *pflag.Flag) []string {
	if list, ok := flag.Value.(pflag.SliceValue); ok {
		return list.GetSlice()
	}
	return []string{flag.Value.String()}
}
