package diagnose

import (
	"context"
	"errors"
	"slices"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kftls/kubectl-kftls/pkg/cluster"
	"github.com/kftls/kubectl-kftls/pkg/diagnose/pasted"
)

var errNotAsked = errors.New("it was not asked for: nothing that was seen depends on it")

// deepen asks for what only a symptom makes worth asking.
func (f *Facts) deepen(ctx context.Context, o Options) {
	if f.Objects == nil {
		return
	}
	f.Objects.MayForward = Known[bool]{Err: errNotAsked}
	f.Objects.GatewayReadsSecrets = Known[bool]{Err: errNotAsked}
	if f.sees(HandshakeCut, PortRefused, PodsDiffer, BadToken) || f.sees(NoAnswer) && f.hasTunnel() {
		f.Log = istiodLog(ctx, o.Cluster, f.Objects)
	}
	f.LoginLog = Known[[]pasted.Meaning]{Err: errNotAsked}
	if f.sees(NotLoggedIn) && f.Aim.wantsSession() {
		f.LoginLog = logOf(ctx, o.Cluster, f.Objects.Proxy.Pods.Value)
	}
	if f.sees(NoTunnel) {
		f.Objects.MayForward = mayForward(ctx, o.Cluster, f.Objects)
	}
	if f.sees(HandshakeCut, NoAnswer, PortRefused, Untrusted, Expired) && len(f.Objects.httpsServers()) > 0 {
		f.Objects.Certificates = certificates(ctx, o.Cluster, f.Objects)
	}
	if f.sees(HandshakeCut, NoAnswer, PortRefused, PodsDiffer) || f.blind() && f.tlsCounts() {
		f.Objects.GatewayReadsSecrets = gatewayReadsSecrets(ctx, o.Cluster, f.Objects)
	}
}

// findWorkloads looks for what makes pods that are not there.
func (o *Objects) findWorkloads(ctx context.Context, c *cluster.Cluster) {
	for _, p := range []*Part{&o.Proxy, &o.Dex, &o.Pipelines, &o.PipelinesUI} {
		if p.Service.OK() && p.Service.Value != nil && p.Pods.OK() && len(p.Pods.Value) == 0 {
			p.Workload = workload(ctx, c, p.Namespace, p.Service.Value.Spec.Selector)
		}
	}
	if !o.Ingress.OK() || !o.Pods.OK() {
		return
	}
	service := o.Ingress.Value.Object
	if !o.hasPod(service.Spec.Selector) {
		o.Gatewayer = workload(ctx, c, service.Namespace, service.Spec.Selector)
	}
	if istiod := (labels.Set{"app": "istiod"}); !o.hasPod(istiod) {
		o.Istiod = workload(ctx, c, service.Namespace, istiod)
	}
}

func (o *Objects) hasPod(wanted labels.Set) bool {
	return slices.ContainsFunc(o.Pods.Value, func(pod corev1.Pod) bool { return wanted.AsSelector().Matches(labels.Set(pod.Labels)) })
}

// certificates are cert-manager's in the namespace of the gateway pods; none where
// it is not installed.
func certificates(ctx context.Context, c *cluster.Cluster, o *Objects) Known[[]unstructured.Unstructured] {
	kind := schema.GroupVersionResource{Group: "cert-manager.io", Version: "v1", Resource: "certificates"}
	list, err := c.Dynamic.Resource(kind).Namespace(o.Door.PodNamespace()).List(ctx, fromCache(""))
	switch {
	case apierrors.IsNotFound(err):
		return Known[[]unstructured.Unstructured]{}
	case err != nil:
		return Known[[]unstructured.Unstructured]{Err: cluster.Explain(err, "list cert-manager's Certificates")}
	}
	return Known[[]unstructured.Unstructured]{Value: list.Items}
}

func mayForward(ctx context.Context, c *cluster.Cluster, o *Objects) Known[bool] {
	if !o.Ingress.OK() {
		return Known[bool]{Err: o.Ingress.Err}
	}
	for _, verb := range []string{"create", "get"} { // SPDY and WebSocket
		review, err := c.Authorization.SelfSubjectAccessReviews().Create(ctx, &authorizationv1.SelfSubjectAccessReview{
			Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{
				Namespace: o.Ingress.Value.Object.Namespace, Verb: verb, Resource: "pods", Subresource: "portforward",
			}},
		}, metav1.CreateOptions{})
		if err != nil {
			return Known[bool]{Err: cluster.Explain(err, "ask for the right to forward ports")}
		}
		if review.Status.Allowed {
			return Known[bool]{Value: true}
		}
	}
	return Known[bool]{Value: false}
}

// gatewayReadsSecrets asks whether the gateway pods' account may list Secrets,
// which istiod wants of it before it hands them out.
func gatewayReadsSecrets(ctx context.Context, c *cluster.Cluster, o *Objects) Known[bool] {
	account := o.gatewayAccount()
	if account == "" {
		return Known[bool]{Err: errors.New("the gateway pods' account is not known")}
	}
	namespace := o.Ingress.Value.Object.Namespace
	review, err := c.Authorization.SubjectAccessReviews().Create(ctx, &authorizationv1.SubjectAccessReview{
		Spec: authorizationv1.SubjectAccessReviewSpec{
			User: "system:serviceaccount:" + namespace + ":" + account,
			ResourceAttributes: &authorizationv1.ResourceAttributes{
				Namespace: namespace, Verb: "list", Resource: "secrets",
			},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		return Known[bool]{Err: cluster.Explain(err, "ask for the rights of ServiceAccount %s/%s", namespace, account)}
	}
	return Known[bool]{Value: review.Status.Allowed}
}

// gatewayAccount is the ServiceAccount of a gateway pod.
func (o *Objects) gatewayAccount() string {
	if !o.Ingress.OK() {
		return ""
	}
	for _, pod := range o.Ingress.Value.Pods {
		for i := range o.Pods.Value {
			if o.Pods.Value[i].Name == pod.Name {
				return o.Pods.Value[i].Spec.ServiceAccountName
			}
		}
	}
	return ""
}
