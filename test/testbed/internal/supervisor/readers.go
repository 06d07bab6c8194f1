//go:build linux

package supervisor

import (
	"context"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// The Deployments of which one holds the other's keys.
const (
	dexNamespace = "auth"
	dexName      = "dex"
	istiodName   = "istiod"
)

// restartReaders rolls out anew the Deployments that read changed ConfigMaps and Secrets, and
// waits until all is in sync. Those that changed themselves are rolled out by their controller.
func (s *Supervisor) restartReaders(ctx context.Context, all, changed []*unstructured.Unstructured) error {
	freshDex := false
	for _, o := range all {
		if o.GetKind() != kindDeployment {
			continue
		}
		isDex := o.GetNamespace() == dexNamespace && o.GetName() == dexName
		if slices.Contains(changed, o) {
			freshDex = freshDex || isDex
			continue
		}
		reads, err := readsAny(o, changed)
		if err != nil {
			return err
		}
		if !reads {
			continue
		}
		freshDex = freshDex || isDex
		if err := s.beginRoll(ctx, workload{kind: kindDeployment, namespace: o.GetNamespace(), name: o.GetName()}); err != nil {
			return err
		}
	}
	if err := s.waitWorkloads(ctx); err != nil {
		return err
	}
	if freshDex {
		return s.refreshKeys(ctx)
	}
	return s.inSync(ctx)
}

// readsAny tells whether a Deployment's pods get their environment or files from one of the
// objects.
func readsAny(deployment *unstructured.Unstructured, changed []*unstructured.Unstructured) (bool, error) {
	var d appsv1.Deployment
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(deployment.Object, &d); err != nil {
		return false, fmt.Errorf("read Deployment %s/%s: %w", deployment.GetNamespace(), deployment.GetName(), err)
	}
	return slices.ContainsFunc(changed, func(o *unstructured.Unstructured) bool {
		return o.GetNamespace() == d.Namespace && mentions(&d.Spec.Template.Spec, o.GetKind(), o.GetName())
	}), nil
}

// mentions tells whether pods refer to a ConfigMap or Secret.
func mentions(pod *corev1.PodSpec, kind, name string) bool {
	is := func(kindHere, nameHere string) bool { return kindHere == kind && nameHere == name }
	for _, v := range pod.Volumes {
		if v.ConfigMap != nil && is("ConfigMap", v.ConfigMap.Name) || v.Secret != nil && is("Secret", v.Secret.SecretName) {
			return true
		}
	}
	for _, c := range pod.Containers {
		for _, from := range c.EnvFrom {
			if from.ConfigMapRef != nil && is("ConfigMap", from.ConfigMapRef.Name) || from.SecretRef != nil && is("Secret", from.SecretRef.Name) {
				return true
			}
		}
		for _, e := range c.Env {
			if e.ValueFrom == nil {
				continue
			}
			if ref := e.ValueFrom.ConfigMapKeyRef; ref != nil && is("ConfigMap", ref.Name) {
				return true
			}
			if ref := e.ValueFrom.SecretKeyRef; ref != nil && is("Secret", ref.Name) {
				return true
			}
		}
	}
	return false
}
