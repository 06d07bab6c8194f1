package objects

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func parse(t *testing.T, text string) []*unstructured.Unstructured {
	t.Helper()
	objects, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

func TestParse(t *testing.T) {
	objects := parse(t, "# nothing\n---\nkind: Namespace\napiVersion: v1\nmetadata: {name: a}\n---\n---\nkind: ConfigMap\napiVersion: v1\nmetadata: {name: b, namespace: a}\n")
	var names []string
	for _, o := range objects {
		names = append(names, Name(o))
	}
	if want := []string{"Namespace a", "ConfigMap a/b"}; !slices.Equal(names, want) {
		t.Errorf("names %q, want %q", names, want)
	}
	for _, bad := range []string{"kind: ConfigMap\napiVersion: v1\n", "{", "- a list\n"} {
		if _, err := Parse([]byte(bad)); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestRender(t *testing.T) {
	files := fstest.MapFS{"a.yaml": {Data: []byte("kind: ConfigMap\napiVersion: v1\nmetadata: {name: '{{.Name}}'}\n")}}
	objects, err := Render(files, ".", map[string]string{"Name": "filled"})
	if err != nil || objects[0].GetName() != "filled" {
		t.Errorf("rendered %v, %v", objects, err)
	}
	if _, err := Render(files, ".", map[string]string{}); err == nil || !strings.Contains(err.Error(), "a.yaml") {
		t.Errorf("a missing value: %v", err)
	}
	if _, err := Load(fstest.MapFS{}, "."); err == nil {
		t.Error("an empty folder is taken")
	}
}

func TestWavesPutWhatIsNeededFirst(t *testing.T) {
	objects := parse(t, `
{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingWebhookConfiguration, metadata: {name: hook}}
---
{apiVersion: networking.istio.io/v1, kind: Gateway, metadata: {name: g, namespace: ns}}
---
{apiVersion: apps/v1, kind: Deployment, metadata: {name: d, namespace: ns}}
---
{apiVersion: v1, kind: Secret, metadata: {name: s, namespace: ns}}
---
{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: c}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: ns}}
`)
	var order []string
	for _, wave := range waves(objects) {
		for _, o := range wave {
			order = append(order, o.GetKind())
		}
	}
	want := []string{"CustomResourceDefinition", "Namespace", "Secret", "Deployment", "Gateway", "ValidatingWebhookConfiguration"}
	if !slices.Equal(order, want) {
		t.Errorf("order %q, want %q", order, want)
	}
}

func TestKindsFromCRDs(t *testing.T) {
	kinds := Kinds{}
	kinds.Define(parse(t, `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: gateways.networking.istio.io}
spec:
  group: networking.istio.io
  scope: Namespaced
  names: {kind: Gateway, plural: gateways}
  versions: [{name: v1, served: true}, {name: v1alpha3, served: true}, {name: v0, served: false}]
`)[0])
	for version, served := range map[string]bool{"v1": true, "v1alpha3": true, "v0": false} {
		resource, ok := kinds.Resource(schema.GroupVersionKind{Group: "networking.istio.io", Version: version, Kind: "Gateway"})
		if ok != served || served && resource.Resource != "gateways" {
			t.Errorf("%s: %v, %t", version, resource, ok)
		}
	}
	if got := kinds.pictured(); len(got) != 1 || got[0].Version != "v1" {
		t.Errorf("a picture asks for %v", got)
	}
}

const gateway = `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata:
  name: kubeflow-gateway
  namespace: kubeflow
  resourceVersion: "5"
  uid: a
  generation: 1
  managedFields:
  - {manager: kubectl, operation: Apply, apiVersion: networking.istio.io/v1, fieldsType: FieldsV1, time: "2026-11-23T00:00:00Z", fieldsV1: {"f:spec": {"f:servers": {}, "f:selector": {}}}}
spec:
  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]
status: {seen: 1}
`

// changed is the gateway with one place of its text replaced.
func changed(t *testing.T, old, text string) *unstructured.Unstructured {
	t.Helper()
	if !strings.Contains(gateway, old) {
		t.Fatalf("no %q in the gateway", old)
	}
	return parse(t, strings.Replace(gateway, old, text, 1))[0]
}

func TestSame(t *testing.T) {
	for _, test := range []struct {
		name, old, text         string
		sameContent, sameOwners bool
	}{
		{"a new version", `resourceVersion: "5"`, `resourceVersion: "9"`, true, true},
		{"made anew", "uid: a", "uid: b", true, true},
		{"another status", "seen: 1", "seen: 2", true, true},
		{"the time of an owner", "2026-11-23", "2026-11-24", true, true},
		{"no annotations", "generation: 1", "annotations: {}", true, true},
		{"a count of the controller", "generation: 1", `annotations: {deployment.kubernetes.io/revision: "3"}`, true, true},
		{"another port", "number: 80", "number: 81", false, true},
		{"an annotation", "generation: 1", "annotations: {a: b}", false, true},
		{"a lost field", `"f:servers": {}, `, "", true, false},
		{"another owner", "manager: kubectl", "manager: kubectl-patch", true, false},
		{"another operation", "operation: Apply", "operation: Update", true, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			before, after := parse(t, gateway)[0], changed(t, test.old, test.text)
			if got := same(before, after); got != test.sameContent {
				t.Errorf("same content: %t", got)
			}
			if got := sameOwners(before, after); got != test.sameOwners {
				t.Errorf("same owners: %t", got)
			}
		})
	}
}

func picture(t *testing.T, text string) Picture {
	t.Helper()
	p := Picture{}
	for _, o := range parse(t, text) {
		p[KeyOf(o)] = o
	}
	return p
}

func TestChanges(t *testing.T) {
	const namespace = "{apiVersion: v1, kind: Namespace, metadata: {name: ns}}\n"
	const shipped = namespace + "---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: ns}, data: {k: v}}\n"
	for _, test := range []struct{ name, now, want string }{
		{"nothing", shipped, ""},
		{"changed", strings.Replace(shipped, "k: v", "k: w", 1), "write ConfigMap ns/a"},
		{"deleted", namespace, "write ConfigMap ns/a"},
		{"added", shipped + "---\n{apiVersion: v1, kind: Secret, metadata: {name: s, namespace: ns}}\n", "delete Secret ns/s"},
		{"going", strings.Replace(shipped, "name: a,", `name: a, deletionTimestamp: "2026-11-23T00:00:00Z",`, 1), "write ConfigMap ns/a"},
		{"an added namespace takes what is in it", shipped + "---\n{apiVersion: v1, kind: Namespace, metadata: {name: u}}\n---\n{apiVersion: v1, kind: Secret, metadata: {name: s, namespace: u}}\n", "delete Namespace u"},
		{"what controllers make", shipped + "---\n{apiVersion: v1, kind: ServiceAccount, metadata: {name: default, namespace: ns}}\n", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, c := range picture(t, shipped).changes(picture(t, test.now)) {
				verb := "write "
				if c.want == nil {
					verb = "delete "
				}
				got = append(got, verb+c.key.String())
			}
			if joined := strings.Join(got, ", "); joined != test.want {
				t.Errorf("changes %q, want %q", joined, test.want)
			}
		})
	}
}

func TestWhatLivesByItselfIsInNoPicture(t *testing.T) {
	for text, want := range map[string]bool{
		"{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}":                                                                               false,
		"{apiVersion: v1, kind: ConfigMap, metadata: {name: a, annotations: {control-plane.alpha.kubernetes.io/leader: x}}}":                   true,
		"{apiVersion: networking.istio.io/v1, kind: WorkloadEntry, metadata: {name: a, labels: {testbed.kftls.github.io/added: 'true'}}}":      true,
		"{apiVersion: networking.istio.io/v1, kind: WorkloadEntry, metadata: {name: a}}":                                                       false,
		"{apiVersion: v1, kind: Secret, metadata: {name: a, ownerReferences: [{apiVersion: v1, kind: X, name: x, uid: u, controller: true}]}}": true,
	} {
		if got := isLive(parse(t, text)[0]); got != want {
			t.Errorf("%s: %t", text, got)
		}
	}
}

func TestKeepRevision(t *testing.T) {
	content := parse(t, `{apiVersion: apps/v1, kind: Deployment, metadata: {name: d, annotations: {deployment.kubernetes.io/revision: "1", a: b}}}`)[0]
	has := parse(t, `{apiVersion: apps/v1, kind: Deployment, metadata: {name: d, annotations: {deployment.kubernetes.io/revision: "4"}}}`)[0]
	keepRevision(content, has)
	if got := content.GetAnnotations(); got[revision] != "4" || got["a"] != "b" {
		t.Errorf("annotations %v", got)
	}
	if !isKept(metav1.Verbs{"list", "update", "delete"}) || isKept(metav1.Verbs{"create"}) {
		t.Error("TokenReviews are kept, or ConfigMaps are not")
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(gateway))
	f.Fuzz(func(t *testing.T, data []byte) {
		objects, err := Parse(data)
		if err != nil {
			return
		}
		for _, o := range objects {
			if o.GetKind() == "" || o.GetName() == "" {
				t.Errorf("an object without kind or name from %q", data)
			}
		}
	})
}
