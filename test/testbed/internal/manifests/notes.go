package manifests

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kftls/kubectl-kftls/test/testbed/internal/objects"
)

// shownNames is how many objects a line names.
const shownNames = 4

// Notes gather what is told about objects, by what is told.
type Notes struct {
	order []string
	about map[string][]string
}

// Add notes something about an object.
func (n *Notes) Add(what string, o *unstructured.Unstructured) {
	if n.about == nil {
		n.about = map[string][]string{}
	}
	if n.about[what] == nil {
		n.order = append(n.order, what)
	}
	n.about[what] = append(n.about[what], objects.Name(o))
}

// Lines are the notes, one for each thing that is told.
func (n *Notes) Lines() []string {
	var all []string
	for _, what := range n.order {
		names := slices.Sorted(slices.Values(n.about[what]))
		more := ""
		if len(names) > shownNames {
			more = fmt.Sprintf(" and %d more", len(names)-shownNames)
			names = names[:shownNames]
		}
		all = append(all, what+": "+strings.Join(names, ", ")+more)
	}
	return all
}

// Keep leaves out what the API server does not know, and gives namespaced objects without a
// namespace the one that kubectl would.
func (n *Notes) Keep(all []*unstructured.Unstructured, kinds objects.Kinds) []*unstructured.Unstructured {
	var kept []*unstructured.Unstructured
	for _, o := range all {
		namespaced, known := kinds.Namespaced(o.GroupVersionKind())
		if !known {
			n.Add("left out, no CRD defines "+o.GetKind()+" "+o.GetAPIVersion(), o)
			continue
		}
		if namespaced && o.GetNamespace() == "" {
			o.SetNamespace("default")
		}
		kept = append(kept, o)
	}
	return kept
}
