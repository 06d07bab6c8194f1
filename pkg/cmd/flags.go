package cmd

import (
	"fmt"
	"strings"

	"github.com/spf13/pflag"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	// Kubeconfigs that name an auth-provider (oidc; gcp and azure get an error
	// that says what to use instead), as kubectl takes them.
	_ "k8s.io/client-go/plugin/pkg/client/auth"
)

// kubeconfigFlags are kubectl's flags that choose a cluster and who asks it.
//
// They are bound by client-go, not by cli-runtime's ConfigFlags: those bring
// kustomize, and with it twice the binary (49 MB against 27) and memory (46 MB
// against 20 at start).
type kubeconfigFlags struct {
	// File is the value of --kubeconfig.
	File string
	// Overrides are the values of all other flags.
	Overrides clientcmd.ConfigOverrides
	// Warn is told what the API server warns of.
	Warn func(format string, args ...any)

	cacheDir string
}

// Add binds the flags. Those about TLS say whose TLS they are about, so that
// nobody takes them for Kubeflow's. Without a kubeconfig there is an error, not
// kubectl's http://localhost:8080.
func (f *kubeconfigFlags) Add(flags *pflag.FlagSet) {
	names := clientcmd.RecommendedConfigOverrideFlags("")
	names.ClusterOverrideFlags.APIServer.ShortName = "s"
	clientcmd.BindOverrideFlags(&f.Overrides, flags, names)
	flags.StringVar(&f.File, "kubeconfig", "", "Path to the kubeconfig file to use for CLI requests.")
	flags.StringVar(&f.cacheDir, "cache-dir", "", "Taken for kubectl's sake, without effect: nothing is cached")
	flags.Var((*userExtra)(&f.Overrides.AuthInfo.ImpersonateUserExtra), "as-user-extra",
		"User extras to impersonate for the operation, as KEY=VALUE; can be repeated")
	for name, usage := range ownUsages {
		flags.Lookup(name).Usage = usage
	}
}

// ownUsages are said differently than in kubectl.
var ownUsages = map[string]string{
	"namespace":                "Namespace of a --gateway that is given without one; the context's namespace is not used",
	"certificate-authority":    "Path to the CA certificate of the Kubernetes API server (not Kubeflow's)",
	"client-certificate":       "Path to a client certificate for the Kubernetes API server",
	"client-key":               "Path to the key of the client certificate for the Kubernetes API server",
	"insecure-skip-tls-verify": "If true, the certificate of the Kubernetes API server is not verified. This makes the connection to it insecure; Kubeflow's certificate is verified all the same",
	"tls-server-name":          "Name to verify the certificate of the Kubernetes API server against; by default the host name of its URL",
	"token":                    "Bearer token for the Kubernetes API server (not Kubeflow's)",
	"request-timeout":          "How long to wait for a single answer of the Kubernetes API server, e.g. 1s, 2m; 0 means the default of 15s",
}

// ToRawKubeConfigLoader returns the kubeconfig with the flags on top.
func (f *kubeconfigFlags) ToRawKubeConfigLoader() clientcmd.ClientConfig {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.DefaultClientConfig = &clientcmd.DefaultClientConfig
	rules.ExplicitPath = f.File
	return clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &f.Overrides)
}

// ToRESTConfig returns where and how to reach the API server.
func (f *kubeconfigFlags) ToRESTConfig() (*rest.Config, error) {
	config, err := f.ToRawKubeConfigLoader().ClientConfig()
	if err != nil {
		return nil, err
	}
	config.WarningHandler = serverWarnings{f.Warn}
	return config, nil
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

// userExtra is the value of --as-user-extra.
type userExtra map[string][]string

// String implements pflag.Value.
func (u *userExtra) String() string { return "" }

// Type implements pflag.Value.
func (u *userExtra) Type() string { return "stringArray" }

// Set implements pflag.Value: it adds one KEY=VALUE.
func (u *userExtra) Set(text string) error {
	key, value, found := strings.Cut(text, "=")
	if !found || key == "" {
		return fmt.Errorf("%q is not KEY=VALUE", text)
	}
	if *u == nil {
		*u = userExtra{}
	}
	(*u)[key] = append((*u)[key], value)
	return nil
}
