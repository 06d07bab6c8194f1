package cluster

import (
	"context"
	"encoding/json"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"golang.org/x/sync/errgroup"
)

// Right is one thing that a user may do or not.
type Right struct {
	Verb string
	// Group is the API group, "" for the core one.
	Group, Resource, Subresource string
	Namespace                    string
	// Name is one object's; "" means all of the namespace.
	Name string
}

// String is the verb and what it is about, as in
// "patch gateways.networking.istio.io kubeflow/kubeflow-gateway".
func (r Right) String() string { return r.Verb + " " + r.Object() }

// Object is what the verb is about.
func (r Right) Object() string {
	text := r.Resource
	if r.Group != "" {
		text += "." + r.Group
	}
	if r.Subresource != "" {
		text += "/" + r.Subresource
	}
	if r.Name == "" {
		return text + " in namespace " + r.Namespace
	}
	return text + " " + r.Namespace + "/" + r.Name
}

// Missing returns those of the rights that the user does not have, in their
// order. The API server is asked for all of them at the same time.
func (c *Cluster) Missing(ctx context.Context, rights []Right) ([]Right, error) {
	allowed := make([]bool, len(rights))
	group, ctx := errgroup.WithContext(ctx)
	for i, right := range rights {
		group.Go(func() error {
			review, err := c.Authorization.SelfSubjectAccessReviews().Create(ctx, &authorizationv1.SelfSubjectAccessReview{
				Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{
					Verb: right.Verb, Group: right.Group, Resource: right.Resource, Subresource: right.Subresource,
					Namespace: right.Namespace, Name: right.Name,
				}},
			}, metav1.CreateOptions{})
			if err != nil {
				return Explain(err, "ask for the right to %s", right)
			}
			allowed[i] = review.Status.Allowed
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var missing []Right
	for i, right := range rights {
		if !allowed[i] {
			missing = append(missing, right)
		}
	}
	return missing, nil
}

// User is the name by which the API server knows the user of this kubeconfig.
func (c *Cluster) User(ctx context.Context) (string, error) {
	const doing = "ask the API server who this user is"
	body, err := json.Marshal(authenticationv1.SelfSubjectReview{
		TypeMeta: metav1.TypeMeta{APIVersion: "authentication.k8s.io/v1", Kind: "SelfSubjectReview"},
	})
	if err != nil {
		return "", Explain(err, doing)
	}
	answer, err := c.Core.RESTClient().Post().AbsPath("/apis/authentication.k8s.io/v1/selfsubjectreviews").
		SetHeader("Content-Type", "application/json").Body(body).Do(ctx).Raw()
	if err != nil {
		return "", Explain(err, doing)
	}
	var review authenticationv1.SelfSubjectReview
	if err := json.Unmarshal(answer, &review); err != nil {
		return "", Explain(err, doing)
	}
	return review.Status.UserInfo.Username, nil
}
