package diagnose

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kftls/kubectl-kftls/pkg/cluster"
)

// profileOwners are the users who own a profile, and so a namespace, of Kubeflow.
func (r reader) profileOwners() Known[[]string] {
	kind := schema.GroupVersionResource{Group: "kubeflow.org", Version: "v1", Resource: "profiles"}
	list, err := r.cluster.Dynamic.Resource(kind).List(r.ctx, fromCache(""))
	if err != nil {
		return Known[[]string]{Err: cluster.Explain(err, "list Kubeflow's profiles")}
	}
	var owners []string
	for i := range list.Items {
		if name, _, _ := unstructured.NestedString(list.Items[i].Object, "spec", "owner", "name"); name != "" {
			owners = append(owners, name)
		}
	}
	return Known[[]string]{Value: owners}
}
