package gateway

import (
	"fmt"
	"reflect"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Action is what happens to one object.
type Action string

// The actions of a plan.
const (
	Create Action = "create"
	Update Action = "change"
	Delete Action = "delete"
)

// Change is one write: the object before and after. What is shown (diff, dry
// run) and what is done are both made from it.
type Change struct {
	Action   Action
	Resource schema.GroupVersionResource
	Kind     string
	// Before is the object as it was read; nil for Create. Its uid and
	// resourceVersion guard the write.
	Before *unstructured.Unstructured
	// After is the object as it will be; nil for Delete.
	After *unstructured.Unstructured
	// Why says in a few words what the change is for.
	Why string

	// wanted are the fields that server-side apply is sent: ours alone.
	wanted *unstructured.Unstructured
}

// Object is namespace/name of the object.
func (c Change) Object() string {
	if c.After != nil {
		return objectName(c.After)
	}
	return objectName(c.Before)
}

// String describes the change in a line.
func (c Change) String() string {
	return fmt.Sprintf("%s %s %s: %s", c.Action, c.Kind, c.Object(), c.Why)
}

// Plan is what would change, in the order of the writes, and what stays and
// why.
type Plan struct {
	Changes []Change
	// Handed are the changes that are not written, but made in the source of
	// who keeps the object.
	Handed []Handover
	// Left are things of ours that stay, each with the reason.
	Left []string
}

// Empty tells that nothing would be written.
func (p *Plan) Empty() bool { return len(p.Changes) == 0 }

var (
	secrets    = schema.GroupVersionResource{Version: "v1", Resource: "secrets"}
	configMaps = schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}
)

// planObject compares a core object (nil: absent) with what is wanted of it
// and returns the change, or none. Fields that wanted does not mention stay.
func planObject(before, wanted *unstructured.Unstructured, resource schema.GroupVersionResource, why string) []Change {
	change := Change{Resource: resource, Kind: wanted.GetKind(), Why: why, wanted: wanted}
	if before == nil {
		change.Action, change.After = Create, wanted
		return []Change{change}
	}
	merged := before.DeepCopy()
	if !merge(merged.Object, wanted.Object) {
		return nil
	}
	change.Action, change.Before, change.After = Update, before, merged
	return []Change{change}
}

// merge sets the fields of source in target and tells whether any differed.
func merge(target, source map[string]any) bool {
	changed := false
	for key, value := range source {
		inner, isMap := value.(map[string]any)
		if !isMap {
			if !reflect.DeepEqual(target[key], value) {
				target[key], changed = value, true
			}
			continue
		}
		into, ok := target[key].(map[string]any)
		if !ok {
			into = map[string]any{}
			target[key] = into
		}
		changed = merge(into, inner) || changed
	}
	return changed
}

// coreObject turns a typed core object, which the API server returns without
// its kind, into the form that changes carry. A nil object stays nil.
func coreObject[T any, P interface {
	*T
	runtime.Object
}](object P, kind string) (*unstructured.Unstructured, error) {
	if object == nil {
		return nil, nil
	}
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		return nil, fmt.Errorf("convert a %s: %w", kind, err)
	}
	result := &unstructured.Unstructured{Object: content}
	result.SetAPIVersion("v1")
	result.SetKind(kind)
	return result, nil
}
