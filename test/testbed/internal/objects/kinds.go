package objects

import (
	"context"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
)

// kind is where the objects of a kind are found.
type kind struct {
	resource   schema.GroupVersionResource
	namespaced bool
	// kept says that objects of this kind are stored: they can be listed, updated
	// and deleted.
	kept bool
}

// Kinds tells the resource of each kind. It is made from the API server's
// discovery and from the CRDs themselves, because discovery learns of a new CRD
// only seconds after it is served.
type Kinds map[schema.GroupVersionKind]kind

// DiscoverKinds asks the API server, and adds what the CRDs define.
func DiscoverKinds(ctx context.Context, client discovery.DiscoveryInterfaceWithContext, crds []*unstructured.Unstructured) (Kinds, error) {
	_, lists, err := client.ServerGroupsAndResourcesWithContext(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask the API server for its resources: %w", err)
	}
	kinds := Kinds{}
	for _, list := range lists {
		version, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			return nil, fmt.Errorf("ask the API server for its resources: %w", err)
		}
		for _, r := range list.APIResources {
			if r.Kind == "" || isSubresource(r.Name) {
				continue
			}
			kinds[version.WithKind(r.Kind)] = kind{version.WithResource(r.Name), r.Namespaced, isKept(r.Verbs)}
		}
	}
	for _, crd := range crds {
		kinds.Define(crd)
	}
	return kinds, nil
}

func isKept(verbs metav1.Verbs) bool {
	return slices.Contains(verbs, "list") && slices.Contains(verbs, "update") && slices.Contains(verbs, "delete")
}

func isSubresource(name string) bool {
	return strings.Contains(name, "/")
}

// Define adds what one CRD defines.
func (k Kinds) Define(crd *unstructured.Unstructured) {
	group, _, _ := unstructured.NestedString(crd.Object, "spec", "group")
	name, _, _ := unstructured.NestedString(crd.Object, "spec", "names", "kind")
	plural, _, _ := unstructured.NestedString(crd.Object, "spec", "names", "plural")
	scope, _, _ := unstructured.NestedString(crd.Object, "spec", "scope")
	versions, _, _ := unstructured.NestedSlice(crd.Object, "spec", "versions")
	for _, v := range versions {
		version, ok := v.(map[string]any)
		if !ok || version["served"] != true {
			continue
		}
		text, _ := version["name"].(string)
		gv := schema.GroupVersion{Group: group, Version: text}
		k[gv.WithKind(name)] = kind{gv.WithResource(plural), scope == "Namespaced", true}
	}
}

func (k Kinds) of(o *unstructured.Unstructured) (kind, error) {
	found, ok := k[o.GroupVersionKind()]
	if !ok {
		return kind{}, fmt.Errorf("the API server knows no %s", o.GroupVersionKind())
	}
	return found, nil
}

// Resource is where the objects of a kind are found; false if it is not served.
func (k Kinds) Resource(gvk schema.GroupVersionKind) (schema.GroupVersionResource, bool) {
	found, ok := k[gvk]
	return found.resource, ok
}

// Namespaced tells whether objects of a kind are in namespaces, and whether it is served.
func (k Kinds) Namespaced(gvk schema.GroupVersionKind) (namespaced, known bool) {
	found, ok := k[gvk]
	return found.namespaced, ok
}
