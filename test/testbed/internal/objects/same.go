package objects

import (
	"bytes"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// revision is what the Deployment controller counts in an annotation.
const revision = "deployment.kubernetes.io/revision"

// writable is an object without what the API server and the controllers write.
func writable(o *unstructured.Unstructured) *unstructured.Unstructured {
	copied := o.DeepCopy()
	delete(copied.Object, "status")
	for _, field := range []string{"uid", "resourceVersion", "generation", "creationTimestamp", "selfLink"} {
		unstructured.RemoveNestedField(copied.Object, "metadata", field)
	}
	return copied
}

// same tells whether two states of an object have the same contents.
func same(a, b *unstructured.Unstructured) bool {
	return equality.Semantic.DeepEqual(contents(a), contents(b))
}

func contents(o *unstructured.Unstructured) map[string]any {
	copied := writable(o)
	unstructured.RemoveNestedField(copied.Object, "metadata", "managedFields")
	unstructured.RemoveNestedField(copied.Object, "metadata", "annotations", revision)
	if len(copied.GetAnnotations()) == 0 {
		unstructured.RemoveNestedField(copied.Object, "metadata", "annotations")
	}
	return copied.Object
}

// keepRevision leaves the Deployment controller its count.
func keepRevision(content, has *unstructured.Unstructured) {
	count, ok := has.GetAnnotations()[revision]
	annotations := content.GetAnnotations()
	if !ok || annotations == nil {
		return
	}
	annotations[revision] = count
	content.SetAnnotations(annotations)
}

// sameOwners tells whether the same managers own the same fields of two states
// of an object. Who owns the status does not count, nor when.
func sameOwners(a, b *unstructured.Unstructured) bool {
	return slices.EqualFunc(owners(a), owners(b), func(x, y metav1.ManagedFieldsEntry) bool {
		return byOwner(x, y) == 0 && x.APIVersion == y.APIVersion && bytes.Equal(rawFields(x), rawFields(y))
	})
}

func rawFields(e metav1.ManagedFieldsEntry) []byte {
	if e.FieldsV1 == nil {
		return nil
	}
	return e.FieldsV1.GetRawBytes()
}

func owners(o *unstructured.Unstructured) []metav1.ManagedFieldsEntry {
	entries := slices.DeleteFunc(o.GetManagedFields(), func(e metav1.ManagedFieldsEntry) bool { return e.Subresource != "" })
	// Controllers write what they own again and again.
	entries = slices.DeleteFunc(entries, func(e metav1.ManagedFieldsEntry) bool {
		return e.Operation == metav1.ManagedFieldsOperationUpdate && e.Manager == "controllers"
	})
	slices.SortFunc(entries, byOwner)
	return entries
}

func byOwner(a, b metav1.ManagedFieldsEntry) int {
	return strings.Compare(a.Manager+"\x00"+string(a.Operation), b.Manager+"\x00"+string(b.Operation))
}
