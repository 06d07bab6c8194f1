//go:build linux

// Package controlplane starts etcd, kube-apiserver and the controllers of
// kube-controller-manager, and tells when they are ready.
package controlplane

import (
	"path/filepath"

	"github.com/kftls/kubectl-kftls/test/testbed/internal/pki"
	"github.com/kftls/kubectl-kftls/test/testbed/internal/proc"
)

// The ports of the control plane, on its address.
const (
	EtcdPort      = 2379
	EtcdPeerPort  = 2380
	APIServerPort = 6443
)

// ServiceNetwork is where Services get their cluster IPs from, and ServiceIP
// the first of them, the Service kubernetes'. Both are kubeadm's.
const (
	ServiceNetwork = "10.96.0.0/16"
	ServiceIP      = "10.96.0.1"
)

// advertised is the API server's address in the Service kubernetes. It may not
// be loopback, and nobody here uses it; this one is for documentation (RFC 5737).
const advertised = "192.0.2.2"

// Issuer is what the tokens of ServiceAccounts name as theirs, as in kubeadm.
const Issuer = "https://kubernetes.default.svc.cluster.local"

// Config is what the control plane is started with.
type Config struct {
	// Address is the IP address of all its parts.
	Address string
	// Dir holds its data and audit log, LogDir the parts' output.
	Dir, LogDir string
	PKI         *pki.Plane
	// Etcd, APIServer and Controllers are the executables.
	Etcd, APIServer, Controllers string
	// AuditPolicy is the file that says what is audited; "" for nothing.
	AuditPolicy string
	// ControllersKubeconfig is the kubeconfig of the controllers.
	ControllersKubeconfig string
}

// Server is the API server's URL.
func (c Config) Server() string { return "https://" + c.Address + ":6443" }

// AuditLog is the file with the audit events, one JSON object a line.
func (c Config) AuditLog() string { return filepath.Join(c.Dir, "audit.jsonl") }

// EtcdSpec says how etcd is started. It writes without fsync: its data are as
// short-lived as the testbed.
func (c Config) EtcdSpec() proc.Spec {
	client := "https://" + c.Address + ":2379"
	peer := "https://" + c.Address + ":2380"
	return c.spec("etcd", c.Etcd,
		"--name=testbed",
		"--data-dir="+filepath.Join(c.Dir, "etcd"),
		"--unsafe-no-fsync",
		"--listen-client-urls="+client, "--advertise-client-urls="+client,
		"--listen-peer-urls="+peer, "--initial-advertise-peer-urls="+peer, "--initial-cluster=testbed="+peer,
		"--client-cert-auth", "--trusted-ca-file="+c.PKI.Path("internal-ca.crt"),
		"--cert-file="+c.PKI.Path("etcd.crt"), "--key-file="+c.PKI.Path("etcd.key"),
		"--peer-client-cert-auth", "--peer-trusted-ca-file="+c.PKI.Path("internal-ca.crt"),
		"--peer-cert-file="+c.PKI.Path("etcd.crt"), "--peer-key-file="+c.PKI.Path("etcd.key"),
		"--log-level=warn",
	)
}

// APIServerSpec says how the API server is started: as kubeadm does, but for
// what a machine without pods must change.
func (c Config) APIServerSpec() proc.Spec {
	args := []string{
		"--bind-address=" + c.Address, "--secure-port=6443", "--advertise-address=" + advertised,
		"--etcd-servers=https://" + c.Address + ":2379",
		"--etcd-cafile=" + c.PKI.Path("internal-ca.crt"),
		"--etcd-certfile=" + c.PKI.Path("etcd-client.crt"), "--etcd-keyfile=" + c.PKI.Path("etcd-client.key"),
		"--tls-cert-file=" + c.PKI.Path("apiserver.crt"), "--tls-private-key-file=" + c.PKI.Path("apiserver.key"),
		"--client-ca-file=" + c.PKI.Path("ca.crt"),
		"--service-account-issuer=" + Issuer,
		"--service-account-jwks-uri=" + Issuer + "/openid/v1/jwks", // by name: its own address is advertised
		"--service-account-key-file=" + c.PKI.Path("sa.pub"), "--service-account-signing-key-file=" + c.PKI.Path("sa.key"),
		"--kubelet-certificate-authority=" + c.PKI.Path("internal-ca.crt"),
		"--kubelet-client-certificate=" + c.PKI.Path("kubelet-client.crt"), "--kubelet-client-key=" + c.PKI.Path("kubelet-client.key"),
		"--kubelet-preferred-address-types=InternalIP",
		"--authorization-mode=Node,RBAC",
		"--service-cluster-ip-range=" + ServiceNetwork,
		"--disable-admission-plugins=ServiceAccount,StorageObjectInUseProtection",
		"--allow-privileged",
		"--cert-dir=" + filepath.Join(c.Dir, "apiserver"),
		"--profiling=false",
	}
	if c.AuditPolicy != "" {
		args = append(args, "--audit-policy-file="+c.AuditPolicy, "--audit-log-path="+c.AuditLog(), "--audit-log-mode=blocking")
	}
	return c.spec("kube-apiserver", c.APIServer, args...)
}

// ControllersSpec says how the controllers are started.
func (c Config) ControllersSpec() proc.Spec {
	return c.spec("controllers", c.Controllers, "--kubeconfig="+c.ControllersKubeconfig)
}

func (c Config) spec(name, path string, args ...string) proc.Spec {
	return proc.Spec{
		Name: name, Path: path, Args: args, Dir: c.Dir, Log: filepath.Join(c.LogDir, name+".log"),
		Env: []string{"HOME=" + c.Dir, "TMPDIR=" + c.Dir},
	}
}

// Differences are what this control plane does otherwise than a cluster's.
func Differences() []string {
	return []string{
		"etcd writes without fsync: its data do not outlive the testbed",
		"kube-apiserver has no admission plugin ServiceAccount: the node mounts tokens itself",
		"kube-apiserver has no admission plugin StorageObjectInUseProtection: no controller would take its finalizer off a claim",
		"kube-apiserver advertises " + advertised + ", an address for documentation: it may not advertise loopback",
		"of kube-controller-manager only the controllers for Deployments, ReplicaSets, StatefulSets, ServiceAccounts, namespaces, aggregated ClusterRoles and garbage run; EndpointSlices are the node's",
		"there is no scheduler, kube-proxy, DNS and pod network: Services have a cluster IP that nobody answers",
	}
}
