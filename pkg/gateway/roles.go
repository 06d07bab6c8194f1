package gateway

import (
	"fmt"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/kftls/kubectl-kftls/pkg/cluster"
)

// roleName is that of the Roles and RoleBindings that Roles makes.
const roleName = "kubectl-kftls"

// Roles are YAML to paste: a Role for each namespace with exactly these rights,
// and a RoleBinding that gives it to a user.
func Roles(rights []cluster.Right, user string) (string, error) {
	var documents []string
	for _, namespace := range namespacesOf(rights) {
		meta := metav1.ObjectMeta{Namespace: namespace, Name: roleName}
		for _, object := range []any{
			rbacv1.Role{
				TypeMeta:   metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "Role"},
				ObjectMeta: meta, Rules: rulesIn(namespace, rights),
			},
			rbacv1.RoleBinding{
				TypeMeta:   metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "RoleBinding"},
				ObjectMeta: meta,
				RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: roleName},
				Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}},
			},
		} {
			text, err := yaml.Marshal(object)
			if err != nil {
				return "", fmt.Errorf("render the Roles: %w", err)
			}
			documents = append(documents, string(text))
		}
	}
	return strings.Join(documents, "---\n"), nil
}

func namespacesOf(rights []cluster.Right) []string {
	var namespaces []string
	for _, right := range rights {
		if !slices.Contains(namespaces, right.Namespace) {
			namespaces = append(namespaces, right.Namespace)
		}
	}
	return namespaces
}

// rulesIn puts the verbs on one object into one rule.
func rulesIn(namespace string, rights []cluster.Right) []rbacv1.PolicyRule {
	var rules []rbacv1.PolicyRule
	for _, right := range rights {
		if right.Namespace != namespace {
			continue
		}
		rule := ruleOf(right)
		same := slices.IndexFunc(rules, func(other rbacv1.PolicyRule) bool {
			return slices.Equal(other.APIGroups, rule.APIGroups) && slices.Equal(other.Resources, rule.Resources) &&
				slices.Equal(other.ResourceNames, rule.ResourceNames)
		})
		switch {
		case same < 0:
			rules = append(rules, rule)
		case !slices.Contains(rules[same].Verbs, right.Verb):
			rules[same].Verbs = append(rules[same].Verbs, right.Verb)
		}
	}
	return rules
}

func ruleOf(right cluster.Right) rbacv1.PolicyRule {
	resource := right.Resource
	if right.Subresource != "" {
		resource += "/" + right.Subresource
	}
	rule := rbacv1.PolicyRule{APIGroups: []string{right.Group}, Resources: []string{resource}, Verbs: []string{right.Verb}}
	if right.Name != "" {
		rule.ResourceNames = []string{right.Name}
	}
	return rule
}
