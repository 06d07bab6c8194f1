package manifests

import (
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kftls/kubectl-kftls/test/testbed/internal/objects"
	"github.com/kftls/kubectl-kftls/test/testbed/profiles"
)

func load(t *testing.T, files fs.FS) *Set {
	t.Helper()
	s, err := Load(files)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func find(t *testing.T, all []*unstructured.Unstructured, name string) *unstructured.Unstructured {
	t.Helper()
	i := slices.IndexFunc(all, func(o *unstructured.Unstructured) bool { return objects.Name(o) == name })
	if i < 0 {
		t.Fatalf("no %s", name)
	}
	return all[i]
}

func TestForeignManifestsAreLeftOutOrChanged(t *testing.T) {
	s := load(t, os.DirFS("testdata"))
	kinds := objects.Kinds{}
	for _, crd := range s.CRDs {
		kinds.Define(crd)
	}
	if _, known := kinds.Namespaced(schema.GroupVersionKind{Group: "kubeflow.org", Version: "v1", Kind: "Profile"}); !known || len(s.CRDs) != 1 {
		t.Errorf("CRDs %v", s.CRDs)
	}
	notes := strings.Join(s.Notes.Lines(), "\n")
	for _, want := range []string{
		"left out, its program does not run here: APIService v1beta1.custom.metrics.k8s.io, ValidatingWebhookConfiguration cert-manager-webhook",
		"left out, the testbed has one that calls istiod by address: ValidatingWebhookConfiguration istio-validator-istio-system",
		"comes with its own: CustomResourceDefinition gateways.networking.istio.io",
	} {
		if !strings.Contains(notes, want) {
			t.Errorf("the notes lack %q:\n%s", want, notes)
		}
	}
	for name, path := range map[string][]string{
		"DestinationRule kubeflow/ml-pipeline-ui": {"DISABLE", "spec", "trafficPolicy", "tls", "mode"},
	} {
		o := find(t, s.Objects, name)
		if got, _, _ := unstructured.NestedString(o.Object, path[1:]...); got != path[0] || o.GetAnnotations()[profiles.DifferenceAnnotation] == "" {
			t.Errorf("%s: %q, %v", name, got, o.GetAnnotations())
		}
	}
	if got, _, _ := unstructured.NestedString(s.CRDs[0].Object, "spec", "conversion", "strategy"); got != "None" {
		t.Errorf("conversion %q", got)
	}
	find(t, s.Objects, "Namespace cert-manager") // of a List
}

func TestChanges(t *testing.T) {
	s := load(t, fstest.MapFS{"deep/er/all.yaml": {Data: []byte(`
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: authn-filter, namespace: istio-system}
spec: {configPatches: [{match: {listener: {filterChain: {filter: {name: envoy.http_connection_manager}}}}}]}
---
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: new, namespace: istio-system}
spec: {configPatches: [{match: {listener: {filterChain: {filter: {name: envoy.filters.network.http_connection_manager}}}}}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data: {mesh: "accessLogFile: /dev/stdout\n", meshNetworks: "networks: {}"}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: dex, namespace: auth}
spec: {replicas: 2}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: oauth2-proxy, namespace: oauth2-proxy}
spec: {replicas: 2}
`)}, "README.md": {Data: []byte("# {")}})
	filter := find(t, s.Objects, "EnvoyFilter istio-system/authn-filter")
	patches, _, _ := unstructured.NestedSlice(filter.Object, "spec", "configPatches")
	name, _, _ := unstructured.NestedString(patches[0].(map[string]any), "match", "listener", "filterChain", "filter", "name")
	if name != "envoy.filters.network.http_connection_manager" || filter.GetAnnotations()[profiles.DifferenceAnnotation] == "" {
		t.Errorf("filter %q, %v", name, filter.GetAnnotations())
	}
	mesh, _, _ := unstructured.NestedString(find(t, s.Objects, "ConfigMap istio-system/istio").Object, "data", "mesh")
	if mesh != "accessLogFile: /dev/stdout\nenableAutoMtls: false\n" {
		t.Errorf("mesh %q", mesh)
	}
	for name, want := range map[string]string{"Deployment auth/dex": "1", "Deployment oauth2-proxy/oauth2-proxy": "2"} {
		replicas, _, _ := unstructured.NestedFieldNoCopy(find(t, s.Objects, name).Object, "spec", "replicas")
		if data, _ := (&unstructured.Unstructured{Object: map[string]any{"kind": "x", "replicas": replicas}}).MarshalJSON(); !strings.Contains(string(data), `"replicas":`+want) {
			t.Errorf("%s: %s", name, data)
		}
	}
	for _, o := range s.Objects {
		if o.GetName() == "new" && len(o.GetAnnotations()) != 0 {
			t.Errorf("%s is changed", objects.Name(o))
		}
	}
}

func TestTheLastOfTwoCounts(t *testing.T) {
	const text = "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: b}, data: {number: '%'}}"
	s := load(t, fstest.MapFS{
		"1.yaml": {Data: []byte(strings.Replace(text, "%", "1", 1))},
		"2.yml":  {Data: []byte(strings.Replace(text, "%", "2", 1))},
	})
	if got, _, _ := unstructured.NestedString(s.Objects[0].Object, "data", "number"); len(s.Objects) != 1 || got != "2" {
		t.Errorf("%d objects, number is %q", len(s.Objects), got)
	}
	if lines := s.Notes.Lines(); len(lines) != 1 || !strings.Contains(lines[0], "ConfigMap b/a") {
		t.Errorf("notes %q", lines)
	}
}

func TestKeep(t *testing.T) {
	kinds := objects.Kinds{}
	kinds.Define(crd("Knative", "Namespaced"))
	kinds.Define(crd("Profile", "Cluster"))
	s := load(t, fstest.MapFS{"a.yaml": {Data: []byte(`
{apiVersion: x.org/v1, kind: Knative, metadata: {name: a}}
---
{apiVersion: x.org/v1, kind: Profile, metadata: {name: b}}
---
{apiVersion: x.org/v2, kind: Profile, metadata: {name: c}}
---
{apiVersion: y.org/v1, kind: Certificate, metadata: {name: d}}
`)}})
	kept := s.Notes.Keep(s.Objects, kinds)
	if len(kept) != 2 || kept[0].GetNamespace() != "default" || kept[1].GetNamespace() != "" {
		t.Errorf("kept %v", kept)
	}
	if lines := s.Notes.Lines(); len(lines) != 2 || !strings.Contains(lines[1], "no CRD defines Certificate y.org/v1: Certificate d") {
		t.Errorf("notes %q", lines)
	}
}

func crd(kind, scope string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{
		"group": "x.org", "scope": scope, "names": map[string]any{"kind": kind, "plural": strings.ToLower(kind) + "s"},
		"versions": []any{map[string]any{"name": "v1", "served": true}},
	}}}
}

