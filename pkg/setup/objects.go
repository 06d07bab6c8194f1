package setup

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Objects are those of a front door as a run would leave them, see
// gateway.Plan.Objects. tried are what the server's dry run returned, if there was
// one.
func (p *Proposal) Objects(tried []*unstructured.Unstructured) ([]*unstructured.Unstructured, error) {
	return p.Plan.Objects(p.Finding.Door, p.Finding.Installed, tried)
}

// Objects are those of a front door as the run left them. A Gateway whose change
// was handed over and has not arrived is as its source is to have it.
func (r *Result) Objects() ([]*unstructured.Unstructured, error) {
	plan, found := *r.Proposal.Plan, r.Proposal.Finding
	if r.Verdict != nil {
		plan.Handed = nil // it arrived, and was read again
	}
	var stored []*unstructured.Unstructured
	for _, write := range r.Done {
		stored = append(stored, write.undo.Before)
	}
	return plan.Objects(found.Door, found.Installed, stored)
}

// Standing are the writes of the run that were not taken back.
func (r *Result) Standing() []Write {
	var standing []Write
	for _, write := range r.Done {
		if !r.Undone && !(r.Removed && isOfGateway(write.Change)) {
			standing = append(standing, write)
		}
	}
	return standing
}
