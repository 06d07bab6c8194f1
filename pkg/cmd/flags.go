package cmd

import (
	"github.com/spf13/pflag"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/client-go/rest"

	// Kubeconfigs that name an auth-provider (oidc; gcp and azure get an error
	// that says what to use instead), as kubectl takes them.
	_ "k8s.io/client-go/plugin/pkg/client/auth"
)

// newConfigFlags are kubectl's flags that choose a cluster and who asks it.
// What the API server warns of goes to warn.
func newConfigFlags(warn func(format string, args ...any)) *genericclioptions.ConfigFlags {
	flags := genericclioptions.NewConfigFlags(true)
	flags.WrapConfigFn = func(config *rest.Config) *rest.Config {
		config.WarningHandler = serverWarnings{warn}
		return config
	}
	return flags
}

// addConfigFlags binds the flags. Those about TLS and tokens say whose they
// are, so that nobody takes them for Kubeflow's.
func addConfigFlags(config *genericclioptions.ConfigFlags, flags *pflag.FlagSet) {
	config.AddFlags(flags)
	for name, usage := range configFlagUsages {
		flags.Lookup(name).Usage = usage
	}
	flags.Lookup("cache-dir").DefValue = "" // a path of this computer says nothing in help
}

var configFlagUsages = map[string]string{
	"certificate-authority":    "Path to the CA certificate of the Kubernetes API server (not Kubeflow's)",
	"client-certificate":       "Path to a client certificate for the Kubernetes API server",
	"client-key":               "Path to the key of the client certificate for the Kubernetes API server",
	"insecure-skip-tls-verify": "If true, the certificate of the Kubernetes API server is not verified. This makes the connection to it insecure; Kubeflow's certificate is verified all the same",
	"tls-server-name":          "Name to verify the certificate of the Kubernetes API server against; by default the host name of its URL",
	"token":                    "Bearer token for the Kubernetes API server (not Kubeflow's)",
	"request-timeout":          "How long to wait for a single answer of the Kubernetes API server, e.g. 1s, 2m; 0 means the default of 15s",
	"namespace":                "Namespace of a --gateway that is given without one (the context's namespace is not used for it), of a --service-account, or of the user's profile where a form names it",
	"cache-dir":                "Taken for kubectl's sake, without effect: nothing is cached",
}

// serverWarnings passes on the Warning headers of the API server.
type serverWarnings struct {
	warn func(format string, args ...any)
}

// HandleWarningHeader implements rest.WarningHandler. Code 299 is the only one
// that Kubernetes sends (https://kubernetes.io/blog/2020/09/03/warnings/).
func (w serverWarnings) HandleWarningHeader(code int, _, text string) {
	if code == 299 && text != "" && w.warn != nil {
		w.warn("%s", text)
	}
}