func TestNotesNameSomeAndCountTheRest(t *testing.T) {
	var n Notes
	for _, name := range []string{"f", "e", "d", "c", "b", "a"} {
		n.Add("left out", &unstructured.Unstructured{Object: map[string]any{"kind": "Job", "metadata": map[string]any{"name": name}}})
	}
	if got := n.Lines(); !slices.Equal(got, []string{"left out: Job a, Job b, Job c, Job d and 2 more"}) {
		t.Errorf("lines %q", got)
	}
}

func TestLoadRefuses(t *testing.T) {
	for name, files := range map[string]fs.FS{
		"nothing":  fstest.MapFS{"README.md": {Data: []byte("x")}},
		"no YAML":  fstest.MapFS{"a.yaml": {Data: []byte("{")}},
		"unnamed":  fstest.MapFS{"a.yaml": {Data: []byte("{apiVersion: v1, kind: Secret}")}},
		"no place": os.DirFS("/nowhere/at/all"),
	} {
		if _, err := Load(files); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

func TestGrant(t *testing.T) {
	const role = "{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: '%'}, rules: [{verbs: [get]}]}"
	named := func(name string) []byte { return []byte(strings.Replace(role, "%", name, 1)) }
	s := load(t, fstest.MapFS{"a.yaml": {Data: named("istiod-clusterrole-istio-system")}, "b.yaml": {Data: named("dex")}})
	newer := load(t, fstest.MapFS{"a.yaml": {Data: named("istiod-clusterrole-istio-system")}, "b.yaml": {Data: named("dex")}})
	s.Grant(newer.Objects)
	for name, want := range map[string]int{"ClusterRole istiod-clusterrole-istio-system": 2, "ClusterRole dex": 1} {
		rules, _, _ := unstructured.NestedSlice(find(t, s.Objects, name).Object, "rules")
		if len(rules) != want {
			t.Errorf("%s has %d rules, want %d", name, len(rules), want)
		}
	}
}
