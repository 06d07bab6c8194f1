//go:build linux

package supervisor

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

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

// restart rolls a Deployment or StatefulSet out anew, or starts a part of the control plane
// anew, and waits until that is done. After Dex it lets the gateways have its new keys.
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
	all, err := s.workloads(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(w workload) bool { return w.name == name })
	if i < 0 {
		var known []string
		for _, w := range all {
			known = append(known, w.name)
		}
		return fmt.Errorf("there is no component %q: etcd, kube-apiserver, controllers, %s", name, strings.Join(known, ", "))
	}
	if err := s.roll(ctx, all[i]); err != nil {
		return err
	}
	if all[i].namespace == dexNamespace && name == dexName {
		return s.refreshKeys(ctx)
	}
	return nil
}

// roll does what `kubectl rollout restart` and `kubectl rollout status` do, and
// waits until the Envoys are in sync again.
func (s *Supervisor) roll(ctx context.Context, w workload) error {
	if err := s.beginRoll(ctx, w); err != nil {
		return err
	}
	same := func(other workload) bool {
		return other.kind == w.kind && other.namespace == w.namespace && other.name == w.name
	}
	if err := s.waitRollout(ctx, same); err != nil {
		return err
	}
	return s.inSync(ctx)
}

// beginRoll does what `kubectl rollout restart` does.
func (s *Supervisor) beginRoll(ctx context.Context, w workload) error {
	patch := fmt.Appendf(nil, `{"spec":{"template":{"metadata":{"annotations":{"kubectl.kubernetes.io/restartedAt":%q}}}}}`,
		s.Now().Format(time.RFC3339Nano))
	if err := s.patch(ctx, w, patch, metav1.PatchOptions{FieldManager: "kubectl-rollout"}); err != nil {
		return fmt.Errorf("restart %s: %w", w, err)
	}
	return nil
}

func (s *Supervisor) patch(ctx context.Context, w workload, patch []byte, options metav1.PatchOptions) error {
	var err error
	if w.kind == kindStatefulSet {
		_, err = s.client.AppsV1().StatefulSets(w.namespace).Patch(ctx, w.name, types.StrategicMergePatchType, patch, options)
	} else {
		_, err = s.client.AppsV1().Deployments(w.namespace).Patch(ctx, w.name, types.StrategicMergePatchType, patch, options)
	}
	return err
}
