package main

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"golang.org/x/sync/errgroup"
)

// crowd is what else a large cluster holds: none of it belongs to the front door.
type crowd struct{ gateways, secrets, pods int }

const (
	crowdNamespaces = 20
	crowdWriters    = 32 // at once
)

// gather creates the crowd. The Gateways select pods that are not there, so that
// no Envoy gets them; the pods are bound to a node that is not there, so that
// nobody runs them. A fifth of the Secrets lie beside the gateway pods.
func (c crowd) gather(ctx context.Context, bed *testbed) error {
	for i := range crowdNamespaces {
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: crowdNamespace(i)}}
		if _, err := bed.cluster.Core.Namespaces().Create(ctx, namespace, metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(crowdWriters)
	for i := range c.gateways {
		group.Go(func() error {
			_, err := bed.cluster.Dynamic.Resource(gateways).Namespace(crowdNamespace(i)).Create(ctx, crowdGateway(i), metav1.CreateOptions{})
			return err
		})
	}
	for i := range c.secrets {
		namespace := crowdNamespace(i)
		if i%5 == 0 {
			namespace = "istio-system"
		}
		group.Go(func() error {
			_, err := bed.cluster.Core.Secrets(namespace).Create(ctx, &corev1.Secret{
				ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("crowd-%d", i)},
				Data:       map[string][]byte{"filler": []byte(strings.Repeat("x", 2000))},
			}, metav1.CreateOptions{})
			return err
		})
	}
	for i := range c.pods {
		group.Go(func() error {
			_, err := bed.cluster.Core.Pods(crowdNamespace(i)).Create(ctx, crowdPod(i), metav1.CreateOptions{})
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("make a large cluster: %w", err)
	}
	return nil
}

func crowdNamespace(i int) string { return fmt.Sprintf("crowd-%02d", i%crowdNamespaces) }

// crowdGateway is one as teams have it, with what kubectl apply leaves behind.
func crowdGateway(i int) *unstructured.Unstructured {
	host := fmt.Sprintf("team-%d.example.com", i)
	name := fmt.Sprintf("crowd-%d", i)
	object := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": gateways.GroupVersion().String(), "kind": "Gateway",
		"metadata": map[string]any{"name": name},
		"spec": map[string]any{
			"selector": map[string]any{"istio": "crowd"},
			"servers": []any{
				map[string]any{"hosts": []any{host}, "port": map[string]any{"number": int64(80), "name": "http", "protocol": "HTTP"}},
				map[string]any{
					"hosts": []any{host}, "port": map[string]any{"number": int64(443), "name": "https", "protocol": "HTTPS"},
					"tls": map[string]any{"mode": "SIMPLE", "credentialName": name},
				},
			},
		},
	}}
	if text, err := object.MarshalJSON(); err == nil {
		object.SetAnnotations(map[string]string{"kubectl.kubernetes.io/last-applied-configuration": string(text)})
	}
	return object
}

func crowdPod(i int) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("crowd-%d", i), Labels: map[string]string{"app": "crowd"}},
		Spec: corev1.PodSpec{
			NodeName:   "nowhere",
			Containers: []corev1.Container{{Name: "main", Image: "registry.example.com/crowd:1"}},
		},
	}
}
