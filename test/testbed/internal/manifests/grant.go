package manifests

import (
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kftls/kubectl-kftls/test/testbed/internal/objects"
)

// istiodRoles are what istiod may do, in every release.
var istiodRoles = []objects.Key{
	{Group: "rbac.authorization.k8s.io", Kind: "ClusterRole", Name: "istiod-clusterrole-istio-system"},
	{Group: "rbac.authorization.k8s.io", Kind: "ClusterRole", Name: "istiod-gateway-controller-istio-system"},
	{Group: "rbac.authorization.k8s.io", Kind: "ClusterRole", Name: "istio-reader-clusterrole-istio-system"},
	{Group: "rbac.authorization.k8s.io", Kind: "Role", Namespace: "istio-system", Name: "istiod"},
}

// Grant gives istiod the rights of another release's manifests besides its own: the istiod
// that runs is newer than the release's, and asks for kinds that its own did not know.
func (s *Set) Grant(from []*unstructured.Unstructured) {
	for _, o := range s.Objects {
		key := objects.KeyOf(o)
		at := slices.IndexFunc(from, func(other *unstructured.Unstructured) bool { return objects.KeyOf(other) == key })
		if !slices.Contains(istiodRoles, key) || at < 0 {
			continue
		}
		rules, _, _ := unstructured.NestedSlice(o.Object, "rules")
		more, _, _ := unstructured.NestedSlice(from[at].Object, "rules")
		if unstructured.SetNestedSlice(o.Object, append(rules, more...), "rules") == nil {
			differ(o, "also has the rules of a newer Kubeflow, because the istiod that runs is newer than the one of this release")
		}
	}
}
