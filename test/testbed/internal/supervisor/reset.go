//go:build linux

package supervisor

import (
	"context"
	"fmt"
	"net/url"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kftls/kubectl-kftls/test/testbed/internal/insync"
	"github.com/kftls/kubectl-kftls/test/testbed/internal/node"
	"github.com/kftls/kubectl-kftls/test/testbed/internal/objects"
)

// webhookName is istiod's validating webhook.
const webhookName = "istio-validator-istio-system"

// reset goes back to the front door as shipped: every object as it was when the
// start was over, and fresh programs wherever state can have stayed behind.
// Envoy keeps certificates over a removed Secret, and istiod keeps rights in
// mind for minutes, so these two always start anew; the others do if one of
// their objects or pods is not the first one.
func (s *Supervisor) reset(ctx context.Context, parameters url.Values) error {
	ctx, cancel, err := within(ctx, parameters)
	if err != nil {
		return err
	}
	defer cancel()
	// With istiod away its webhook would stop every write. It comes back last.
	err = s.client.AdmissionregistrationV1().ValidatingWebhookConfigurations().Delete(ctx, webhookName, metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("take the webhook away: %w", err)
	}
	touched, err := s.store.Restore(ctx, s.baseline)
	if err != nil {
		return fmt.Errorf("put the objects back: %w", err)
	}
	s.setInstalled(s.shipped)
	old, err := s.restartPods(ctx, touched)
	if err != nil {
		return err
	}
	if err := s.waitReplaced(ctx, old); err != nil {
		return err
	}
	return s.settle(ctx)
}

// settle waits until everything runs and is in sync, and notes the pods.
func (s *Supervisor) settle(ctx context.Context) error {
	if err := s.waitWorkloads(ctx); err != nil {
		return err
	}
	if err := s.waitWebhook(ctx); err != nil {
		return err
	}
	if err := s.inSync(ctx); err != nil {
		return err
	}
	if err := s.waitKeys(ctx); err != nil {
		return err
	}
	pods, err := s.client.CoreV1().Pods(metav1.NamespaceAll).List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("list the pods: %w", err)
	}
	s.firstPods = map[types.UID]bool{}
	for _, p := range pods.Items {
		s.firstPods[p.UID] = true
	}
	return nil
}

// waitWebhook waits until istiod has completed its webhook: with its CA, and so
// that it stops what it cannot look at.
func (s *Supervisor) waitWebhook(ctx context.Context) error {
	return poll(ctx, func(ctx context.Context) (string, error) {
		config, err := s.client.AdmissionregistrationV1().ValidatingWebhookConfigurations().Get(ctx, webhookName, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return "the webhook of istiod is missing", nil
		}
		if err != nil {
			return "", fmt.Errorf("read the webhook of istiod: %w", err)
		}
		for _, hook := range config.Webhooks {
			if hook.FailurePolicy == nil || *hook.FailurePolicy != admissionv1.Fail || len(hook.ClientConfig.CABundle) == 0 {
				return "istiod has not completed its webhook", nil
			}
		}
		return "", nil
	})
}

// restartPods deletes at once the pods whose programs must start anew, and
// returns them.
func (s *Supervisor) restartPods(ctx context.Context, touched []objects.Key) (map[types.UID]bool, error) {
	pods, err := s.client.CoreV1().Pods(metav1.NamespaceAll).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("list the pods: %w", err)
	}
	namespaces := map[string]bool{gatewayNamespace: true}
	for _, k := range touched {
		if k.Name != insync.StampCluster {
			namespaces[k.Namespace] = true
		}
	}
	for _, p := range pods.Items {
		if !s.firstPods[p.UID] || !isReady(&p) && node.Runs(p.Spec) {
			namespaces[p.Namespace] = true
		}
	}
	old := map[types.UID]bool{}
	now := int64(0)
	for _, p := range pods.Items {
		if !namespaces[p.Namespace] || metav1.GetControllerOf(&p) == nil {
			continue
		}
		old[p.UID] = true
		err := s.client.CoreV1().Pods(p.Namespace).Delete(ctx, p.Name, metav1.DeleteOptions{
			GracePeriodSeconds: &now, Preconditions: metav1.NewUIDPreconditions(string(p.UID)),
		})
		if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
			return nil, fmt.Errorf("restart pod %s/%s: %w", p.Namespace, p.Name, err)
		}
	}
	return old, nil
}

// waitReplaced waits until the old pods are gone and every workload has as
// many ready pods as it wants. Its own status tells of a deleted pod
// only a moment later.
func (s *Supervisor) waitReplaced(ctx context.Context, old map[types.UID]bool) error {
	err := poll(ctx, func(ctx context.Context) (string, error) {
		pods, err := s.client.CoreV1().Pods(metav1.NamespaceAll).List(ctx, metav1.ListOptions{})
		if err != nil {
			return "", fmt.Errorf("list the pods: %w", err)
		}
		for _, p := range pods.Items {
			if old[p.UID] {
				return "pod " + p.Namespace + "/" + p.Name + " is still there", nil
			}
		}
		all, err := s.workloads(ctx)
		if err != nil {
			return "", err
		}
		for _, w := range all {
			if lacks := w.lacksPods(pods.Items); lacks != "" {
				return w.String() + " " + lacks, nil
			}
		}
		return "", nil
	})
	return s.explain(err)
}

func (w workload) lacksPods(pods []corev1.Pod) string {
	selector, err := metav1.LabelSelectorAsSelector(w.selector)
	if err != nil {
		return err.Error()
	}
	ready := int32(0)
	for i := range pods {
		if p := &pods[i]; p.Namespace == w.namespace && selector.Matches(labels.Set(p.Labels)) && isReady(p) {
			ready++
		}
	}
	if ready < w.wanted {
		return fmt.Sprintf("has %d of %d pods ready", ready, w.wanted)
	}
	return ""
}

func isReady(p *corev1.Pod) bool {
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue && p.DeletionTimestamp == nil
		}
	}
	return false
}
