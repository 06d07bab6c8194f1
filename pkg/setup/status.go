package setup

import (
	"context"
	"crypto/x509"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"golang.org/x/sync/errgroup"

	"github.com/kftls/kubectl-kftls/pkg/ca"
	"github.com/kftls/kubectl-kftls/pkg/cluster"
	"github.com/kftls/kubectl-kftls/pkg/gateway"
	"github.com/kftls/kubectl-kftls/pkg/portforward"
	"github.com/kftls/kubectl-kftls/pkg/session"
	"github.com/kftls/kubectl-kftls/pkg/state"
)

// State is how far a front door is set up.
type State string

// The states.
const (
	// NotSetUp: nothing of ours is there.
	NotSetUp State = "NotSetUp"
	// Serving: every ready pod serves our certificate.
	Serving State = "Serving"
	// ServerMissing: the Secret is there, but no server of the Gateway names
	// it. An installer that applies its own Gateway again leaves this behind.
	ServerMissing State = "ServerMissing"
	// AwaitingSync: the Secret is there, the Gateway is kept by another program,
	// and its source does not have our server yet.
	AwaitingSync State = "AwaitingSync"
	// NotServing: a server names our Secret, and not all pods serve it.
	NotServing State = "NotServing"
)

// Status is what is installed, as `status -o json` prints it.
type Status struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`

	State   State  `json:"state"`
	Context string `json:"context"`
	Server  string `json:"server"`
	Gateway string `json:"gateway"`
	Service string `json:"service"`
	// ManagedBy is the program that keeps the Gateway as its own source says.
	ManagedBy string `json:"managedBy,omitempty"`
	// Login is the auth proxy's era.
	Login session.Era `json:"login"`
	// Port and Hosts are those of our server on the Gateway.
	Port  int32    `json:"port,omitempty"`
	Hosts []string `json:"hosts,omitempty"`
	// CA is the one in force, Certificate what the Secret holds.
	CA          *CertificateStatus `json:"ca,omitempty"`
	Certificate *CertificateStatus `json:"certificate,omitempty"`
	// SecretUnknown is why the Secret could not be read.
	SecretUnknown string      `json:"secretUnknown,omitempty"`
	Pods          []PodStatus `json:"pods"`
	Notes         []string    `json:"notes,omitempty"`
}

// CertificateStatus is a certificate in numbers.
type CertificateStatus struct {
	// Fingerprint is the SHA-256 of the DER certificate in lower-case hex.
	Fingerprint string    `json:"fingerprint"`
	Names       []string  `json:"names,omitempty"`
	NotBefore   time.Time `json:"notBefore"`
	NotAfter    time.Time `json:"notAfter"`
	// NearEnd tells that a third of its life or less is left.
	NearEnd bool `json:"nearEnd"`
	// Path is where the certificate lies on this computer, and KeyHere whether
	// its key does; for the CA only.
	Path    string `json:"path,omitempty"`
	KeyHere bool   `json:"keyHere,omitempty"`
}

// PodStatus is one ready gateway pod.
type PodStatus struct {
	Name string `json:"name"`
	// Serves tells that it serves the Secret's certificate.
	Serves bool `json:"serves"`
	// Problem is why it does not.
	Problem string `json:"problem,omitempty"`
}

// Inspector reads the status of a front door.
type Inspector struct {
	Cluster *cluster.Cluster
	Home    *state.Home
	Dialer  portforward.Dialer
	Gateway types.NamespacedName
	// SecretName is our Secret's; "" means the one in use.
	SecretName string
	Now        func() time.Time
}

// Inspect reads what is installed, over the API and on the wire.
func (i Inspector) Inspect(ctx context.Context) (*Status, error) {
	door, err := gateway.Discover(ctx, i.Cluster, gateway.DiscoverOptions{Gateway: i.Gateway})
	if err != nil {
		return nil, err
	}
	secretName := door.SecretName(i.SecretName)
	installed, err := gateway.ReadInstalled(ctx, i.Cluster, door, secretName)
	if err != nil {
		return nil, err
	}
	status := &Status{
		APIVersion: gateway.APIVersion, Kind: "Status", State: NotSetUp,
		Context: i.Cluster.Context, Server: i.Cluster.Server,
		Gateway: door.Name(), Service: door.ServiceName(), ManagedBy: gateway.ManagerOf(door.Gateway), Login: door.Era, Notes: door.Notes,
	}
	i.certificates(status, installed)
	server, stands := door.OurServer(secretName)
	if stands {
		status.Port, status.Hosts = server.Number, server.Hosts
	}
	i.pods(ctx, status, door, server, installed)
	status.judge(installed, stands, door.WasChangedBySetup())
	return status, nil
}

// certificates describes CA and leaf; what cannot be read becomes a note.
func (i Inspector) certificates(status *Status, installed *gateway.Installed) {
	if installed.SecretUnknown != nil {
		status.SecretUnknown = installed.SecretUnknown.Error()
	}
	if installed.ConfigMap != nil {
		authority, err := installed.Authority()
		if err != nil {
			status.Notes = append(status.Notes, err.Error())
		} else {
			status.CA = i.describe(authority.Certificate)
			if kept, err := i.Home.Authority(authority.Fingerprint()); err == nil {
				status.CA.KeyHere = kept.Key != nil
				status.CA.Path = i.Home.CertificatePath(authority.Fingerprint())
			}
		}
	}
	leaf, err := installed.Leaf()
	switch {
	case err != nil:
		status.Notes = append(status.Notes, "the certificate in the Secret is broken: "+err.Error())
	case leaf != nil:
		status.Certificate = i.describe(leaf.Certificate)
		status.Certificate.Names = leaf.Names().Strings()
	}
}

func (i Inspector) describe(certificate *x509.Certificate) *CertificateStatus {
	return &CertificateStatus{
		Fingerprint: ca.Fingerprint(certificate),
		NotBefore:   certificate.NotBefore, NotAfter: certificate.NotAfter,
		NearEnd: (&ca.Leaf{Certificate: certificate}).NearEnd(i.Now()),
	}
}

// pods asks each ready pod for its certificate.
func (i Inspector) pods(ctx context.Context, status *Status, door *gateway.FrontDoor, server gateway.Server, installed *gateway.Installed) {
	ready := door.ReadyPods()
	status.Pods = make([]PodStatus, len(ready))
	var group errgroup.Group
	for n, pod := range ready {
		status.Pods[n].Name = pod.Name
		if server.Number == 0 {
			continue
		}
		group.Go(func() error {
			status.Pods[n].Problem = i.problem(ctx, door, pod, server, status, installed)
			status.Pods[n].Serves = status.Pods[n].Problem == ""
			return nil
		})
	}
	_ = group.Wait() // each pod keeps its own problem
}

func (i Inspector) problem(ctx context.Context, door *gateway.FrontDoor, pod portforward.Pod, server gateway.Server, status *Status, installed *gateway.Installed) string {
	name := "localhost"
	if status.Certificate != nil && len(status.Certificate.Names) > 0 {
		name = gateway.SampleName(status.Certificate.Names[0])
	}
	road, err := door.Tunnel(i.Dialer, pod, server.Number)
	if err != nil {
		return err.Error()
	}
	chain, err := gateway.Handshake(ctx, road, name)
	switch {
	case err != nil:
		return err.Error()
	case status.Certificate != nil && ca.Fingerprint(chain[0]) != status.Certificate.Fingerprint:
		return "serves another certificate: " + chain[0].Subject.String()
	case !gateway.EndsIn(chain, installed.CAFingerprint()):
		return "serves a certificate of another CA: " + chain[0].Issuer.String()
	}
	return ""
}

// judge sums up. wasChanged tells that setup has once changed the Gateway itself.
func (s *Status) judge(installed *gateway.Installed, stands, wasChanged bool) {
	switch {
	case stands:
		s.State = Serving
		for _, pod := range s.Pods {
			if !pod.Serves {
				s.State = NotServing
			}
		}
	case installed.Secret == nil && installed.ConfigMap == nil:
	case s.ManagedBy != "" && !wasChanged:
		s.State = AwaitingSync
	default:
		s.State = ServerMissing
	}
}
