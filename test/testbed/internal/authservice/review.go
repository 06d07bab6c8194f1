package authservice

import (
	"context"
	"fmt"
	"slices"
	"strings"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// ReviewBy asks the API server for TokenReviews, for tokens that were made for one of the audiences.
func ReviewBy(client kubernetes.Interface, audiences []string) Review {
	return func(ctx context.Context, token string) (User, bool, error) {
		review, err := client.AuthenticationV1().TokenReviews().Create(ctx, &authenticationv1.TokenReview{
			Spec: authenticationv1.TokenReviewSpec{Token: token, Audiences: audiences},
		}, metav1.CreateOptions{})
		if err != nil {
			return User{}, false, fmt.Errorf("ask for a TokenReview: %w", err)
		}
		status := review.Status
		if !status.Authenticated && strings.Contains(status.Error, "expired") {
			return User{}, false, errExpired
		}
		named := slices.ContainsFunc(status.Audiences, func(a string) bool { return slices.Contains(audiences, a) })
		if !status.Authenticated || !named {
			return User{}, false, nil
		}
		return User{ID: status.User.Username, Groups: status.User.Groups}, true, nil
	}
}
