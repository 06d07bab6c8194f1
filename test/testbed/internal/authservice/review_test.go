package authservice_test

import (
	"slices"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/kftls/kubectl-kftls/test/testbed/internal/authservice"
)

func TestReviewTakesTokensForItsAudience(t *testing.T) {
	ours := []string{"istio-ingressgateway.istio-system.svc.cluster.local"}
	user := authenticationv1.UserInfo{Username: "system:serviceaccount:ns:default-editor"}
	for name, test := range map[string]struct {
		status authenticationv1.TokenReviewStatus
		ok     bool
		fails  bool
	}{
		"for us":      {authenticationv1.TokenReviewStatus{Authenticated: true, User: user, Audiences: ours}, true, false},
		"for another": {authenticationv1.TokenReviewStatus{Authenticated: true, User: user, Audiences: []string{"x"}}, false, false},
		"unknown":     {authenticationv1.TokenReviewStatus{Error: "invalid bearer token"}, false, false},
		"too old":     {authenticationv1.TokenReviewStatus{Error: "[invalid bearer token, service account token has expired]"}, false, true},
	} {
		client := fake.NewClientset()
		var asked authenticationv1.TokenReviewSpec
		client.PrependReactor("create", "tokenreviews", func(action clienttesting.Action) (bool, runtime.Object, error) {
			review := action.(clienttesting.CreateAction).GetObject().(*authenticationv1.TokenReview)
			asked = review.Spec
			return true, &authenticationv1.TokenReview{Status: test.status}, nil
		})
		got, ok, err := authservice.ReviewBy(client, ours)(t.Context(), "token")
		if ok != test.ok || (err != nil) != test.fails || ok && got.ID != user.Username {
			t.Errorf("%s: %v, %v, %v", name, got, ok, err)
		}
		if asked.Token != "token" || !slices.Equal(asked.Audiences, ours) {
			t.Errorf("%s: asked about %v", name, asked)
		}
	}
}
