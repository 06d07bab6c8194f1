package node

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// loadAccess gives a program access to the API server as its ServiceAccount, by a kubeconfig in the pod's folder, and
// its variable. In a cluster an admission plugin mounts the account's token, and the Service kubernetes has an address.
func (s *sandbox) loadAccess(ctx context.Context, from source, api *rest.Config) error {
	token, err := from.token(ctx, s.pod, "")
	if err != nil {
		return err
	}
	const name = "testbed"
	config := clientcmdapi.NewConfig()
	config.Clusters[name] = &clientcmdapi.Cluster{Server: api.Host, CertificateAuthorityData: api.CAData}
	config.AuthInfos[name] = &clientcmdapi.AuthInfo{Token: token}
	config.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name}
	config.CurrentContext = name
	data, err := clientcmd.Write(*config)
	if err != nil {
		return fmt.Errorf("write a kubeconfig: %w", err)
	}
	path := filepath.Join(s.dir, "kubeconfig")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		return fmt.Errorf("write a kubeconfig: %w", err)
	}
	s.dropEnv("KUBECONFIG")
	s.env = append(s.env, variable{"KUBECONFIG", path})
	s.differ("env KUBECONFIG: in place of the mounted token of ServiceAccount %s", serviceAccount(s.pod))
	return nil
}
