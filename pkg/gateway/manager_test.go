package gateway

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestManagerOf(t *testing.T) {
	yes, no := true, false
	for name, tc := range map[string]struct {
		meta metav1.ObjectMeta
		want string
	}{
		"nobody":                   {metav1.ObjectMeta{}, ""},
		"kubectl":                  {metav1.ObjectMeta{ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "kubectl"}}}, ""},
		"Argo CD, by annotation":   {metav1.ObjectMeta{Annotations: map[string]string{"argocd.argoproj.io/tracking-id": "a:b"}}, "Argo CD"},
		"Argo CD, by fields":       {metav1.ObjectMeta{ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "argocd-controller"}}}, "Argo CD"},
		"Flux, kustomize":          {metav1.ObjectMeta{Labels: map[string]string{"kustomize.toolkit.fluxcd.io/name": "a"}}, "Flux"},
		"Flux, Helm before Helm":   {metav1.ObjectMeta{Labels: map[string]string{"helm.toolkit.fluxcd.io/name": "a"}, Annotations: map[string]string{"meta.helm.sh/release-name": "b"}}, "Flux"},
		"Flux, by fields":          {metav1.ObjectMeta{ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "kustomize-controller"}}}, "Flux"},
		"Helm":                     {metav1.ObjectMeta{Annotations: map[string]string{"meta.helm.sh/release-name": "kubeflow"}}, "Helm (release kubeflow)"},
		"Juju":                     {metav1.ObjectMeta{Labels: map[string]string{"app.juju.is/created-by": "istio-pilot"}}, "Juju"},
		"a controller":             {metav1.ObjectMeta{OwnerReferences: []metav1.OwnerReference{{Kind: "Kubeflow", Name: "k", Controller: &yes}}}, "Kubeflow k"},
		"an owner that does not":   {metav1.ObjectMeta{OwnerReferences: []metav1.OwnerReference{{Kind: "Kubeflow", Name: "k", Controller: &no}}}, ""},
		"an owner that says not":   {metav1.ObjectMeta{OwnerReferences: []metav1.OwnerReference{{Kind: "Kubeflow", Name: "k"}}}, ""},
		"a label that says little": {metav1.ObjectMeta{Labels: map[string]string{"app.kubernetes.io/instance": "kubeflow"}}, ""},
	} {
		if got := ManagerOf(&tc.meta); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}
