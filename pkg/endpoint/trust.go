package endpoint

import (
	"crypto/tls"
	"crypto/x509"
	"os"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

// Trust is how Kubeflow's certificate is verified. The API server's is the
// kubeconfig's affair.
type Trust struct {
	// CAFile holds the only roots that count, in PEM; "" means our CA where it
	// is in force, else the system's roots.
	CAFile string
	// Insecure verifies nothing.
	Insecure bool
}

// config makes the TLS configuration. roots are used where the flags name none;
// nil means the system's.
func (t Trust) config(roots *x509.CertPool) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots, InsecureSkipVerify: t.Insecure} //nolint:gosec // asked for by --insecure
	if t.CAFile == "" {
		return config, nil
	}
	const hint = "the CA of a front door that was set up: --ca-file \"$(kubectl kftls ca -o path)\""
	pem, err := os.ReadFile(t.CAFile)
	if err != nil {
		return nil, fault.New(fault.Usage, hint, "read --ca-file: %w", err)
	}
	config.RootCAs = x509.NewCertPool()
	if !config.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fault.New(fault.Usage, hint, "read --ca-file: %s holds no certificate in PEM", t.CAFile)
	}
	return config, nil
}
