//go:build linux

package supervisor

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kftls/kubectl-kftls/test/testbed/internal/control"
	"github.com/kftls/kubectl-kftls/test/testbed/internal/node"
)

// gatewayDeployment is whose pods the gateways are.
var gatewayDeployment = workload{kind: kindDeployment, namespace: gatewayNamespace, name: gatewayName}

// rollGateway replaces all gateway pods, as a release or a node's drain does.
func (s *Supervisor) rollGateway(ctx context.Context, parameters url.Values) error {
	ctx, cancel, err := within(ctx, parameters)
	if err != nil {
		return err
	}
	defer cancel()
	return s.roll(ctx, gatewayDeployment)
}

// gatewayOf is the gateway that a command names, counted from 0 in the order of
// their addresses.
func (s *Supervisor) gatewayOf(parameters url.Values) (node.PodStatus, error) {
	index, err := strconv.Atoi(parameters.Get("replica"))
	all := gateways(s.pods())
	if err != nil || index < 0 || index >= len(all) {
		return node.PodStatus{}, fmt.Errorf("there is no gateway %q: they are counted from 0, and %d run", parameters.Get("replica"), len(all))
	}
	return all[index], nil
}

// killGateway kills the Envoy of one gateway pod. It does not wait for the pod to
// come back.
func (s *Supervisor) killGateway(_ context.Context, parameters url.Values) error {
	pod, err := s.gatewayOf(parameters)
	if err != nil {
		return err
	}
	return s.node.Kill(pod.Namespace, pod.Name)
}

// cutGateway cuts one gateway pod off from istiod, or lets it back in. It goes on
// with what it has.
func (s *Supervisor) cutGateway(isCut bool) control.Verb {
	return func(_ context.Context, parameters url.Values) error {
		pod, err := s.gatewayOf(parameters)
		if err != nil {
			return err
		}
		return s.node.SetCut(pod.Namespace, pod.Name, isCut)
	}
}

// addGateway makes one gateway pod more, as an autoscaler does, and waits until
// it serves.
func (s *Supervisor) addGateway(ctx context.Context, parameters url.Values) error {
	ctx, cancel, err := within(ctx, parameters)
	if err != nil {
		return err
	}
	defer cancel()
	if err := s.scaleGateway(ctx, 1); err != nil {
		return err
	}
	return s.inSync(ctx)
}

// removeGateway takes one gateway pod away, as an autoscaler does, and waits until
// it is gone. Which one, the ReplicaSet controller decides by the cost that the
// pod is given.
func (s *Supervisor) removeGateway(ctx context.Context, parameters url.Values) error {
	ctx, cancel, err := within(ctx, parameters)
	if err != nil {
		return err
	}
	defer cancel()
	pod, err := s.gatewayOf(parameters)
	if err != nil {
		return err
	}
	cheap := fmt.Appendf(nil, `{"metadata":{"annotations":{%q:"-1000"}}}`, corev1.PodDeletionCost)
	if _, err := s.client.CoreV1().Pods(pod.Namespace).Patch(ctx, pod.Name, types.MergePatchType, cheap, metav1.PatchOptions{}); err != nil {
		return fmt.Errorf("name the gateway pod to go: %w", err)
	}
	if err := s.scaleGateway(ctx, -1); err != nil {
		return err
	}
	return poll(ctx, func(context.Context) (string, error) {
		if slices.ContainsFunc(s.pods(), func(p node.PodStatus) bool { return p.Namespace == pod.Namespace && p.Name == pod.Name }) {
			return "pod " + pod.Name + " has not ended", nil
		}
		return "", nil
	})
}

// scaleGateway changes the number of gateway pods, and waits until the Deployment
// has them.
func (s *Supervisor) scaleGateway(ctx context.Context, by int32) error {
	deployments := s.client.AppsV1().Deployments(gatewayNamespace)
	scale, err := deployments.GetScale(ctx, gatewayName, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("read how many gateway pods there are to be: %w", err)
	}
	scale.Spec.Replicas += by
	if _, err := deployments.UpdateScale(ctx, gatewayName, scale, metav1.UpdateOptions{}); err != nil {
		return fmt.Errorf("change how many gateway pods there are to be: %w", err)
	}
	return s.waitRollout(ctx, func(w workload) bool {
		return w.kind == kindDeployment && w.namespace == gatewayNamespace && w.name == gatewayName
	})
}
