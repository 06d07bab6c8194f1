// Package additions holds the objects that the testbed adds to Kubeflow's: see
// README.md.
package additions

import "embed"

// Files are the templates, *.yaml.
//
//go:embed *.yaml
var Files embed.FS

// AuditPolicy says what `up --audit` writes down: every request once, with who
// asked, by which program, for what, and how it was answered; no contents, save
// those of a deletion, which alone tell whether it was a dry run.
const AuditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Request
  verbs: [delete]
- level: Metadata
`

// Slot is a place for a gateway pod.
type Slot struct {
	Index   int
	Address string
}

// Values fill the templates.
type Values struct {
	// Subnet is the first three octets, Control the control plane's address.
	Subnet, Control string
	// ID is random; it tells this testbed's API server from others.
	ID string
	// Stamp is what the cluster testbed-stamp carries.
	Stamp string
	Slots []Slot
}
