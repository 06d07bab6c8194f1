//go:build e2e && linux

package e2e

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	udiff "github.com/aymanbagabas/go-udiff"
	"github.com/rogpeppe/go-internal/testscript"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/yaml"
)

// watched are the kinds of objects that stories change.
var watched = []schema.GroupVersionResource{
	{Group: "networking.istio.io", Version: "v1", Resource: "gateways"},
	{Group: "networking.istio.io", Version: "v1", Resource: "virtualservices"},
	{Group: "networking.istio.io", Version: "v1alpha3", Resource: "envoyfilters"},
	{Group: "security.istio.io", Version: "v1", Resource: "authorizationpolicies"},
	{Group: "security.istio.io", Version: "v1", Resource: "requestauthentications"},
	{Group: "admissionregistration.k8s.io", Version: "v1", Resource: "validatingwebhookconfigurations"},
	{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "roles"},
	{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "rolebindings"},
	{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "clusterroles"},
	{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "clusterrolebindings"},
	{Group: "apps", Version: "v1", Resource: "deployments"},
	{Version: "v1", Resource: "services"},
	{Version: "v1", Resource: "serviceaccounts"},
	{Version: "v1", Resource: "secrets"},
	{Version: "v1", Resource: "configmaps"},
	{Version: "v1", Resource: "namespaces"},
}

// snapshot is what a cluster holds: objects as YAML, by kind and name.
type snapshot map[string]string

// strictness says how closely snapshots are compared.
type strictness bool

const (
	// strict compares all but resourceVersion, generation, status and the times
	// of managed fields.
	strict strictness = true
	// loose also leaves out what an object has that was deleted and made again,
	// and who manages which field.
	loose strictness = false
)

func (bed *testbed) take(how strictness) (snapshot, error) {
	client, err := dynamic.NewForConfig(bed.config)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	all := snapshot{}
	for _, resource := range watched {
		list, err := client.Resource(resource).List(ctx, metav1.ListOptions{})
		if err != nil {
			return nil, fmt.Errorf("list %s: %w", resource.Resource, err)
		}
		for i := range list.Items {
			object := &list.Items[i]
			if isOwnTraffic(object) {
				continue
			}
			text, err := yaml.Marshal(normal(object, how).Object)
			if err != nil {
				return nil, err
			}
			all[object.GetKind()+" "+object.GetNamespace()+"/"+object.GetName()] = string(text)
		}
	}
	return all, nil
}

// isOwnTraffic tells objects that the testbed and istiod write all the time:
// the stamp of `testbed wait`, and what istiod elects its leaders with.
func isOwnTraffic(object *unstructured.Unstructured) bool {
	_, isElection := object.GetAnnotations()["control-plane.alpha.kubernetes.io/leader"]
	return isElection || object.GetName() == "testbed-stamp"
}

// normal takes away what changes by itself, and hides what is secret behind a
// checksum.
func normal(object *unstructured.Unstructured, how strictness) *unstructured.Unstructured {
	object = object.DeepCopy()
	object.SetResourceVersion("")
	object.SetGeneration(0)
	unstructured.RemoveNestedField(object.Object, "status")
	unstructured.RemoveNestedField(object.Object, "spec", "template", "metadata", "annotations", "kubectl.kubernetes.io/restartedAt")
	unstructured.RemoveNestedField(object.Object, "metadata", "annotations", "deployment.kubernetes.io/revision")
	fields := object.GetManagedFields()
	for i := range fields {
		fields[i].Time = nil
	}
	slices.SortFunc(fields, func(a, b metav1.ManagedFieldsEntry) int {
		return strings.Compare(a.Manager+a.Subresource+string(a.Operation), b.Manager+b.Subresource+string(b.Operation))
	})
	object.SetManagedFields(fields)
	if object.GetKind() == "Secret" {
		data, _, _ := unstructured.NestedMap(object.Object, "data")
		for key, value := range data {
			data[key] = fmt.Sprintf("sha256 %x", sha256.Sum256([]byte(fmt.Sprint(value))))
		}
		object.Object["data"] = data
	}
	if how == loose {
		object.SetManagedFields(nil)
		object.SetUID("")
		object.SetCreationTimestamp(metav1.Time{})
		unstructured.RemoveNestedField(object.Object, "spec", "clusterIP")
		unstructured.RemoveNestedField(object.Object, "spec", "clusterIPs")
		if len(object.GetAnnotations()) == 0 {
			unstructured.RemoveNestedField(object.Object, "metadata", "annotations")
		}
	}
	return object
}

// diff is empty when both are the same.
func (s snapshot) diff(now snapshot) string {
	var text strings.Builder
	names := slices.Sorted(maps.Keys(s))
	for name := range now {
		if _, known := s[name]; !known {
			names = append(names, name)
		}
	}
	for _, name := range names {
		text.WriteString(udiff.Unified("before "+name, "now "+name, s[name], now[name]))
	}
	return text.String()
}

func (bed *testbed) snapshot(t *testing.T) snapshot {
	t.Helper()
	taken, err := bed.take(loose)
	if err != nil {
		t.Fatal(err)
	}
	return taken
}

// requireShipped fails a story that has left the cluster changed. It resets the
// testbed for the next one then, and after a story that failed half-way.
func (bed *testbed) requireShipped(t *testing.T, shipped snapshot) {
	t.Helper()
	left := shipped.diff(bed.snapshot(t))
	if left != "" && !t.Failed() {
		t.Errorf("the cluster is not as it was:\n%s", left)
	}
	if left == "" && !t.Failed() {
		return
	}
	if _, err := bed.run("reset"); err != nil {
		t.Error(err)
	}
}

// objectMark begins a line that YAML does not contain.
const objectMark = "=== "

func cmdRemember(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: remember FILE")
	}
	taken, err := storyOf(ts).bed.take(strict)
	ts.Check(err)
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(taken)) {
		text.WriteString(objectMark + name + "\n" + taken[name])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text.String()), 0o600))
}

func cmdUnchanged(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: unchanged FILE")
	}
	before := snapshot{}
	for _, part := range strings.Split("\n"+ts.ReadFile(args[0]), "\n"+objectMark)[1:] {
		name, text, _ := strings.Cut(part, "\n")
		before[name] = strings.TrimSuffix(text, "\n") + "\n"
	}
	now, err := storyOf(ts).bed.take(strict)
	ts.Check(err)
	difference := before.diff(now)
	fmt.Fprint(ts.Stdout(), difference)
	if (difference == "") == neg {
		ts.Fatalf("changed: %v, want %v", difference != "", neg)
	}
}
