package gateway

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Objects are what a front door that is set up consists of: ConfigMap, Secret, and
// the Gateways that serve the Secret, as the plan leaves them. Those that it does
// not change are as they are. stored are objects as the API server has them, or
// would have them; they stand in for the planned ones. The Secret is absent where
// it may not be read. What the API server adds is left out, so that each can be
// applied, and kept in Git.
func (p *Plan) Objects(door *FrontDoor, installed *Installed, stored []*unstructured.Unstructured) ([]*unstructured.Unstructured, error) {
	var all []*unstructured.Unstructured
	configMap, err := coreObject(installed.ConfigMap, "ConfigMap")
	if err != nil {
		return nil, err
	}
	secret, err := coreObject(installed.Secret, "Secret")
	if err != nil {
		return nil, err
	}
	all = put(all, configMap, secret)
	for _, object := range door.Gateways() {
		if carriesSetup(object, installed.SecretName) {
			all = put(all, object)
		}
	}
	for _, change := range p.Changes {
		all = put(all, change.After)
	}
	for _, handed := range p.Handed {
		all = put(all, handed.forSource())
	}
	all = put(all, stored...)
	slices.SortStableFunc(all, func(x, y *unstructured.Unstructured) int { return rank(x) - rank(y) })
	for i, object := range all {
		all[i] = withoutServerFields(object)
	}
	return all, nil
}

// forSource is a Gateway as its source is to have it: with our server, and without
// the record of a change that setup did not make.
func (h Handover) forSource() *unstructured.Unstructured {
	object := h.After.DeepCopy()
	annotations := object.GetAnnotations()
	if record, had := h.Before.GetAnnotations()[AnnotationSetup]; had {
		annotations[AnnotationSetup] = record
	} else {
		delete(annotations, AnnotationSetup)
	}
	object.SetAnnotations(annotations)
	return object
}

// carriesSetup tells a Gateway that setup has changed, or that serves our Secret.
func carriesSetup(gateway *unstructured.Unstructured, secretName string) bool {
	return readRecord(gateway) != nil ||
		slices.ContainsFunc(Servers(gateway), func(server Server) bool { return server.usesSecret(secretName) })
}

// put adds objects, each in the place of an earlier state of itself. Nil is none.
func put(all []*unstructured.Unstructured, objects ...*unstructured.Unstructured) []*unstructured.Unstructured {
	for _, object := range objects {
		if object == nil {
			continue
		}
		index := slices.IndexFunc(all, func(other *unstructured.Unstructured) bool {
			return other.GetKind() == object.GetKind() && objectName(other) == objectName(object)
		})
		if index < 0 {
			all = append(all, object)
		} else {
			all[index] = object
		}
	}
	return all
}

// rank is the order of the writes.
func rank(object *unstructured.Unstructured) int {
	return slices.Index([]string{"ConfigMap", "Secret", "Gateway"}, object.GetKind())
}

// withoutServerFields keeps of an object what a person would write.
func withoutServerFields(object *unstructured.Unstructured) *unstructured.Unstructured {
	object = object.DeepCopy()
	metadata := map[string]any{"name": object.GetName(), "namespace": object.GetNamespace()}
	if labels := object.GetLabels(); len(labels) > 0 {
		metadata["labels"] = toAnyMap(labels)
	}
	annotations := object.GetAnnotations()
	delete(annotations, corev1.LastAppliedConfigAnnotation) // it would repeat the object, a Secret's key included
	if len(annotations) > 0 {
		metadata["annotations"] = toAnyMap(annotations)
	}
	object.Object["metadata"] = metadata
	delete(object.Object, "status")
	return object
}

func toAnyMap(texts map[string]string) map[string]any {
	result := make(map[string]any, len(texts))
	for key, text := range texts {
		result[key] = text
	}
	return result
}
