package cmd

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kftls/kubectl-kftls/pkg/cluster"
	"github.com/kftls/kubectl-kftls/pkg/endpoint"
	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/gateway"
	"github.com/kftls/kubectl-kftls/pkg/session"
)

// authServiceAudience is whom the AuthService takes ServiceAccounts' tokens for
// (TOKEN_REVIEW's audience in arrikto/oidc-authservice, Kubeflow 1.7 and 1.8).
const authServiceAudience = "istio-ingressgateway.istio-system.svc.cluster.local"

// tokenPolicy is what lets ServiceAccounts' tokens through Kubeflow's gateway:
// common/oauth2-proxy/components/istio-m2m of kubeflow/manifests, which the
// overlay m2m-dex-and-kind takes in and the default, m2m-dex-only, does not.
var tokenPolicy = types.NamespacedName{Namespace: "istio-system", Name: "m2m-token-issuer"}

const istioSecurity = "security.istio.io"

// ofServiceAccount asks the API server for a token, and Kubeflow whether it
// takes it.
func (o *tokenOptions) ofServiceAccount(ctx context.Context) (*bearer, error) {
	c, err := o.factory.Cluster(ctx)
	if err != nil {
		return nil, err
	}
	account, err := o.account(c)
	if err != nil {
		return nil, err
	}
	way, err := o.open(ctx, o.factory)
	if err != nil {
		return nil, err
	}
	defer way.Close()
	client := o.client(o.factory, way)
	era, err := eraBehind(ctx, way, client)
	if err != nil {
		return nil, err
	}
	token, err := o.request(ctx, c, account, era)
	if err != nil {
		return nil, err
	}
	if err := client.CheckBearer(ctx, token.Token); err != nil {
		return nil, o.explainRefusal(ctx, c, account, era, token, err)
	}
	return token, nil
}

// account reads --service-account.
func (o *tokenOptions) account(c *cluster.Cluster) (types.NamespacedName, error) {
	namespace, name, both := strings.Cut(o.serviceAccount, "/")
	if !both {
		namespace, name = c.Namespace, o.serviceAccount
	}
	if namespace == "" || name == "" || strings.Contains(name, "/") {
		return types.NamespacedName{}, fault.New(fault.Usage, "--service-account default-editor -n PROFILE",
			"--service-account %q is neither NAME nor NAMESPACE/NAME", o.serviceAccount)
	}
	return types.NamespacedName{Namespace: namespace, Name: name}, nil
}

// eraBehind is the era of a front door. For a URL Kubeflow itself is asked.
func eraBehind(ctx context.Context, way *endpoint.Endpoint, client *session.Client) (session.Era, error) {
	if way.Front != nil && way.Front.Era != session.EraUnknown {
		return way.Front.Era, nil
	}
	look, err := client.Look(ctx)
	switch {
	case err != nil:
		return "", err
	case look.Open:
		return "", session.ErrOpen
	}
	return look.Era, nil
}

// request asks for a token. The API server may shorten or lengthen its life.
func (o *tokenOptions) request(ctx context.Context, c *cluster.Cluster, account types.NamespacedName, era session.Era) (*bearer, error) {
	spec := authenticationv1.TokenRequestSpec{Audiences: o.audiences}
	if len(spec.Audiences) == 0 && era == session.EraAuthService {
		spec.Audiences = []string{authServiceAudience}
	}
	if o.duration > 0 {
		seconds := int64(o.duration / time.Second)
		spec.ExpirationSeconds = &seconds
	}
	answer, err := c.Core.ServiceAccounts(account.Namespace).CreateToken(ctx, account.Name,
		&authenticationv1.TokenRequest{Spec: spec}, metav1.CreateOptions{})
	if err != nil {
		return nil, cluster.Explain(err, "request a token of ServiceAccount %s", account)
	}
	token := &bearer{
		APIVersion: gateway.APIVersion, Kind: "Token", Token: answer.Status.Token,
		User:      "system:serviceaccount:" + account.Namespace + ":" + account.Name,
		Audiences: answer.Spec.Audiences,
	}
	if claims, ok := session.ParseToken(answer.Status.Token); ok {
		token.Issuer = claims.Issuer
	}
	if end := answer.Status.ExpirationTimestamp.Time; !end.IsZero() {
		token.Expiry = &end
	}
	return token, nil
}

// explainRefusal says why the gateway does not take a token that the API server
// has just made.
func (o *tokenOptions) explainRefusal(ctx context.Context, c *cluster.Cluster, account types.NamespacedName, era session.Era, token *bearer, err error) error {
	if fault.ReasonOf(err) != fault.LoginRefused {
		return err
	}
	if era == session.EraAuthService {
		return fault.New(fault.LoginFailed, "compare --audience with the AuthService's configuration; before Kubeflow 1.7 it takes no such tokens",
			"the AuthService does not take the token of ServiceAccount %s for %q: %w", account, token.Audiences, err)
	}
	hint := fmt.Sprintf("apply RequestAuthentication %s for that issuer, as the overlay m2m-dex-and-kind of kubeflow/manifests does (common/oauth2-proxy)", tokenPolicy)
	return fault.New(fault.LoginFailed, hint,
		"the gateway does not take the token of ServiceAccount %s, made by %s: %s: %w", account, token.Issuer, policyState(ctx, c, token.Issuer), err)
}

// policyState says what is the matter with the policy that would let the token
// through.
func policyState(ctx context.Context, c *cluster.Cluster, issuer string) string {
	issuers, err := trustedIssuers(ctx, c)
	switch {
	case fault.ReasonOf(err) == fault.NotFound:
		return fmt.Sprintf("there is no RequestAuthentication %s", tokenPolicy)
	case err != nil: // it may not be read
		return fmt.Sprintf("RequestAuthentication %s has to trust this issuer", tokenPolicy)
	case slices.Contains(issuers, issuer):
		return fmt.Sprintf("RequestAuthentication %s trusts this issuer, and the token is refused all the same", tokenPolicy)
	}
	return fmt.Sprintf("RequestAuthentication %s trusts %q only", tokenPolicy, issuers)
}

// trustedIssuers are the issuers that the policy names.
func trustedIssuers(ctx context.Context, c *cluster.Cluster) (issuers []string, err error) {
	versions, err := c.GroupVersions(ctx, istioSecurity)
	if err != nil {
		return nil, err
	}
	if len(versions) == 0 {
		return nil, fault.New(fault.NotFound, "", "the cluster does not serve %s", istioSecurity)
	}
	resource := schema.GroupVersionResource{Group: istioSecurity, Version: versions[0], Resource: "requestauthentications"}
	policy, err := c.Dynamic.Resource(resource).Namespace(tokenPolicy.Namespace).Get(ctx, tokenPolicy.Name, metav1.GetOptions{})
	if err != nil {
		return nil, cluster.Explain(err, "read RequestAuthentication %s", tokenPolicy)
	}
	rules, _, _ := unstructured.NestedSlice(policy.Object, "spec", "jwtRules")
	for _, rule := range rules {
		if fields, ok := rule.(map[string]any); ok {
			if issuer, ok := fields["issuer"].(string); ok {
				issuers = append(issuers, issuer)
			}
		}
	}
	return issuers, nil
}
