//go:build linux

package supervisor

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kftls/kubectl-kftls/test/testbed/internal/node"
)

// workload is a Deployment or a StatefulSet.
type workload struct {
	kind, namespace, name string
	selector              *metav1.LabelSelector
	wanted                int32  // pods
	lacks                 string // what is missing for it to be rolled out, "" if nothing is
}

func (w workload) String() string { return w.kind + " " + w.namespace + "/" + w.name }

// The kinds of workloads.
const (
	kindDeployment  = "Deployment"
	kindStatefulSet = "StatefulSet"
)

// workloads lists the Deployments and StatefulSets whose pods the node runs, as they are now.
func (s *Supervisor) workloads(ctx context.Context) ([]workload, error) {
	deployments, err := s.client.AppsV1().Deployments(metav1.NamespaceAll).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("list the Deployments: %w", err)
	}
	sets, err := s.client.AppsV1().StatefulSets(metav1.NamespaceAll).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("list the StatefulSets: %w", err)
	}
	var all []workload
	for i := range deployments.Items {
		d := &deployments.Items[i]
		if !node.Runs(d.Spec.Template.Spec) {
			continue
		}
		all = append(all, workload{kindDeployment, d.Namespace, d.Name, d.Spec.Selector, replicas(d.Spec.Replicas), lacksDeployment(d)})
	}
	for i := range sets.Items {
		set := &sets.Items[i]
		if !node.Runs(set.Spec.Template.Spec) {
			continue
		}
		all = append(all, workload{kindStatefulSet, set.Namespace, set.Name, set.Spec.Selector, replicas(set.Spec.Replicas), lacksStatefulSet(set)})
	}
	return all, nil
}

func replicas(asked *int32) int32 {
	if asked == nil {
		return 1
	}
	return *asked
}

// lacksDeployment asks as kubectl does (k8s.io/kubectl/pkg/polymorphichelpers).
func lacksDeployment(d *appsv1.Deployment) string {
	wanted := replicas(d.Spec.Replicas)
	switch {
	case d.Generation > d.Status.ObservedGeneration:
		return "is not looked at yet"
	case d.Status.UpdatedReplicas < wanted:
		return fmt.Sprintf("has %d of %d new pods%s", d.Status.UpdatedReplicas, wanted, refusal(d))
	case d.Status.Replicas > d.Status.UpdatedReplicas:
		return fmt.Sprintf("still has %d old pods", d.Status.Replicas-d.Status.UpdatedReplicas)
	case d.Status.AvailableReplicas < d.Status.UpdatedReplicas:
		return fmt.Sprintf("has %d of %d pods ready", d.Status.AvailableReplicas, d.Status.UpdatedReplicas)
	}
	return ""
}

// refusal is why the API server takes no pods of a Deployment, such as the namespace's pod
// security; "" if it does.
func refusal(d *appsv1.Deployment) string {
	for _, c := range d.Status.Conditions {
		if c.Type == appsv1.DeploymentReplicaFailure && c.Status == corev1.ConditionTrue {
			return ": " + c.Message
		}
	}
	return ""
}

// lacksStatefulSet asks as kubectl does, of one that rolls all its pods.
func lacksStatefulSet(s *appsv1.StatefulSet) string {
	wanted := replicas(s.Spec.Replicas)
	switch {
	case s.Generation > s.Status.ObservedGeneration:
		return "is not looked at yet"
	case s.Status.ReadyReplicas < wanted:
		return fmt.Sprintf("has %d of %d pods ready", s.Status.ReadyReplicas, wanted)
	case s.Status.UpdateRevision != s.Status.CurrentRevision:
		return fmt.Sprintf("has %d of %d new pods", s.Status.UpdatedReplicas, wanted)
	}
	return ""
}
