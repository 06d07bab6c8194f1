package objects

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"

	"github.com/kftls/kubectl-kftls/test/testbed/profiles"
)

// PatchAnnotation says what an object of an overlay does to the one of the same name: its
// value is one of the constants below. Without it the object is added, or takes its place.
const PatchAnnotation = "testbed.kftls.github.io/patch"

const (
	// patchMerge merges as kustomize and kubectl do: lists by the names of their elements
	// in kinds that Kubernetes knows, whole lists in others; null takes a field away.
	patchMerge = "merge"
	// patchMergeYAML merges the values of a ConfigMap too, as YAML documents: mappings by
	// their keys, and lists as a whole.
	patchMergeYAML = "merge-yaml"
	// patchDelete takes the object away, if it is there.
	patchDelete = "delete"
)

// Overlay lays changes over objects, as kustomize does, and returns all that there is then.
// Neither list is changed.
func Overlay(base, changes []*unstructured.Unstructured) ([]*unstructured.Unstructured, error) {
	all := slices.Clone(base)
	for _, change := range changes {
		patch := change.GetAnnotations()[PatchAnnotation]
		at := slices.IndexFunc(all, func(o *unstructured.Unstructured) bool { return KeyOf(o) == KeyOf(change) })
		switch {
		case patch == patchDelete && at >= 0:
			all = slices.Delete(slices.Clone(all), at, at+1)
		case patch == patchDelete:
		case patch != "" && at < 0:
			return nil, fmt.Errorf("change %s: there is none", Name(change))
		case patch != "":
			merged, err := overlay(all[at], change, patch)
			if err != nil {
				return nil, fmt.Errorf("change %s: %w", Name(change), err)
			}
			all[at] = merged
		case at >= 0:
			all[at] = change
		default:
			all = append(all, change)
		}
	}
	return all, nil
}

// overlay merges one change into one object.
func overlay(base, change *unstructured.Unstructured, patch string) (*unstructured.Unstructured, error) {
	change = change.DeepCopy()
	// The object keeps its version: the same kind has others in other releases.
	change.SetAPIVersion(base.GetAPIVersion())
	annotations := change.GetAnnotations()
	delete(annotations, PatchAnnotation)
	if before := base.GetAnnotations()[profiles.DifferenceAnnotation]; before != "" {
		annotations[profiles.DifferenceAnnotation] = strings.Join([]string{before, annotations[profiles.DifferenceAnnotation]}, "; ")
	}
	change.SetAnnotations(annotations)
	switch patch {
	case patchMerge:
	case patchMergeYAML:
		if err := mergeValues(base, change); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("annotation %s: %q is not known", PatchAnnotation, patch)
	}
	merged, err := merge(base.DeepCopy().Object, change)
	return &unstructured.Unstructured{Object: merged}, err
}

func merge(base map[string]any, change *unstructured.Unstructured) (map[string]any, error) {
	if !scheme.Scheme.Recognizes(change.GroupVersionKind()) {
		return mergeMaps(base, change.Object), nil // a custom resource
	}
	typed, err := scheme.Scheme.New(change.GroupVersionKind())
	if err != nil {
		return nil, err
	}
	return strategicpatch.StrategicMergeMapPatch(base, change.Object, typed)
}

// mergeMaps is RFC 7396.
func mergeMaps(base, change map[string]any) map[string]any {
	for key, value := range change {
		inner, isMap := value.(map[string]any)
		before, _ := base[key].(map[string]any)
		switch {
		case value == nil:
			delete(base, key)
		case isMap && before != nil:
			base[key] = mergeMaps(before, inner)
		case isMap:
			base[key] = mergeMaps(map[string]any{}, inner)
		default:
			base[key] = value
		}
	}
	return base
}

// mergeValues completes the values of a change by those of the base.
func mergeValues(base, change *unstructured.Unstructured) error {
	before, _, err := unstructured.NestedStringMap(base.Object, "data")
	if err != nil {
		return err
	}
	data, _, err := unstructured.NestedStringMap(change.Object, "data")
	if err != nil {
		return err
	}
	for key, text := range data {
		merged, err := MergeYAML(before[key], text)
		if err != nil {
			return fmt.Errorf("merge %s: %w", key, err)
		}
		data[key] = merged
	}
	return unstructured.SetNestedStringMap(change.Object, data, "data")
}

// MergeYAML merges a YAML mapping into another (RFC 7396). Comments are lost.
func MergeYAML(base, change string) (string, error) {
	var before, changes map[string]any
	if err := yaml.Unmarshal([]byte(base), &before); err != nil {
		return "", fmt.Errorf("read what is to be changed: %w", err)
	}
	if err := yaml.Unmarshal([]byte(change), &changes); err != nil {
		return "", fmt.Errorf("read the change: %w", err)
	}
	if before == nil {
		before = map[string]any{}
	}
	merged, err := yaml.Marshal(mergeMaps(before, changes))
	if err != nil {
		return "", fmt.Errorf("write what is merged: %w", err)
	}
	return string(merged), nil
}

// Compare tells what must be applied and what deleted to come from one set of objects to
// another.
func Compare(before, after []*unstructured.Unstructured) (changed, gone []*unstructured.Unstructured) {
	known := map[Key]*unstructured.Unstructured{}
	for _, o := range before {
		known[KeyOf(o)] = o
	}
	for _, o := range after {
		if had := known[KeyOf(o)]; had == nil || !equality.Semantic.DeepEqual(had.Object, o.Object) {
			changed = append(changed, o)
		}
		delete(known, KeyOf(o))
	}
	for _, o := range before {
		if known[KeyOf(o)] != nil {
			gone = append(gone, o)
		}
	}
	return changed, gone
}
