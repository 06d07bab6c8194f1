package diagnose

import (
	"bytes"
	"crypto/x509"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// policies are the AuthorizationPolicies of an action that select the gateway
// pods, or all pods of their namespace.
func (o *Objects) policies(action string) []*unstructured.Unstructured {
	var found []*unstructured.Unstructured
	for i := range o.Policies.Value {
		p := &o.Policies.Value[i]
		got, _, _ := unstructured.NestedString(p.Object, "spec", "action")
		if got == action && o.selectsGateway(p) {
			found = append(found, p)
		}
	}
	return found
}

// selectsGateway tells whether an object's selector.matchLabels fits the gateway pods.
func (o *Objects) selectsGateway(object *unstructured.Unstructured) bool {
	wanted, _, _ := unstructured.NestedStringMap(object.Object, "spec", "selector", "matchLabels")
	if len(wanted) == 0 {
		return true
	}
	for i := range o.Pods.Value {
		pod := &o.Pods.Value[i]
		if pod.Labels["app"] != "istio-ingressgateway" && pod.Labels["istio"] != "ingressgateway" {
			continue
		}
		fits := true
		for key, value := range wanted {
			fits = fits && pod.Labels[key] == value
		}
		if fits {
			return true
		}
	}
	return wanted["app"] == "istio-ingressgateway" && len(o.Pods.Value) == 0
}

// customPolicy is the one that hands requests to the auth proxy, nil for none.
func (o *Objects) customPolicy() *unstructured.Unstructured {
	for _, p := range o.policies("CUSTOM") {
		return p
	}
	return nil
}

// asksForTokens tells that a policy denies requests without a token.
func (o *Objects) asksForTokens() bool {
	for _, p := range o.policies("DENY") {
		if text, err := p.MarshalJSON(); err == nil && strings.Contains(string(text), "notRequestPrincipals") {
			return true
		}
	}
	return false
}

// passesHeaders tells that a policy leaves requests with an Authorization header
// alone, as Kubeflow's does from 1.9.1 on.
func passesHeaders(policy *unstructured.Unstructured) bool {
	text, err := policy.MarshalJSON()
	return err == nil && strings.Contains(string(text), "request.headers[authorization]")
}

// operations are the to.operation parts of a policy's rules.
func operations(policy *unstructured.Unstructured) []map[string]any {
	var found []map[string]any
	for _, rule := range rulesOf(policy) {
		to, _, _ := unstructured.NestedSlice(rule, "to")
		for _, target := range to {
			part, _ := target.(map[string]any)
			if operation, ok := part["operation"].(map[string]any); ok {
				found = append(found, operation)
			}
		}
	}
	return found
}

// rulesOf are the rules of a policy.
func rulesOf(policy *unstructured.Unstructured) []map[string]any {
	entries, _, _ := unstructured.NestedSlice(policy.Object, "spec", "rules")
	rules := make([]map[string]any, 0, len(entries))
	for _, entry := range entries {
		rule, _ := entry.(map[string]any)
		rules = append(rules, rule)
	}
	return rules
}

// stringsIn is a list of strings in an unstructured field.
func stringsIn(object map[string]any, fields ...string) []string {
	list, _, _ := unstructured.NestedStringSlice(object, fields...)
	return list
}

// authnFilters are the EnvoyFilters that put an authorization service in front,
// as Kubeflow 1.3 to 1.8 do.
func (o *Objects) authnFilters() []*unstructured.Unstructured {
	var found []*unstructured.Unstructured
	for i := range o.EnvoyFilters.Value {
		filter := &o.EnvoyFilters.Value[i]
		if text, err := filter.MarshalJSON(); err == nil && strings.Contains(string(text), "ext_authz") {
			found = append(found, filter)
		}
	}
	return found
}

func (o *Objects) hasAuthnFilter() bool { return len(o.authnFilters()) > 0 }

// selfSigningIssuer tells of a Certificate of cert-manager's for the gateway that
// an issuer of that kind makes.
func (o *Objects) selfSigningIssuer() bool {
	for i := range o.Certificates.Value {
		issuer, _, _ := unstructured.NestedString(o.Certificates.Value[i].Object, "spec", "issuerRef", "name")
		if strings.Contains(issuer, "self-sign") {
			return true
		}
	}
	return false
}

func secretNameOf(certificate *unstructured.Unstructured) string {
	name, _, _ := unstructured.NestedString(certificate.Object, "spec", "secretName")
	return name
}

// conditionOf is the status and message of a condition.
func conditionOf(object *unstructured.Unstructured, kind string) (status, message string) {
	conditions, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	for _, c := range conditions {
		condition, _ := c.(map[string]any)
		if condition["type"] == kind {
			status, _ = condition["status"].(string)
			message, _ = condition["message"].(string)
			return status, message
		}
	}
	return "Unknown", "no condition " + kind
}

// holdsNamesake tells whether a root of that name, and another key, was given.
func (c Computer) holdsNamesake(issuer *x509.Certificate) bool {
	for _, root := range c.RootCertificates {
		if bytes.Equal(root.RawSubject, issuer.RawIssuer) && !root.Equal(issuer) && issuer.CheckSignatureFrom(root) != nil {
			return true
		}
	}
	return false
}
