package gateway

import (
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ManagerOf names the program that keeps an object as its own source says, and
// would undo an edit in the cluster: Argo CD, Flux, Helm, Juju, or the controller
// that owns the object. It is "" where nobody does.
//
// The marks are those that the programs leave on what they apply: Argo CD's
// tracking annotation (https://argo-cd.readthedocs.io/en/stable/user-guide/resource_tracking/),
// the labels and field managers of Flux's controllers, Helm's annotation with the
// release, Juju's labels, and the owner reference of a controller.
func ManagerOf(object metav1.Object) string {
	labels, annotations := object.GetLabels(), object.GetAnnotations()
	switch {
	case annotations["argocd.argoproj.io/tracking-id"] != "" || labels["argocd.argoproj.io/instance"] != "":
		return "Argo CD"
	case hasPrefix(labels, "kustomize.toolkit.fluxcd.io/"), hasPrefix(labels, "helm.toolkit.fluxcd.io/"):
		return "Flux"
	case hasPrefix(labels, "juju.is/"), labels["app.juju.is/created-by"] != "", labels["app.kubernetes.io/managed-by"] == "juju":
		return "Juju"
	}
	for _, entry := range object.GetManagedFields() {
		switch {
		case entry.Manager == "argocd-controller":
			return "Argo CD"
		case entry.Manager == "kustomize-controller", entry.Manager == "helm-controller":
			return "Flux"
		}
	}
	if annotations["meta.helm.sh/release-name"] != "" {
		return "Helm (release " + annotations["meta.helm.sh/release-name"] + ")"
	}
	for _, owner := range object.GetOwnerReferences() {
		if owner.Controller != nil && *owner.Controller {
			return owner.Kind + " " + owner.Name
		}
	}
	return ""
}

func hasPrefix(set map[string]string, prefix string) bool {
	for key := range set {
		if strings.HasPrefix(key, prefix) {
			return true
		}
	}
	return false
}
