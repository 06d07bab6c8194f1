package diagnose

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kftls/kubectl-kftls/pkg/portforward"
)

// Short names for tables.
type (
	corev1ConfigMap    = corev1.ConfigMap
	corev1Pod          = corev1.Pod
	corev1Service      = corev1.Service
	unstructuredObject = unstructured.Unstructured
	ingressService     = portforward.Service
)

type corev1ServicePort = corev1.ServicePort

func servicePort(name string, port int32, target int) corev1.ServicePort {
	return corev1.ServicePort{Name: name, Port: port, TargetPort: intstr.FromInt(target)}
}
