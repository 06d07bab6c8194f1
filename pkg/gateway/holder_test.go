package gateway

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestHolderIsWhoPutTheCAInForce(t *testing.T) {
	inForce := FieldManager("newnewnewnew", "ben")
	for name, test := range map[string]struct {
		managers []string
		want     string
	}{
		"nobody of ours":          {[]string{"kubectl"}, ""},
		"alone":                   {[]string{"kubectl", inForce}, inForce},
		"after a replaced CA":     {[]string{FieldManager("oldoldoldold", "ann"), inForce}, inForce},
		"before a replaced CA":    {[]string{inForce, FieldManager("oldoldoldold", "ann")}, inForce},
		"a computer of no record": {[]string{FieldManager("newnewnewnew", "eve")}, FieldManager("newnewnewnew", "eve")},
	} {
		installed := &Installed{ConfigMap: &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{
			Annotations: map[string]string{AnnotationCA: "newnewnewnew", AnnotationComputer: "ben"},
		}}}
		for _, manager := range test.managers {
			installed.ConfigMap.ManagedFields = append(installed.ConfigMap.ManagedFields, metav1.ManagedFieldsEntry{Manager: manager})
		}
		if got := installed.Holder().Manager; got != test.want {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
}
