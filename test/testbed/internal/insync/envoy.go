package insync

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// StampCluster is the cluster that carries the stamp.
const StampCluster = "testbed-stamp"

// stampOf is the stamp that an Envoy has; "" if it has none.
func (w waiter) stampOf(ctx context.Context, e Envoy) (string, error) {
	var dump struct {
		Configs []struct {
			Cluster struct {
				Metadata struct {
					FilterMetadata struct {
						Testbed struct{ Stamp string } `json:"testbed"`
					} `json:"filter_metadata"`
				}
			}
		}
	}
	if err := w.get(ctx, dumpURL(e, "dynamic_active_clusters", "^"+StampCluster+"$"), &dump); err != nil {
		return "", err
	}
	if len(dump.Configs) == 0 {
		return "", nil
	}
	return dump.Configs[0].Cluster.Metadata.FilterMetadata.Testbed.Stamp, nil
}

// envoySecret is a certificate that an Envoy has, or waits for.
type envoySecret struct {
	Name   string
	Secret secretContent
}

type secretContent struct {
	TLS *struct {
		Chain struct {
			Bytes []byte `json:"inline_bytes"`
		} `json:"certificate_chain"`
	} `json:"tls_certificate"`
	Validation any `json:"validation_context"`
}

func (s secretContent) isEmpty() bool { return s.TLS == nil && s.Validation == nil }

// credentialPrefix is how istiod names the Secrets of Gateways, which are in the
// gateway pod's namespace.
const credentialPrefix = "kubernetes://"

// lacksSecrets tells which Secret an Envoy asks for and does not have as the API
// server does. Only a pair that fits can be had, and only by those who may; if
// the Envoy waits for one that cannot be had, waits is true.
func (w waiter) lacksSecrets(ctx context.Context, e Envoy, p *proxy) (lacks string, waits bool, err error) {
	if p.Resources[secretType].LastError != "" {
		return "", true, nil // Envoy refused one: it has taken what there is to take
	}
	asked, err := w.secretsOf(ctx, e)
	if err != nil {
		return "", false, err
	}
	for _, has := range asked {
		name, ok := strings.CutPrefix(has.Name, credentialPrefix)
		if !ok || strings.Contains(name, "/") || strings.HasSuffix(name, "-cacert") {
			waits = waits || has.Secret.isEmpty()
			continue
		}
		chain, err := w.chainOf(ctx, e.Namespace, name)
		if err != nil {
			return "", false, err
		}
		if chain == nil {
			waits = waits || has.Secret.isEmpty()
			continue
		}
		if has.Secret.TLS != nil && bytes.Equal(chain, has.Secret.TLS.Chain.Bytes) {
			continue
		}
		allowed, err := w.maySecrets(ctx, e)
		if err != nil {
			return "", false, err
		}
		if allowed {
			return fmt.Sprintf("%s does not have the certificate of Secret %s/%s yet", e.Pod, e.Namespace, name), false, nil
		}
		waits = waits || has.Secret.isEmpty()
	}
	return "", waits, nil
}

// secretsOf lists what an Envoy has and what it waits for.
func (w waiter) secretsOf(ctx context.Context, e Envoy) ([]envoySecret, error) {
	var all []envoySecret
	for _, resource := range []string{"dynamic_active_secrets", "dynamic_warming_secrets"} {
		var dump struct{ Configs []envoySecret }
		if err := w.get(ctx, dumpURL(e, resource, ""), &dump); err != nil {
			return nil, err
		}
		all = append(all, dump.Configs...)
	}
	return all, nil
}

// chainOf is the certificate chain of a Secret that istiod can serve; nil if
// there is none. istiod takes tls.crt and tls.key, or cert and key.
func (w waiter) chainOf(ctx context.Context, namespace, name string) ([]byte, error) {
	secret, err := w.Kubernetes.CoreV1().Secrets(namespace).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read Secret %s/%s: %w", namespace, name, err)
	}
	for _, keys := range [][2]string{{corev1.TLSCertKey, corev1.TLSPrivateKeyKey}, {"cert", "key"}} {
		chain, key := secret.Data[keys[0]], secret.Data[keys[1]]
		if len(chain) == 0 || len(key) == 0 {
			continue
		}
		if _, err := tls.X509KeyPair(chain, key); err != nil {
			return nil, nil // Envoy refuses it, or istiod never sends it
		}
		return chain, nil
	}
	return nil, nil
}

// maySecrets asks what istiod asks before it gives a gateway a Secret.
func (w waiter) maySecrets(ctx context.Context, e Envoy) (bool, error) {
	review, err := w.Kubernetes.AuthorizationV1().SubjectAccessReviews().Create(ctx, &authorizationv1.SubjectAccessReview{
		Spec: authorizationv1.SubjectAccessReviewSpec{
			User:               "system:serviceaccount:" + e.Namespace + ":" + e.ServiceAccount,
			ResourceAttributes: &authorizationv1.ResourceAttributes{Namespace: e.Namespace, Verb: "list", Resource: "secrets"},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		return false, fmt.Errorf("ask whether %s may read Secrets: %w", e.ServiceAccount, err)
	}
	return review.Status.Allowed, nil
}
