package testutil

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strconv"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"
)

// store keeps an object under a new version and says who owns what.
func (s *APIServer) store(key string, before, after *unstructured.Unstructured, r Request) *unstructured.Unstructured {
	if before == nil || !reflect.DeepEqual(servers(before), servers(after)) {
		claimServers(after, r.Manager, r.version)
	}
	if before != nil && reflect.DeepEqual(before.Object, after.Object) {
		return before
	}
	if !r.DryRun {
		s.version++
		after.SetResourceVersion(strconv.Itoa(s.version))
		s.objects[key] = after
	}
	return after
}

// patch carries out a JSON patch. A resourceVersion in it must be the present
// one.
func (s *APIServer) patch(key string, before *unstructured.Unstructured, r Request) (int, any) {
	patch, err := jsonpatch.DecodePatch(r.body)
	if err != nil {
		return http.StatusBadRequest, err.Error()
	}
	encoded, err := json.Marshal(in(before, r).Object)
	if err != nil {
		return http.StatusInternalServerError, err.Error()
	}
	patched, err := patch.Apply(encoded)
	if err != nil {
		return http.StatusUnprocessableEntity, "the server rejected our request due to an error in our request"
	}
	after := &unstructured.Unstructured{}
	if err := after.UnmarshalJSON(patched); err != nil {
		return http.StatusBadRequest, err.Error()
	}
	if after.GetResourceVersion() != before.GetResourceVersion() {
		return http.StatusConflict, "the object has been modified; please apply your changes to the latest version and try again"
	}
	after.SetAPIVersion(before.GetAPIVersion())
	return http.StatusOK, in(s.store(key, before, after, r), r).Object
}

// apply carries out a server-side apply: without force, a field that another
// manager holds with another value is a conflict; what the manager applied
// before and names no longer is removed.
func (s *APIServer) apply(key string, before *unstructured.Unstructured, r Request) (int, any) {
	body := map[string]any{}
	if err := yaml.Unmarshal(r.body, &body); err != nil {
		return http.StatusBadRequest, err.Error()
	}
	wanted := &unstructured.Unstructured{Object: body}
	uid, version := wanted.GetUID(), wanted.GetResourceVersion()
	after := wanted.DeepCopy()
	if before == nil {
		if uid != "" || version != "" {
			return http.StatusConflict, "the object is gone"
		}
		after.SetUID(types.UID("uid-of-" + key + "-" + strconv.Itoa(s.version)))
	} else {
		after = before.DeepCopy()
		if uid != "" && uid != before.GetUID() || version != "" && version != before.GetResourceVersion() {
			return http.StatusConflict, "the object has been modified; please apply your changes to the latest version and try again"
		}
		if !r.Force && s.isContested(key, r.Manager, before.Object, withoutGuards(body)) {
			return http.StatusConflict, "Apply failed with 1 conflict: conflict with another manager"
		}
		removeFields(after.Object, s.applied[key][r.Manager], body)
		mergeFields(after.Object, withoutGuards(body))
	}
	result := s.store(key, before, after, r)
	if !r.DryRun {
		if s.applied[key] == nil {
			s.applied[key] = map[string]map[string]any{}
		}
		s.applied[key][r.Manager] = body
	}
	return http.StatusOK, in(result, r).Object
}

func withoutGuards(body map[string]any) map[string]any {
	object := (&unstructured.Unstructured{Object: body}).DeepCopy()
	unstructured.RemoveNestedField(object.Object, "metadata", "uid")
	unstructured.RemoveNestedField(object.Object, "metadata", "resourceVersion")
	return object.Object
}

// isContested tells whether the fields to be applied differ from what is there
// while somebody else has applied it.
func (s *APIServer) isContested(key, manager string, live, wanted map[string]any) bool {
	for other := range s.applied[key] {
		if other != manager {
			merged := (&unstructured.Unstructured{Object: live}).DeepCopy()
			mergeFields(merged.Object, wanted)
			return !reflect.DeepEqual(merged.Object, live)
		}
	}
	return false
}

func mergeFields(target, source map[string]any) {
	for key, value := range source {
		inner, isMap := value.(map[string]any)
		into, hasMap := target[key].(map[string]any)
		if isMap && hasMap {
			mergeFields(into, inner)
		} else {
			target[key] = value
		}
	}
}

func removeFields(target, applied, wanted map[string]any) {
	for key, was := range applied {
		is, stays := wanted[key]
		if !stays {
			delete(target, key)
			continue
		}
		wasMap, _ := was.(map[string]any)
		isMap, _ := is.(map[string]any)
		if into, ok := target[key].(map[string]any); ok && wasMap != nil && isMap != nil {
			removeFields(into, wasMap, isMap)
		}
	}
}

// delete holds to the preconditions.
func (s *APIServer) delete(key string, object *unstructured.Unstructured, r Request) (int, any) {
	var options metav1.DeleteOptions
	if err := json.Unmarshal(r.body, &options); err != nil {
		return http.StatusBadRequest, err.Error()
	}
	if p := options.Preconditions; p != nil &&
		(p.UID != nil && *p.UID != object.GetUID() || p.ResourceVersion != nil && *p.ResourceVersion != object.GetResourceVersion()) {
		return http.StatusConflict, "the precondition of the deletion does not hold"
	}
	if len(options.DryRun) == 0 {
		delete(s.objects, key)
		delete(s.applied, key)
	}
	return http.StatusOK, metav1.Status{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: metav1.StatusSuccess}
}

func servers(object *unstructured.Unstructured) any {
	found, _, _ := unstructured.NestedFieldNoCopy(object.Object, "spec", "servers")
	return found
}

// claimServers gives spec.servers to a manager and takes it from the others,
// the one field whose owner matters here.
func claimServers(object *unstructured.Unstructured, manager, apiVersion string) {
	if servers(object) == nil {
		return
	}
	var entries []metav1.ManagedFieldsEntry
	for _, entry := range object.GetManagedFields() {
		if fields := withoutServers(entry.FieldsV1); entry.Manager != manager && len(fields) > 0 {
			entry.FieldsV1 = encodeFields(fields)
			entries = append(entries, entry)
		}
	}
	object.SetManagedFields(append(entries, metav1.ManagedFieldsEntry{
		Manager: manager, Operation: metav1.ManagedFieldsOperationUpdate, APIVersion: apiVersion, FieldsType: "FieldsV1",
		FieldsV1: encodeFields(map[string]any{"f:spec": map[string]any{"f:servers": map[string]any{}}}),
	}))
}

func withoutServers(encoded *metav1.FieldsV1) map[string]any {
	fields := map[string]any{}
	if encoded != nil && json.Unmarshal(encoded.GetRawBytes(), &fields) != nil {
		return nil
	}
	if spec, ok := fields["f:spec"].(map[string]any); ok {
		delete(spec, "f:servers")
		if len(spec) == 0 {
			delete(fields, "f:spec")
		}
	}
	return fields
}

func encodeFields(fields map[string]any) *metav1.FieldsV1 {
	raw, _ := json.Marshal(fields) // maps of maps: they encode
	return metav1.NewFieldsV1(string(raw))
}
