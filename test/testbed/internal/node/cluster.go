package node

import (
	"context"
	"fmt"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// tokenLife is how long the tokens of pods are good for. A kubelet renews them; here they
// outlive any run instead.
const tokenLife = 30 * 24 * time.Hour

// clusterSource reads from the API server at the moment of a container's start, as a
// kubelet does.
type clusterSource struct{ client kubernetes.Interface }

func (c clusterSource) configMap(ctx context.Context, namespace, name string) (*corev1.ConfigMap, error) {
	object, err := c.client.CoreV1().ConfigMaps(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("read ConfigMap %s/%s: %w", namespace, name, err)
	}
	return object, nil
}

func (c clusterSource) secret(ctx context.Context, namespace, name string) (*corev1.Secret, error) {
	object, err := c.client.CoreV1().Secrets(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("read Secret %s/%s: %w", namespace, name, err)
	}
	return object, nil
}

func (c clusterSource) token(ctx context.Context, pod *corev1.Pod, audience string) (string, error) {
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{
		ExpirationSeconds: new(int64(tokenLife.Seconds())),
		BoundObjectRef:    &authenticationv1.BoundObjectReference{Kind: "Pod", APIVersion: "v1", Name: pod.Name, UID: pod.UID},
	}}
	if audience != "" {
		request.Spec.Audiences = []string{audience}
	}
	account := serviceAccount(pod)
	answer, err := c.client.CoreV1().ServiceAccounts(pod.Namespace).CreateToken(ctx, account, request, metav1.CreateOptions{})
	if err != nil {
		return "", fmt.Errorf("ask for a token of ServiceAccount %s/%s: %w", pod.Namespace, account, err)
	}
	return answer.Status.Token, nil
}
