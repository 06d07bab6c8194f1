//go:build linux

// Package control is how the testbed's commands speak with the testbed that
// runs: a Unix socket in its folder, which only its owner can open.
package control

import "time"

// Phase tells how far a testbed is.
type Phase string

// The phases of a testbed.
const (
	Starting Phase = "starting"
	Running  Phase = "running"
	Stopping Phase = "stopping"
	Stopped  Phase = "stopped"
)

// Status is what `testbed status -o json` prints.
type Status struct {
	Phase   Phase  `json:"phase"`
	Dir     string `json:"dir"`
	Profile string `json:"profile,omitempty"`
	// PID is the supervisor's process id.
	PID       int       `json:"pid,omitempty"`
	StartedAt time.Time `json:"startedAt,omitzero"`
	// Subnet is the loopback network, 127.0.71.0/24.
	Subnet string `json:"subnet,omitempty"`
	// Server is the API server's URL, Kubeconfig the administrator's file.
	Server     string `json:"server,omitempty"`
	Kubeconfig string `json:"kubeconfig,omitempty"`
	// ID is what the marker object of this testbed carries.
	ID string `json:"id,omitempty"`
	// AuditLog is the file with the audit events; empty without --audit.
	AuditLog string `json:"auditLog,omitempty"`
	// Gateways are the front door's addresses, one for each gateway pod.
	Gateways   []string    `json:"gateways,omitempty"`
	Components []Component `json:"components,omitempty"`
	// Differences are what is not as in a cluster of Kubeflow's.
	Differences []string `json:"differences,omitempty"`
}

// Component is one process: a part of the control plane, or a pod.
type Component struct {
	// Name is the pod's name, or the name of the part of the control plane.
	Name string `json:"name"`
	// Component is what `logs` and `restart` call it: dex, istiod, etcd.
	Component string `json:"component"`
	Namespace string `json:"namespace,omitempty"`
	Program   string `json:"program,omitempty"`
	Version   string `json:"version,omitempty"`
	PID       int    `json:"pid,omitempty"`
	// Address is the loopback address on which it listens, PodIP what the
	// cluster takes for it.
	Address string `json:"address,omitempty"`
	PodIP   string `json:"podIP,omitempty"`
	Ready   bool   `json:"ready"`
	// Waiting says why it is not ready, or that it is ending.
	Waiting   string    `json:"waiting,omitempty"`
	Restarts  int       `json:"restarts,omitempty"`
	StartedAt time.Time `json:"startedAt,omitzero"`
	Log       string    `json:"log,omitempty"`
}

// Terminating is what Waiting says of a pod that is ending.
const Terminating = "Terminating"

// AllReady tells whether everything runs that should: pods that are ending do
// not count.
func (s Status) AllReady() bool {
	for _, c := range s.Components {
		if !c.Ready && c.Waiting != Terminating {
			return false
		}
	}
	return s.Phase == Running
}
