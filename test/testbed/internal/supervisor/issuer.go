//go:build linux

package supervisor

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kftls/kubectl-kftls/test/testbed/internal/controlplane"
)

// setIssuerKeys writes the API server's keys into the RequestAuthentications that name it as issuer and have none, as
// the CronJob kubeflow-m2m-oidc-configurator of Kubeflow 1.9 does: istiod does not trust the API server's certificate,
// and could not fetch them.
func (s *Supervisor) setIssuerKeys(ctx context.Context) error {
	for _, o := range s.shipped {
		if o.GetKind() != "RequestAuthentication" {
			continue
		}
		rules, _, _ := unstructured.NestedSlice(o.Object, "spec", "jwtRules")
		changed := false
		for _, one := range rules {
			rule, ok := one.(map[string]any)
			if !ok || rule["issuer"] != controlplane.Issuer || rule["jwks"] != nil || rule["jwksUri"] != nil {
				continue
			}
			keys, err := s.client.Discovery().RESTClient().Get().AbsPath("/openid/v1/jwks").DoRaw(ctx)
			if err != nil {
				return fmt.Errorf("read the API server's keys: %w", err)
			}
			rule["jwks"], changed = string(keys), true
		}
		if !changed {
			continue
		}
		if err := unstructured.SetNestedSlice(o.Object, rules, "spec", "jwtRules"); err != nil {
			return fmt.Errorf("set the keys in RequestAuthentication %s/%s: %w", o.GetNamespace(), o.GetName(), err)
		}
	}
	return nil
}
