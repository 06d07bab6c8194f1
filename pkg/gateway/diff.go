package gateway

import (
	"fmt"
	"strings"

	udiff "github.com/aymanbagabas/go-udiff"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// Diff renders the plan as a unified diff of YAML, with the values of Secrets
// masked as kubectl diff masks them.
func (p *Plan) Diff() (string, error) {
	var text strings.Builder
	for _, change := range p.Changes {
		before, after := masked(change)
		from, err := toYAML(before)
		if err != nil {
			return "", err
		}
		to, err := toYAML(after)
		if err != nil {
			return "", err
		}
		name := strings.ToLower(change.Kind) + "/" + change.Object()
		text.WriteString(udiff.Unified("live/"+name, "planned/"+name, from, to))
	}
	return text.String(), nil
}

// toYAML renders an object as a reader wants it: without managed fields. Nil
// gives "".
func toYAML(object *unstructured.Unstructured) (string, error) {
	if object == nil {
		return "", nil
	}
	object = object.DeepCopy()
	object.SetManagedFields(nil)
	text, err := yaml.Marshal(object.Object)
	if err != nil {
		return "", fmt.Errorf("render %s %s: %w", object.GetKind(), objectName(object), err)
	}
	return string(text), nil
}

// masked hides the values of a Secret on both sides. Where they differ, the
// marks do, so that the diff still shows a line (kubectl's own way:
// k8s.io/kubectl/pkg/cmd/diff, Masker).
func masked(change Change) (before, after *unstructured.Unstructured) {
	if change.Kind != "Secret" {
		return change.Before, change.After
	}
	before, after = copyOf(change.Before), copyOf(change.After)
	was, is := dataOf(before), dataOf(after)
	for key, value := range was {
		other, both := is[key]
		switch {
		case !both:
			was[key] = "***"
		case other == value:
			was[key], is[key] = "***", "***"
		default:
			was[key], is[key] = "*** (before)", "*** (after)"
		}
	}
	for key := range is {
		if _, both := was[key]; !both {
			is[key] = "***"
		}
	}
	maskLastApplied(before)
	maskLastApplied(after)
	return before, after
}

// maskLastApplied hides the whole Secret that `kubectl apply` keeps once more
// in an annotation.
func maskLastApplied(object *unstructured.Unstructured) {
	if object == nil {
		return
	}
	annotations := object.GetAnnotations()
	if _, ok := annotations[corev1.LastAppliedConfigAnnotation]; ok {
		annotations[corev1.LastAppliedConfigAnnotation] = "***"
		object.SetAnnotations(annotations)
	}
}

func copyOf(object *unstructured.Unstructured) *unstructured.Unstructured {
	if object == nil {
		return nil
	}
	return object.DeepCopy()
}

func dataOf(object *unstructured.Unstructured) map[string]any {
	if object == nil {
		return nil
	}
	data, _ := object.Object["data"].(map[string]any)
	return data
}
