package setup

import (
	"time"

	"github.com/kftls/kubectl-kftls/pkg/gateway"
	"github.com/kftls/kubectl-kftls/pkg/state"
)

// LocalStatus is what this computer keeps of clusters, whether or not they can
// be asked. It holds no secret.
type LocalStatus struct {
	// Computer is this computer's random id.
	Computer string `json:"computer,omitempty"`
	// Folder is where all of it lies.
	Folder      string            `json:"folder"`
	Authorities []AuthorityStatus `json:"authorities"`
	Problem     string            `json:"problem,omitempty"`
}

// AuthorityStatus is a CA on this computer.
type AuthorityStatus struct {
	Fingerprint string     `json:"fingerprint"`
	NotAfter    *time.Time `json:"notAfter,omitempty"`
	Path        string     `json:"path"`
	// KeyHere tells that its key lies beside it; KeyPath is where the key of a CA
	// lies that somebody else made and keeps.
	KeyHere bool   `json:"keyHere"`
	KeyPath string `json:"keyPath,omitempty"`
	// Origins are the front doors that it was used for.
	Origins []state.Origin `json:"origins"`
	Problem string         `json:"problem,omitempty"`
}

// Local lists what this computer keeps. It asks no cluster.
func (i Inspector) Local() *LocalStatus {
	local := &LocalStatus{Folder: i.Home.Dir(), Authorities: []AuthorityStatus{}}
	var err error
	if local.Computer, err = i.Home.ComputerID(); err != nil {
		local.Problem = err.Error()
	}
	kept, err := i.Home.Authorities()
	if err != nil {
		local.Problem = err.Error()
	}
	for _, k := range kept {
		source, _ := i.Home.Source(k.Fingerprint)
		a := AuthorityStatus{
			Fingerprint: k.Fingerprint, Path: i.Home.CertificatePath(k.Fingerprint), KeyPath: source.Key, Origins: k.Origins,
		}
		if k.Err != nil {
			a.Problem = k.Err.Error()
		} else {
			a.NotAfter, a.KeyHere = &k.Authority.Certificate.NotAfter, k.Authority.Key != nil
		}
		local.Authorities = append(local.Authorities, a)
	}
	return local
}

// LocalOnly is the status of a cluster that was not asked, or could not be.
func (i Inspector) LocalOnly(problem error) *Status {
	status := &Status{APIVersion: gateway.APIVersion, Kind: "Status", State: Unknown, Pods: []PodStatus{}, Local: i.Local()}
	if problem != nil {
		status.Problem = problem.Error()
	}
	if i.Cluster != nil {
		status.Context, status.Server = i.Cluster.Context, i.Cluster.Server
	}
	return status
}
