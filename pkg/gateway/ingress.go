package gateway

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kftls/kubectl-kftls/pkg/cluster"
	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/portforward"
	"github.com/kftls/kubectl-kftls/pkg/session"
)

// ingress finds the Service in front of the pods that the Gateway selects:
// Kubeflow's own where it fits, else the one that the pods' labels lead to.
func (f *finder) ingress(ctx context.Context, usual *portforward.Service, usualErr error) error {
	wanted := selector(f.door.Gateway)
	if usualErr == nil && includes(usual.Object.Spec.Selector, wanted) {
		f.door.Ingress = usual
		return nil
	}
	if usualErr != nil && !apierrors.IsNotFound(usualErr) && fault.ReasonOf(usualErr) != fault.NotFound {
		return cluster.Explain(usualErr, "read Service %s/%s", kubeflowServiceNamespace, kubeflowService)
	}
	service, err := f.serviceByPods(ctx, wanted)
	if err != nil {
		return err
	}
	f.note("Service %s/%s does not stand in front of the Gateway's pods; %s/%s does",
		kubeflowServiceNamespace, kubeflowService, service.Namespace, service.Name)
	f.door.Ingress, err = portforward.Resolve(ctx, f.cluster.Core, f.cluster.Discovery, service.Namespace, service.Name)
	return cluster.Explain(err, "find the pods of Service %s/%s", service.Namespace, service.Name)
}

// requirePods refuses a front door behind which nobody answers.
func (f *finder) requirePods() error {
	if len(f.door.ReadyPods()) > 0 {
		return nil
	}
	namespace := f.door.PodNamespace()
	state := "there is none"
	if n := len(f.door.Ingress.Pods); n > 0 {
		state = fmt.Sprintf("%d found, none ready", n)
	}
	wanted := selector(f.door.Gateway)
	if len(wanted) == 0 {
		wanted = f.door.Ingress.Object.Spec.Selector
	}
	return fault.New(fault.NoReadyPod,
		fmt.Sprintf("kubectl -n %s get pods -l %s", namespace, labels.FormatLabels(wanted)),
		"no gateway pod behind Service %s is ready: %s", f.door.ServiceName(), state)
}

// IngressOf finds the Service in front of the pods that a Gateway selects, where
// it does not bear Kubeflow's usual name. Errors are *fault.Error of reason
// NotFound, NoReadyPod and those of cluster.Explain.
func IngressOf(ctx context.Context, c *cluster.Cluster, object *unstructured.Unstructured) (*portforward.Service, error) {
	f := finder{cluster: c, door: &FrontDoor{Gateway: object}}
	service, err := f.serviceByPods(ctx, selector(object))
	if err != nil {
		return nil, err
	}
	return portforward.Resolve(ctx, c.Core, c.Discovery, service.Namespace, service.Name)
}

// serviceByPods finds the gateway pods by the Gateway's selector, and a
// Service in their namespace that selects them.
func (f *finder) serviceByPods(ctx context.Context, wanted map[string]string) (*corev1.Service, error) {
	if len(wanted) == 0 {
		return nil, fault.New(fault.NotFound, "kubectl get services -A",
			"there is no Service %s/%s, and Gateway %s has no selector that would lead to another one",
			kubeflowServiceNamespace, kubeflowService, f.door.Name())
	}
	query := labels.FormatLabels(wanted)
	pods, err := f.cluster.Core.Pods(metav1.NamespaceAll).List(ctx, metav1.ListOptions{LabelSelector: query})
	if apierrors.IsForbidden(err) {
		pods, err = f.cluster.Core.Pods(kubeflowServiceNamespace).List(ctx, metav1.ListOptions{LabelSelector: query})
	}
	if err != nil {
		return nil, cluster.Explain(err, "find the pods of Gateway %s (selector %s)", f.door.Name(), query)
	}
	if len(pods.Items) == 0 {
		return nil, fault.New(fault.NoReadyPod, "kubectl get pods -A -l "+query,
			"no pod matches the selector %s of Gateway %s", query, f.door.Name())
	}
	pod := pods.Items[0]
	services, err := f.cluster.Core.Services(pod.Namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, cluster.Explain(err, "find the Service of pod %s/%s", pod.Namespace, pod.Name)
	}
	best := -1
	for i, service := range services.Items {
		selects := len(service.Spec.Selector) > 0 && includes(pod.Labels, service.Spec.Selector)
		if selects && (best < 0 || publishesWeb(service) && !publishesWeb(services.Items[best])) {
			best = i
		}
	}
	if best < 0 {
		return nil, fault.New(fault.NotFound, fmt.Sprintf("kubectl -n %s get services --show-labels", pod.Namespace),
			"no Service in namespace %s selects the gateway pod %s", pod.Namespace, pod.Name)
	}
	return &services.Items[best], nil
}

// includes tells whether a label set has every label of another.
func includes(set, wanted map[string]string) bool {
	for key, value := range wanted {
		if set[key] != value {
			return false
		}
	}
	return true
}

func publishesWeb(service corev1.Service) bool {
	return slices.ContainsFunc(service.Spec.Ports, func(port corev1.ServicePort) bool {
		return port.Port == 443 || port.Port == 80
	})
}

// era tells the auth proxy by its Service. Both at once happen after an
// upgrade; the newer one is the one in use then.
func (f *finder) era(ctx context.Context) session.Era {
	exists := func(namespace, name string) bool {
		_, err := f.cluster.Core.Services(namespace).Get(ctx, name, metav1.GetOptions{})
		return err == nil
	}
	if exists("oauth2-proxy", "oauth2-proxy") {
		return session.EraOAuth2Proxy
	}
	if exists(kubeflowServiceNamespace, "authservice") {
		return session.EraAuthService
	}
	return session.EraUnknown
}
