package profiles_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"

	"github.com/kftls/kubectl-kftls/test/testbed/profiles"
)

// object is a document of a profile, and where it stands.
type object struct {
	unstructured.Unstructured
	file  string
	typed runtime.Object // nil for kinds that are not Kubernetes' own
}

func (o object) String() string {
	return fmt.Sprintf("%s: %s %s/%s", o.file, o.GetKind(), o.GetNamespace(), o.GetName())
}

// profile is all objects of one.
type profile []object

// eachProfile runs test over every profile there is.
func eachProfile(t *testing.T, test func(t *testing.T, p profile)) {
	for _, name := range profiles.Names() {
		t.Run(name, func(t *testing.T) { test(t, load(t, name)) })
	}
}

// load reads all documents of a profile. A duplicate key is an error, and so is a field that Kubernetes does not know.
func load(t *testing.T, name string) profile {
	t.Helper()
	folder, err := profiles.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	files, err := fs.Glob(folder, "*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("profile %s has no files: %v", name, err)
	}
	var p profile
	for _, file := range files {
		data, err := fs.ReadFile(folder, file)
		if err != nil {
			t.Fatal(err)
		}
		documents := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(data)))
		for {
			document, err := documents.Read()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			o, err := parse(document)
			if err != nil {
				t.Fatalf("%s: %v\n%s", file, err, document)
			}
			o.file = file
			p = append(p, o)
		}
	}
	return p
}

func parse(document []byte) (object, error) {
	data, err := yaml.YAMLToJSONStrict(document)
	if err != nil {
		return object{}, err
	}
	var o object
	if err := o.UnmarshalJSON(data); err != nil {
		return object{}, err
	}
	if scheme.Scheme.Recognizes(o.GroupVersionKind()) {
		strict := serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()
		if o.typed, _, err = strict.Decode(data, nil, nil); err != nil {
			return object{}, err
		}
	}
	return o, nil
}

// kind is the objects of one kind.
func (p profile) kind(kind string) profile {
	var found profile
	for _, o := range p {
		if o.GetKind() == kind {
			found = append(found, o)
		}
	}
	return found
}

// typed is the objects of one of Kubernetes' own kinds.
func typed[T runtime.Object](p profile) []T {
	var found []T
	for _, o := range p {
		if one, ok := o.typed.(T); ok {
			found = append(found, one)
		}
	}
	return found
}

// has tells whether there is an object of that kind, namespace ("" if it has none) and name.
func (p profile) has(kind, namespace, name string) bool {
	return slices.ContainsFunc(p.kind(kind), func(o object) bool {
		return o.GetNamespace() == namespace && o.GetName() == name
	})
}

// list is the maps in the list at path.
func list(in map[string]any, path ...string) []map[string]any {
	items, _, _ := unstructured.NestedSlice(in, path...)
	var found []map[string]any
	for _, item := range items {
		if one, ok := item.(map[string]any); ok {
			found = append(found, one)
		}
	}
	return found
}

// text is the string at path, or "".
func text(in map[string]any, path ...string) string {
	found, _, _ := unstructured.NestedString(in, path...)
	return found
}

// selects tells whether the labels in selector are all among those of a pod.
func selects(selector, pod map[string]string) bool {
	return labels.SelectorFromSet(selector).Matches(labels.Set(pod))
}
