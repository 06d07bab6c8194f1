package pki

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// The authorities' file names. Users are signed by one, and what only the
// control plane may do (ask etcd, ask the kubelet) by the other.
const (
	usersAuthority    = "ca"
	internalAuthority = "internal-ca"
)

// Plane is where a control plane's keys and certificates lie, and what of them
// is needed in memory. The files NAME.crt and NAME.key are: ca, internal-ca,
// apiserver, etcd, etcd-client, kubelet-client; and sa.key, sa.pub.
type Plane struct {
	Dir string
	// Kubelet is the certificate with which the kubelet serves.
	Kubelet tls.Certificate
	// KubeletClients signs those who may ask the kubelet.
	KubeletClients *x509.CertPool

	users *Authority
}

// Addresses are what a control plane's certificates are made for.
type Addresses struct {
	// Control is the address of API server, etcd and kubelet.
	Control string
	// ServiceIP is the cluster IP of the Service kubernetes.
	ServiceIP string
}

// NewPlane makes everything anew in a folder, which is made with mode 0700.
func NewPlane(dir string, addresses Addresses, now time.Time) (*Plane, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of the certificates: %w", err)
	}
	users, err := writeAuthority(dir, usersAuthority, now)
	if err != nil {
		return nil, err
	}
	internal, err := writeAuthority(dir, internalAuthority, now)
	if err != nil {
		return nil, err
	}
	apiserver := Server{
		Name: "kube-apiserver",
		DNS:  []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"},
		IPs:  []string{addresses.Control, addresses.ServiceIP},
	}
	if err := writeServer(users, dir, "apiserver", apiserver, now); err != nil {
		return nil, err
	}
	if err := writeServer(internal, dir, "etcd", Server{Name: "etcd", IPs: []string{addresses.Control}}, now); err != nil {
		return nil, err
	}
	for _, name := range []string{"etcd-client", "kubelet-client"} {
		pair, err := internal.Client(User{Name: "kube-apiserver-" + name}, now)
		if err != nil {
			return nil, err
		}
		if err := pair.Write(dir, name); err != nil {
			return nil, err
		}
	}
	kubelet, err := internal.Server(Server{Name: "kubelet", IPs: []string{addresses.Control}}, now)
	if err != nil {
		return nil, err
	}
	serving, err := tls.X509KeyPair(kubelet.Cert, kubelet.Key)
	if err != nil {
		return nil, fmt.Errorf("read the kubelet's certificate: %w", err)
	}
	if err := writeSigningKey(dir); err != nil {
		return nil, err
	}
	return &Plane{Dir: dir, Kubelet: serving, KubeletClients: internal.Pool(), users: users}, nil
}

// OpenPlane reads what is needed to make kubeconfigs for a plane made before.
func OpenPlane(dir string) (*Plane, error) {
	users, err := ReadAuthority(dir, usersAuthority)
	if err != nil {
		return nil, err
	}
	return &Plane{Dir: dir, users: users}, nil
}

// Path is the path of one of the plane's files.
func (p *Plane) Path(name string) string { return filepath.Join(p.Dir, name) }

func writeAuthority(dir, name string, now time.Time) (*Authority, error) {
	authority, err := NewAuthority("kftls testbed "+name, now)
	if err != nil {
		return nil, err
	}
	pair, err := authority.Pair()
	if err != nil {
		return nil, err
	}
	return authority, pair.Write(dir, name)
}

func writeServer(by *Authority, dir, name string, s Server, now time.Time) error {
	pair, err := by.Server(s, now)
	if err != nil {
		return err
	}
	return pair.Write(dir, name)
}

func writeSigningKey(dir string) error {
	private, public, err := SigningKey()
	if err != nil {
		return err
	}
	for name, data := range map[string][]byte{"sa.key": private, "sa.pub": public} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			return fmt.Errorf("write the key for tokens: %w", err)
		}
	}
	return nil
}
