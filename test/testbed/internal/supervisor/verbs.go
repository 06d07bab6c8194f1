//go:build linux

package supervisor

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// verbLimit bounds what a command waits for, unless it says otherwise.
const verbLimit = 90 * time.Second

// within gives a verb its limit: the parameter timeout, or verbLimit.
func within(ctx context.Context, parameters url.Values) (context.Context, context.CancelFunc, error) {
	limit := verbLimit
	if text := parameters.Get("timeout"); text != "" {
		var err error
		if limit, err = time.ParseDuration(text); err != nil {
			return nil, nil, fmt.Errorf("read the timeout: %w", err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	return ctx, cancel, nil
}

// wait returns when every Envoy has taken what the API server holds.
func (s *Supervisor) wait(ctx context.Context, parameters url.Values) error {
	ctx, cancel, err := within(ctx, parameters)
	if err != nil {
		return err
	}
	defer cancel()
	select {
	case <-s.running:
	case <-ctx.Done():
		return errors.New("time is up: the testbed is still starting")
	}
	if err := s.waitWorkloads(ctx); err != nil {
		return err
	}
	return s.inSync(ctx)
}

// restart rolls a Deployment out anew, or starts a part of the control plane
// anew, and waits until that is done.
func (s *Supervisor) restart(ctx context.Context, parameters url.Values) error {
	ctx, cancel, err := within(ctx, parameters)
	if err != nil {
		return err
	}
	defer cancel()
	name := parameters.Get("component")
	if s.part(name) != nil {
		return s.restartPart(ctx, name)
	}
	deployments, err := s.client.AppsV1().Deployments(metav1.NamespaceAll).List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("list the Deployments: %w", err)
	}
	i := slices.IndexFunc(deployments.Items, func(d appsv1.Deployment) bool { return d.Name == name })
	if i < 0 {
		var known []string
		for _, d := range deployments.Items {
			known = append(known, d.Name)
		}
		return fmt.Errorf("there is no component %q: etcd, kube-apiserver, controllers, %s", name, strings.Join(known, ", "))
	}
	return s.roll(ctx, deployments.Items[i].Namespace, name)
}

// roll does what `kubectl rollout restart` and `kubectl rollout status` do, and
// waits until the Envoys are in sync again.
func (s *Supervisor) roll(ctx context.Context, namespace, name string) error {
	patch := fmt.Sprintf(`{"spec":{"template":{"metadata":{"annotations":{"kubectl.kubernetes.io/restartedAt":%q}}}}}`,
		s.Now().Format(time.RFC3339Nano))
	_, err := s.client.AppsV1().Deployments(namespace).Patch(ctx, name, types.StrategicMergePatchType, []byte(patch),
		metav1.PatchOptions{FieldManager: "kubectl-rollout"})
	if err != nil {
		return fmt.Errorf("restart Deployment %s/%s: %w", namespace, name, err)
	}
	if err := s.waitRollout(ctx, namespace, name); err != nil {
		return err
	}
	return s.inSync(ctx)
}

// rollGateway replaces all gateway pods, as a release or a node's drain does.
func (s *Supervisor) rollGateway(ctx context.Context, parameters url.Values) error {
	ctx, cancel, err := within(ctx, parameters)
	if err != nil {
		return err
	}
	defer cancel()
	return s.roll(ctx, gatewayNamespace, gatewayName)
}

// killGateway kills the Envoy of one gateway pod, counted from 0 in the order of
// their addresses. It does not wait for the pod to come back.
func (s *Supervisor) killGateway(_ context.Context, parameters url.Values) error {
	index, err := strconv.Atoi(parameters.Get("replica"))
	all := gateways(s.pods())
	if err != nil || index < 0 || index >= len(all) {
		return fmt.Errorf("there is no gateway %q: they are counted from 0, and %d run", parameters.Get("replica"), len(all))
	}
	return s.node.Kill(all[index].Namespace, all[index].Name)
}
