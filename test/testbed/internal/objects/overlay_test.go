package objects

import (
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const base = `
apiVersion: v1
kind: ConfigMap
metadata: {name: dex, namespace: auth}
data:
  config.yaml: |
    issuer: http://dex
    oauth2: {skipApprovalScreen: true, grantTypes: [a]}
    staticPasswords: [{email: user@example.com}]
  other: untouched
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: oauth2-proxy, namespace: oauth2-proxy, annotations: {testbed.kftls.github.io/difference: one}}
spec:
  template:
    spec:
      containers:
      - name: oauth2-proxy
        image: i
        env:
        - {name: A, value: a}
        - {name: SECURE, valueFrom: {configMapKeyRef: {name: c, key: k}}}
---
apiVersion: security.istio.io/v1beta1
kind: AuthorizationPolicy
metadata: {name: p, namespace: istio-system}
spec: {action: CUSTOM, rules: [{}], provider: {name: oauth2-proxy}}
`

func TestOverlay(t *testing.T) {
	before := parse(t, base)
	copied := parse(t, base)
	all, err := Overlay(before, parse(t, `
apiVersion: v1
kind: ConfigMap
metadata: {name: dex, namespace: auth, annotations: {testbed.kftls.github.io/patch: merge-yaml, testbed.kftls.github.io/difference: why}}
data:
  config.yaml: |
    oauth2: {skipApprovalScreen: false}
    staticPasswords: null
    connectors: [{id: ldap}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: oauth2-proxy, namespace: oauth2-proxy, annotations: {testbed.kftls.github.io/patch: merge, testbed.kftls.github.io/difference: two}}
spec: {template: {spec: {containers: [{name: oauth2-proxy, env: [{name: SECURE, value: "true", valueFrom: null}]}]}}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: p, namespace: istio-system, annotations: {testbed.kftls.github.io/patch: merge}}
spec: {action: DENY, provider: null, rules: [{to: []}]}
---
apiVersion: v1
kind: Secret
metadata: {name: new, namespace: auth}
---
apiVersion: v1
kind: Secret
metadata: {name: never, namespace: auth, annotations: {testbed.kftls.github.io/patch: delete}}
`))
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 4 {
		t.Fatalf("%d objects", len(all))
	}
	config, _, _ := unstructured.NestedString(all[0].Object, "data", "config.yaml")
	if want := "connectors:\n- id: ldap\nissuer: http://dex\noauth2:\n  grantTypes:\n  - a\n  skipApprovalScreen: false\n"; config != want {
		t.Errorf("config.yaml is\n%swant\n%s", config, want)
	}
	if other, _, _ := unstructured.NestedString(all[0].Object, "data", "other"); other != "untouched" {
		t.Errorf("another key is %q", other)
	}
	containers, _, _ := unstructured.NestedSlice(all[1].Object, "spec", "template", "spec", "containers")
	env := containers[0].(map[string]any)["env"].([]any)
	if len(env) != 2 || containers[0].(map[string]any)["image"] != "i" {
		t.Errorf("containers %v", containers)
	}
	for _, e := range env {
		if one := e.(map[string]any); one["name"] == "SECURE" && (one["value"] != "true" || one["valueFrom"] != nil) {
			t.Errorf("env %v", one)
		}
	}
	if why := Differences(all); !slices.Equal(why, []string{"ConfigMap auth/dex: why", "Deployment oauth2-proxy/oauth2-proxy: one; two"}) {
		t.Errorf("differences %q", why)
	}
	if all[2].GetAPIVersion() != "security.istio.io/v1beta1" || len(all[2].Object["spec"].(map[string]any)) != 2 {
		t.Errorf("policy %v", all[2])
	}
	for i := range before {
		if !same(before[i], copied[i]) {
			t.Errorf("%s of the base has changed", Name(before[i]))
		}
	}
}

func TestOverlayRefuses(t *testing.T) {
	for text, want := range map[string]string{
		`{apiVersion: v1, kind: Secret, metadata: {name: x, namespace: auth, annotations: {testbed.kftls.github.io/patch: merge}}}`:                                  "there is none",
		`{apiVersion: v1, kind: ConfigMap, metadata: {name: dex, namespace: auth, annotations: {testbed.kftls.github.io/patch: mix}}}`:                               "not known",
		`{apiVersion: v1, kind: ConfigMap, metadata: {name: dex, namespace: auth, annotations: {testbed.kftls.github.io/patch: merge-yaml}}, data: {other: "a: b"}}`: "merge other",
	} {
		if _, err := Overlay(parse(t, base), parse(t, text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", text, err, want)
		}
	}
}
