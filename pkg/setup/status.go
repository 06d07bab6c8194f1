package setup

import (
	"cmp"
	"context"
	"crypto/x509"
	"time"

	"k8s.io/apimachinery/pkg/types"

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
	// Unknown: the cluster was not asked, or did not answer.
	Unknown State = "Unknown"
)

// Status is what is installed, as `status -o json` prints it.
type Status struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`

	State State `json:"state"`
	// Problem is why the state is unknown.
	Problem string `json:"problem,omitempty"`
	Context string `json:"context,omitempty"`
	Server  string `json:"server,omitempty"`
	Gateway string `json:"gateway,omitempty"`
	Service string `json:"service,omitempty"`
	// ManagedBy is the program that keeps the Gateway as its own source says.
	ManagedBy string `json:"managedBy,omitempty"`
	// Login is the auth proxy's era.
	Login session.Era `json:"login,omitempty"`
	// Port and Hosts are those of our server on the Gateway.
	Port  int32    `json:"port,omitempty"`
	Hosts []string `json:"hosts,omitempty"`
	// CA is the one in force; Certificate is what the Secret holds or, where that
	// could not be read, what a pod serves.
	CA          *CertificateStatus `json:"ca,omitempty"`
	Certificate *CertificateStatus `json:"certificate,omitempty"`
	// Renewal is nil where there is no certificate of ours.
	Renewal *RenewalStatus `json:"renewal,omitempty"`
	// SetUpBy is nil where nothing is set up.
	SetUpBy *SetUpByStatus `json:"setUpBy,omitempty"`
	// SecretUnknown is why the Secret could not be read.
	SecretUnknown string      `json:"secretUnknown,omitempty"`
	Pods          []PodStatus `json:"pods"`
	// Local is what this computer keeps.
	Local *LocalStatus `json:"local,omitempty"`
	Notes []string     `json:"notes,omitempty"`
}

// RenewalStatus is whether the certificate is to be renewed.
type RenewalStatus struct {
	Due bool `json:"due"`
	// From is when it becomes due.
	From time.Time `json:"from"`
}

// SetUpByStatus is who set up, as far as the cluster records it.
type SetUpByStatus struct {
	// Computer is the random id of a computer; ThisComputer tells that it is this.
	Computer     string    `json:"computer,omitempty"`
	ThisComputer bool      `json:"thisComputer"`
	FieldManager string    `json:"fieldManager,omitempty"`
	Since        time.Time `json:"since"`
	// CAKey is what became of the CA's key: kept there, discarded, or given by
	// somebody who keeps it.
	CAKey string `json:"caKey"`
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
	// KeyPath is where the key of a CA lies that somebody else made and keeps.
	KeyPath string `json:"keyPath,omitempty"`

	renewFrom time.Time
}

// PodStatus is one ready gateway pod.
type PodStatus struct {
	Name string `json:"name"`
	// Serves tells that it serves the Secret's certificate.
	Serves bool `json:"serves"`
	// Certificate is what it serves, nil where it serves none.
	Certificate *CertificateStatus `json:"certificate,omitempty"`
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
	// Before is how long before its end a certificate is to be renewed; 0 means a
	// third of its life.
	Before time.Duration
	Now    func() time.Time
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
	status.Local = i.Local()
	i.certificates(status, installed)
	i.holder(status, installed)
	server, stands := door.OurServer(secretName)
	if stands {
		status.Port, status.Hosts = server.Number, server.Hosts
	}
	look{i, door, server, installed}.pods(ctx, status)
	if status.Certificate != nil {
		from := status.Certificate.renewFrom
		status.Renewal = &RenewalStatus{From: from, Due: !i.Now().Before(from)}
	}
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
				source, _ := i.Home.Source(authority.Fingerprint())
				status.CA.KeyPath = source.Key
			}
		}
	}
	leaf, err := installed.Leaf()
	switch {
	case err != nil:
		status.Notes = append(status.Notes, "the certificate in the Secret is broken: "+err.Error())
	case leaf != nil:
		status.Certificate = i.describe(leaf.Certificate)
	}
}

// holder says who set up.
func (i Inspector) holder(status *Status, installed *gateway.Installed) {
	if installed.ConfigMap == nil {
		return
	}
	holder := installed.Holder()
	status.SetUpBy = &SetUpByStatus{
		Computer: holder.Computer, FieldManager: holder.Manager, Since: holder.Since,
		ThisComputer: holder.Computer != "" && holder.Computer == status.Local.Computer,
		CAKey:        cmp.Or(holder.Key, "kept"),
	}
}

func (i Inspector) describe(certificate *x509.Certificate) *CertificateStatus {
	return &CertificateStatus{
		Fingerprint: ca.Fingerprint(certificate), Names: ca.NamesOf(certificate).Strings(),
		NotBefore: certificate.NotBefore, NotAfter: certificate.NotAfter,
		NearEnd:   ca.RenewalDue(certificate, i.Now(), 0),
		renewFrom: ca.RenewFrom(certificate, i.Before),
	}
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
