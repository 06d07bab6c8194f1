package gateway

import (
	"encoding/json"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// A patch of spec.servers takes the field away from who owned it: the
// installer's next changed `kubectl apply --server-side` would meet a conflict
// even after our server is gone. The functions here read the owner and give
// the field back
// (https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management).

// serversOwner returns who owns spec.servers, nil when nobody does. We
// ourselves do not count.
func serversOwner(gateway *unstructured.Unstructured) *Owner {
	for _, entry := range gateway.GetManagedFields() {
		if entry.Subresource == "" && !isOurManager(entry.Manager) && ownsServers(entry) {
			return &Owner{Manager: entry.Manager, Operation: entry.Operation, APIVersion: entry.APIVersion}
		}
	}
	return nil
}

func isOurManager(manager string) bool { return strings.HasPrefix(manager, ManagedBy+"-") }

// fieldSet is a decoded fieldsV1.
type fieldSet = map[string]any

func decodeFields(entry metav1.ManagedFieldsEntry) fieldSet {
	fields := fieldSet{}
	if entry.FieldsV1 != nil {
		_ = json.Unmarshal(entry.FieldsV1.GetRawBytes(), &fields) // the API server wrote it
	}
	return fields
}

func ownsServers(entry metav1.ManagedFieldsEntry) bool {
	spec, _ := decodeFields(entry)["f:spec"].(fieldSet)
	_, owns := spec["f:servers"]
	return owns
}

// givenBack returns the managed fields with spec.servers in the hands of owner
// and no longer in ours. It returns false when there is nothing to give back.
func givenBack(entries []metav1.ManagedFieldsEntry, owner *Owner, now time.Time) ([]metav1.ManagedFieldsEntry, bool) {
	var result []metav1.ManagedFieldsEntry
	isOurs, isGiven := false, false
	for _, entry := range entries {
		fields := decodeFields(entry)
		switch {
		case isOurManager(entry.Manager) && ownsServers(entry):
			isOurs = true
			dropServers(fields)
			if len(fields) == 0 {
				continue
			}
		case owner != nil && entry.Subresource == "" && *owner == (Owner{entry.Manager, entry.Operation, entry.APIVersion}):
			isGiven = true
			addServers(fields)
		default:
			result = append(result, entry)
			continue
		}
		result = append(result, withFields(entry, fields))
	}
	if owner != nil && !isGiven {
		fields := fieldSet{}
		addServers(fields)
		moment := metav1.NewTime(now)
		result = append(result, withFields(metav1.ManagedFieldsEntry{
			Manager: owner.Manager, Operation: owner.Operation, APIVersion: owner.APIVersion,
			FieldsType: "FieldsV1", Time: &moment,
		}, fields))
	}
	return result, isOurs
}

func dropServers(fields fieldSet) {
	spec, _ := fields["f:spec"].(fieldSet)
	delete(spec, "f:servers")
	if len(spec) == 0 {
		delete(fields, "f:spec")
	}
}

func addServers(fields fieldSet) {
	spec, ok := fields["f:spec"].(fieldSet)
	if !ok {
		spec = fieldSet{}
		fields["f:spec"] = spec
	}
	spec["f:servers"] = fieldSet{}
}

func withFields(entry metav1.ManagedFieldsEntry, fields fieldSet) metav1.ManagedFieldsEntry {
	raw, err := json.Marshal(fields)
	if err != nil {
		return entry // decoded from JSON a moment ago: it encodes
	}
	entry.FieldsV1 = metav1.NewFieldsV1(string(raw))
	return entry
}
