//go:build e2e && linux

package e2e

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
)

// kept is one object, and the resource that it is of.
type kept struct {
	resource schema.GroupVersionResource
	object   *unstructured.Unstructured
}

// objects are all that faults change, by kind and name.
type objects map[string]kept

// objects reads what the cluster holds. Namespaces and webhooks are no fault's,
// and change by themselves.
func (bed *testbed) objects() (objects, error) {
	client, err := dynamic.NewForConfig(bed.config)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	all := objects{}
	for _, resource := range watched {
		if slices.Contains([]string{"namespaces", "validatingwebhookconfigurations", "serviceaccounts", "clusterroles"}, resource.Resource) {
			continue
		}
		list, err := client.Resource(resource).List(ctx, metav1.ListOptions{})
		if err != nil {
			return nil, fmt.Errorf("list %s: %w", resource.Resource, err)
		}
		for i := range list.Items {
			object := &list.Items[i]
			if !isOwnTraffic(object) {
				all[resource.Resource+" "+object.GetNamespace()+"/"+object.GetName()] = kept{resource, object}
			}
		}
	}
	return all, nil
}

// putBack makes the cluster hold what it held. Writes to Istio's objects pass
// through istiod, which may be on its way back: they are tried again.
func (bed *testbed) putBack(ctx context.Context, before objects) error {
	client, err := dynamic.NewForConfig(bed.config)
	if err != nil {
		return err
	}
	var problem error
	done := func() bool {
		now, err := bed.objects()
		if err != nil {
			problem = err
			return false
		}
		problem = nil
		for name, was := range before {
			problem = errors.Join(problem, putOneBack(ctx, client, was, now[name]))
		}
		for name, is := range now {
			if _, there := before[name]; there {
				continue
			}
			err := client.Resource(is.resource).Namespace(is.object.GetNamespace()).Delete(ctx, is.object.GetName(), metav1.DeleteOptions{})
			problem = errors.Join(problem, err)
		}
		return problem == nil
	}
	wait(waitLimit, done)
	return problem
}

func putOneBack(ctx context.Context, client dynamic.Interface, was, is kept) error {
	all := client.Resource(was.resource).Namespace(was.object.GetNamespace())
	object := was.object.DeepCopy()
	unstructured.RemoveNestedField(object.Object, "status")
	object.SetResourceVersion("")
	object.SetUID("")
	if is.object == nil {
		// The times and owners are those of the new object.
		object.SetCreationTimestamp(metav1.Time{})
		object.SetManagedFields(nil)
		_, err := all.Create(ctx, object, metav1.CreateOptions{})
		return err
	}
	if sameContent(was.object, is.object) {
		return nil
	}
	object.SetUID(is.object.GetUID())
	object.SetResourceVersion(is.object.GetResourceVersion())
	object.SetManagedFields(is.object.GetManagedFields())
	if is.object.GetKind() == "Secret" && object.Object["type"] != is.object.Object["type"] {
		if err := all.Delete(ctx, object.GetName(), metav1.DeleteOptions{}); err != nil {
			return err
		}
		return putOneBack(ctx, client, was, kept{})
	}
	updated, err := all.Update(ctx, object, metav1.UpdateOptions{})
	if err != nil {
		return err
	}
	// Who owns which field is written by itself.
	updated.SetManagedFields(was.object.GetManagedFields())
	_, err = all.Update(ctx, updated, metav1.UpdateOptions{})
	return err
}

// sameContent compares all but what the API server and controllers write.
func sameContent(a, b *unstructured.Unstructured) bool {
	strip := func(object *unstructured.Unstructured) map[string]any {
		object = object.DeepCopy()
		for _, field := range []string{"resourceVersion", "generation", "managedFields", "uid", "creationTimestamp"} {
			unstructured.RemoveNestedField(object.Object, "metadata", field)
		}
		annotations := object.GetAnnotations()
		for name := range annotations {
			if strings.HasPrefix(name, "deployment.kubernetes.io/") {
				delete(annotations, name)
			}
		}
		object.SetAnnotations(annotations)
		// A roll-out leaves its time behind; taking it away would be another one.
		template := []string{"spec", "template", "metadata", "annotations"}
		unstructured.RemoveNestedField(object.Object, append(template, "kubectl.kubernetes.io/restartedAt")...)
		if left, _, _ := unstructured.NestedMap(object.Object, template...); len(left) == 0 {
			unstructured.RemoveNestedField(object.Object, template...)
		}
		unstructured.RemoveNestedField(object.Object, "status")
		return object.Object
	}
	return reflect.DeepEqual(strip(a), strip(b))
}
