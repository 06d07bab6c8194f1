package diagnose

import "slices"

// Stage is a part of the facts, in the order in which they come to be there. Each
// holds those before it.
type Stage string

// The stages. What they wait for is asked side by side from the beginning.
const (
	// StageComputer is known at once: what was asked for, the kubeconfig, files and
	// variables of this computer.
	StageComputer Stage = "this computer"
	// StageCluster adds the cluster's objects.
	StageCluster Stage = "the cluster"
	// StageWire adds what the roads showed, and what that made worth asking: all
	// there is.
	StageWire Stage = "the wire"
)

// Stages lists them in their order.
func Stages() []Stage { return []Stage{StageComputer, StageCluster, StageWire} }

// covers tells that all that a check reads is there.
func (s Stage) covers(c Check) bool {
	if c.Reads == "" {
		return s == StageWire
	}
	return slices.Index(Stages(), c.Reads) <= slices.Index(Stages(), s)
}
