package pki

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// clusterName is what a kubeconfig calls the testbed's cluster and context.
const clusterName = "kftls-testbed"

// Kubeconfig makes a kubeconfig for a user, whose certificate is made anew.
// Server is the API server's URL.
func (p *Plane) Kubeconfig(server string, u User, now time.Time) ([]byte, error) {
	pair, err := p.users.Client(u, now)
	if err != nil {
		return nil, err
	}
	config := clientcmdapi.NewConfig()
	config.Clusters[clusterName] = &clientcmdapi.Cluster{Server: server, CertificateAuthorityData: p.users.CertPEM()}
	config.AuthInfos[u.Name] = &clientcmdapi.AuthInfo{ClientCertificateData: pair.Cert, ClientKeyData: pair.Key}
	config.Contexts[clusterName] = &clientcmdapi.Context{Cluster: clusterName, AuthInfo: u.Name}
	config.CurrentContext = clusterName
	data, err := clientcmd.Write(*config)
	if err != nil {
		return nil, fmt.Errorf("write the kubeconfig of %s: %w", u.Name, err)
	}
	return data, nil
}

// WriteKubeconfig makes a kubeconfig and writes it to a file (0600).
func (p *Plane) WriteKubeconfig(path, server string, u User, now time.Time) error {
	data, err := p.Kubeconfig(server, u, now)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("make the folder of a kubeconfig: %w", err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		return fmt.Errorf("write the kubeconfig of %s: %w", u.Name, err)
	}
	return nil
}

// Client is a client's configuration for a user, whose certificate is made
// anew. The client is not slowed down, and names itself to the API server.
func (p *Plane) Client(server string, u User, userAgent string, now time.Time) (*rest.Config, error) {
	pair, err := p.users.Client(u, now)
	if err != nil {
		return nil, err
	}
	return &rest.Config{
		Host:            server,
		UserAgent:       userAgent,
		QPS:             -1,
		WarningHandler:  rest.NoWarnings{},
		TLSClientConfig: rest.TLSClientConfig{CAData: p.users.CertPEM(), CertData: pair.Cert, KeyData: pair.Key},
	}, nil
}
