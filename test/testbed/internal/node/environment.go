package node

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// source reads the objects that a pod's environment and volumes refer to.
type source interface {
	configMap(ctx context.Context, namespace, name string) (*corev1.ConfigMap, error)
	secret(ctx context.Context, namespace, name string) (*corev1.Secret, error)
	// token asks for a token of the pod's ServiceAccount, bound to the pod.
	token(ctx context.Context, pod *corev1.Pod, audience string) (string, error)
}

// loadEnv fills the sandbox's environment as a kubelet would: envFrom first, then env,
// where later names win and $(NAME) refers to what came before.
func (s *sandbox) loadEnv(ctx context.Context, from source) error {
	s.env = nil
	for _, f := range s.container.EnvFrom {
		if err := s.loadEnvFrom(ctx, from, f); err != nil {
			return err
		}
	}
	for _, e := range s.container.Env {
		value, set, err := s.envValue(ctx, from, e)
		if err != nil {
			return fmt.Errorf("env %s: %w", e.Name, err)
		}
		if set {
			s.dropEnv(e.Name)
			s.env = append(s.env, variable{e.Name, s.localize(value, "env "+e.Name)})
		}
	}
	return nil
}

func (s *sandbox) loadEnvFrom(ctx context.Context, from source, f corev1.EnvFromSource) error {
	values := map[string]string{}
	switch {
	case f.ConfigMapRef != nil:
		object, err := from.configMap(ctx, s.pod.Namespace, f.ConfigMapRef.Name)
		if err != nil {
			return unlessOptional(err, f.ConfigMapRef.Optional)
		}
		values = object.Data
	case f.SecretRef != nil:
		object, err := from.secret(ctx, s.pod.Namespace, f.SecretRef.Name)
		if err != nil {
			return unlessOptional(err, f.SecretRef.Optional)
		}
		for key, value := range object.Data {
			values[key] = string(value)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		s.dropEnv(f.Prefix + key)
		s.env = append(s.env, variable{f.Prefix + key, values[key]})
	}
	return nil
}

// envValue is a variable's value; set is false where an optional key is absent.
func (s *sandbox) envValue(ctx context.Context, from source, e corev1.EnvVar) (value string, set bool, err error) {
	if e.ValueFrom == nil {
		return expand(e.Value, s.lookup), true, nil
	}
	switch v := e.ValueFrom; {
	case v.ConfigMapKeyRef != nil:
		return configMapKey(ctx, from, s.pod.Namespace, v.ConfigMapKeyRef)
	case v.SecretKeyRef != nil:
		return secretKey(ctx, from, s.pod.Namespace, v.SecretKeyRef)
	case v.FieldRef != nil:
		value, err = s.field(v.FieldRef.FieldPath)
		return value, err == nil, err
	case v.ResourceFieldRef != nil:
		value, err = s.resource(v.ResourceFieldRef)
		return value, err == nil, err
	}
	return "", false, errors.New("this kind of valueFrom is not known to the testbed")
}

func configMapKey(ctx context.Context, from source, namespace string, ref *corev1.ConfigMapKeySelector) (string, bool, error) {
	object, err := from.configMap(ctx, namespace, ref.Name)
	if err != nil {
		return "", false, unlessOptional(err, ref.Optional)
	}
	value, found := object.Data[ref.Key]
	if !found && !isTrue(ref.Optional) {
		return "", false, fmt.Errorf("couldn't find key %s in ConfigMap %s/%s", ref.Key, namespace, ref.Name)
	}
	return value, found, nil
}

func secretKey(ctx context.Context, from source, namespace string, ref *corev1.SecretKeySelector) (string, bool, error) {
	object, err := from.secret(ctx, namespace, ref.Name)
	if err != nil {
		return "", false, unlessOptional(err, ref.Optional)
	}
	value, found := object.Data[ref.Key]
	if !found && !isTrue(ref.Optional) {
		return "", false, fmt.Errorf("couldn't find key %s in Secret %s/%s", ref.Key, namespace, ref.Name)
	}
	return string(value), found, nil
}

// field is the downward API's view of the pod.
func (s *sandbox) field(path string) (string, error) {
	if key, ok := quotedKey(path, "metadata.labels"); ok {
		return s.pod.Labels[key], nil
	}
	if key, ok := quotedKey(path, "metadata.annotations"); ok {
		return s.pod.Annotations[key], nil
	}
	switch path {
	case "metadata.name":
		return s.pod.Name, nil
	case "metadata.namespace":
		return s.pod.Namespace, nil
	case "metadata.uid":
		return string(s.pod.UID), nil
	case "metadata.labels":
		return downwardMap(s.pod.Labels), nil
	case "metadata.annotations":
		return downwardMap(s.pod.Annotations), nil
	case "spec.nodeName":
		return Name, nil
	case "spec.serviceAccountName":
		return serviceAccount(s.pod), nil
	case "status.podIP", "status.podIPs":
		return podIP(s.address), nil
	case "status.hostIP", "status.hostIPs":
		return subnetOf(s.address).at(controlPlaneOctet).String(), nil
	}
	return "", fmt.Errorf("fieldPath %q is not known to the testbed", path)
}

// quotedKey takes KEY out of prefix['KEY'].
func quotedKey(path, prefix string) (string, bool) {
	inner, ok := strings.CutPrefix(path, prefix+"['")
	if !ok {
		return "", false
	}
	return strings.CutSuffix(inner, "']")
}

// downwardMap is the form of labels in a downwardAPI file: NAME="VALUE", one a line.
func downwardMap(values map[string]string) string {
	var out strings.Builder
	for _, key := range slices.Sorted(maps.Keys(values)) {
		fmt.Fprintf(&out, "%s=%q\n", key, values[key])
	}
	return out.String()
}

// resource is a container's limit or request in units of its divisor, rounded up. Without
// a limit a kubelet gives the node's capacity.
func (s *sandbox) resource(ref *corev1.ResourceFieldSelector) (string, error) {
	kind, name, _ := strings.Cut(ref.Resource, ".")
	list := s.container.Resources.Limits
	if kind == "requests" {
		list = s.container.Resources.Requests
	}
	quantity, found := list[corev1.ResourceName(name)]
	if !found {
		quantity, found = capacity()[corev1.ResourceName(name)]
	}
	if !found {
		return "", fmt.Errorf("resource %q is not known to the testbed", ref.Resource)
	}
	divisor := ref.Divisor.MilliValue()
	if divisor == 0 {
		divisor = 1000
	}
	return strconv.FormatInt((quantity.MilliValue()+divisor-1)/divisor, 10), nil
}

func isTrue(b *bool) bool { return b != nil && *b }

// unlessOptional drops the error of an absent object that the pod can do without.
func unlessOptional(err error, optional *bool) error {
	if isTrue(optional) && apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

func serviceAccount(pod *corev1.Pod) string {
	if pod.Spec.ServiceAccountName == "" {
		return "default"
	}
	return pod.Spec.ServiceAccountName
}
