// Package gateway finds the front door of a Kubeflow, and plans, applies,
// verifies and undoes the HTTPS server on its Istio Gateway.
package gateway

import (
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// What setup makes, and how it is marked as ours.
const (
	// SecretName is the TLS Secret, in the namespace of the gateway pods.
	SecretName = "kftls-gateway"
	// ConfigMapName is the ConfigMap with the CA certificate, in the
	// namespace of the Gateway object.
	ConfigMapName = "kftls-ca"
	// ConfigMapKey is the key of the CA certificate in the ConfigMap.
	ConfigMapKey = "ca.crt"
	// ServerName is the port name of our server: Istio's webhook demands that
	// names be unique within a Gateway, and this one nobody else has.
	ServerName = "https-kftls"
	// DefaultPort is the port of our server; the Service maps it to the pod's.
	DefaultPort = 443

	// LabelManagedBy and ManagedBy mark what setup made
	// (https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/).
	LabelManagedBy = "app.kubernetes.io/managed-by"
	ManagedBy      = "kubectl-kftls"
	// AnnotationCA is the fingerprint of the CA in force.
	AnnotationCA = "kftls.github.io/ca-fingerprint"
	// AnnotationLeaf is the fingerprint of the first certificate in tls.crt:
	// a Secret without it, or with another one, is not ours.
	AnnotationLeaf = "kftls.github.io/leaf-fingerprint"
	// AnnotationComputer is the random id of the computer that holds the CA key;
	// with AnnotationKey, of the one that set up.
	AnnotationComputer = "kftls.github.io/computer"
	// AnnotationKey says of a CA key that is not on that computer what became of
	// it: KeyDiscarded or KeyGiven.
	AnnotationKey = "kftls.github.io/ca-key"
	// AnnotationAnnounced is the fingerprint of the CA that is to follow.
	AnnotationAnnounced = "kftls.github.io/announced-ca-fingerprint"
	// AnnotationSetup is the Record on the Gateway of what was changed in it.
	AnnotationSetup = "kftls.github.io/setup"

	// KeyDiscarded is the key of a CA that was thrown away after its first use.
	KeyDiscarded = "discarded"
	// KeyGiven is the key of a CA that somebody else made, and keeps.
	KeyGiven = "given"
	// keyKept takes the place of one of these where another CA follows: the
	// annotation may be somebody else's field, which an apply does not remove.
	keyKept = "kept"

	// APIVersion is the version of everything that we write or print as JSON.
	APIVersion = "kftls.github.io/v1alpha1"
)

// Kubeflow's own names (common/istio in its manifests, 1.3 to 26.03).
const (
	istioGroup = "networking.istio.io"

	kubeflowService          = "istio-ingressgateway"
	kubeflowServiceNamespace = "istio-system"
)

// KubeflowGateway is the Gateway that every VirtualService of Kubeflow names.
var KubeflowGateway = types.NamespacedName{Namespace: "kubeflow", Name: "kubeflow-gateway"}

// KubeflowIngress is the Service in front of the gateway pods, as Kubeflow's
// manifests create it.
var KubeflowIngress = types.NamespacedName{Namespace: kubeflowServiceNamespace, Name: kubeflowService}

func gatewaysIn(version string) schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: istioGroup, Version: version, Resource: "gateways"}
}

func virtualServicesIn(version string) schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: istioGroup, Version: version, Resource: "virtualservices"}
}

// FieldManager is the name under which this computer writes with this CA. One
// shared name would let a second person overwrite the first one's objects in
// silence; with one each, server-side apply has exactly one winner.
func FieldManager(caFingerprint, computer string) string {
	const digits = 12
	if len(caFingerprint) > digits {
		caFingerprint = caFingerprint[:digits]
	}
	return ManagedBy + "-" + caFingerprint + "-" + computer
}
