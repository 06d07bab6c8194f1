package objects

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Key names an object in a picture.
type Key struct {
	Group, Kind, Namespace, Name string
}

// String is how messages name the object.
func (k Key) String() string {
	if k.Namespace == "" {
		return k.Kind + " " + k.Name
	}
	return k.Kind + " " + k.Namespace + "/" + k.Name
}

// Picture is how the cluster's objects were at a moment. What lives by itself is
// left out: pods, their ReplicaSets and EndpointSlices, leases, events, and what
// else the node and the API server make.
type Picture map[Key]*unstructured.Unstructured

// live are the kinds that live by themselves.
var live = map[schema.GroupKind]bool{
	{Kind: "Pod"}:                                                true,
	{Kind: "Node"}:                                               true,
	{Kind: "Event"}:                                              true,
	{Kind: "Endpoints"}:                                          true,
	{Kind: "ComponentStatus"}:                                    true,
	{Group: "apps", Kind: "ReplicaSet"}:                          true,
	{Group: "apps", Kind: "ControllerRevision"}:                  true,
	{Group: "events.k8s.io", Kind: "Event"}:                      true,
	{Group: "discovery.k8s.io", Kind: "EndpointSlice"}:           true,
	{Group: "coordination.k8s.io", Kind: "Lease"}:                true,
	{Group: "apiregistration.k8s.io", Kind: "APIService"}:        true,
	{Group: "networking.k8s.io", Kind: "IPAddress"}:              true,
	{Group: "networking.k8s.io", Kind: "ServiceCIDR"}:            true,
	{Group: "internal.apiserver.k8s.io", Kind: "StorageVersion"}: true,
}

// leaderAnnotation is on ConfigMaps by which copies of a program choose one.
const leaderAnnotation = "control-plane.alpha.kubernetes.io/leader"

// isLive tells objects that live by themselves within other kinds.
func isLive(o *unstructured.Unstructured) bool {
	if o.GetKind() == "WorkloadEntry" && o.GetLabels()[AddedLabel] != "" {
		return true // the node's, one for each pod
	}
	if _, ok := o.GetAnnotations()[leaderAnnotation]; ok {
		return true
	}
	return metav1.GetControllerOf(o) != nil
}

// Picture reads all objects, of all kinds.
func (s Store) Picture(ctx context.Context) (Picture, error) {
	picture := Picture{}
	var mu sync.Mutex
	err := each(ctx, s.Kinds.pictured(), func(ctx context.Context, resource schema.GroupVersionResource) error {
		list, err := s.Client.Resource(resource).List(ctx, metav1.ListOptions{})
		if apierrors.IsNotFound(err) {
			return nil // the CRD is gone
		}
		if err != nil {
			return fmt.Errorf("list %s: %w", resource.GroupResource(), err)
		}
		mu.Lock()
		defer mu.Unlock()
		for i := range list.Items {
			if o := &list.Items[i]; !isLive(o) {
				picture[KeyOf(o)] = o
			}
		}
		return nil
	})
	return picture, err
}

// KeyOf names an object, whichever version it is written in.
func KeyOf(o *unstructured.Unstructured) Key {
	return Key{Group: o.GroupVersionKind().Group, Kind: o.GetKind(), Namespace: o.GetNamespace(), Name: o.GetName()}
}

// pictured is one version of each kind whose objects can be listed, written and
// deleted, and do not live by themselves.
func (k Kinds) pictured() []schema.GroupVersionResource {
	versions := map[schema.GroupKind]schema.GroupVersionResource{}
	gvks := slices.Collect(maps.Keys(k))
	// v1 comes before v1alpha3 and v1beta1: the newest first, near enough. Which
	// one does not matter, as long as it is always the same.
	slices.SortFunc(gvks, func(a, b schema.GroupVersionKind) int { return strings.Compare(a.String(), b.String()) })
	for _, gvk := range gvks {
		if _, ok := versions[gvk.GroupKind()]; !ok && k[gvk].kept && !live[gvk.GroupKind()] {
			versions[gvk.GroupKind()] = k[gvk].resource
		}
	}
	return slices.Collect(maps.Values(versions))
}
