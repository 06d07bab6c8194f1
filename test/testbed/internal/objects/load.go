// Package objects reads, writes and restores the cluster's objects.
package objects

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"text/template"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	yamlreader "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"github.com/kftls/kubectl-kftls/test/testbed/profiles"
)

// AddedLabel is on objects that the testbed adds to Kubeflow's.
const AddedLabel = "testbed.kftls.github.io/added"

// Load reads all objects from the YAML files (*.yaml) of one folder.
func Load(files fs.FS, dir string) ([]*unstructured.Unstructured, error) {
	return load(files, dir, func(_ string, data []byte) ([]byte, error) { return data, nil })
}

// Render reads all objects from the YAML files of one folder, which are
// text/template templates, filled with values. An unknown value is an error.
func Render(files fs.FS, dir string, values any) ([]*unstructured.Unstructured, error) {
	return load(files, dir, func(name string, data []byte) ([]byte, error) {
		parsed, err := template.New(name).Option("missingkey=error").Parse(string(data))
		if err != nil {
			return nil, err
		}
		var out bytes.Buffer
		err = parsed.Execute(&out, values)
		return out.Bytes(), err
	})
}

func load(files fs.FS, dir string, fill func(name string, data []byte) ([]byte, error)) ([]*unstructured.Unstructured, error) {
	names, err := fs.Glob(files, path.Join(dir, "*.yaml"))
	if err != nil {
		return nil, fmt.Errorf("list the objects in %s: %w", dir, err)
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("no YAML files in %s", dir)
	}
	var all []*unstructured.Unstructured
	for _, name := range names {
		data, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, fmt.Errorf("read the objects: %w", err)
		}
		if data, err = fill(name, data); err != nil {
			return nil, fmt.Errorf("fill in %s: %w", name, err)
		}
		objects, err := Parse(data)
		if err != nil {
			return nil, fmt.Errorf("read the objects in %s: %w", name, err)
		}
		all = append(all, objects...)
	}
	return all, nil
}

// Parse reads YAML documents, one object each. Empty documents are left out.
func Parse(data []byte) ([]*unstructured.Unstructured, error) {
	var all []*unstructured.Unstructured
	reader := yamlreader.NewYAMLReader(bufio.NewReader(bytes.NewReader(data)))
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		content := map[string]any{}
		if err := yaml.Unmarshal(document, &content); err != nil {
			return nil, err
		}
		if len(content) == 0 {
			continue
		}
		object := &unstructured.Unstructured{Object: content}
		if object.GetAPIVersion() == "" || object.GetKind() == "" || object.GetName() == "" && !object.IsList() {
			return nil, fmt.Errorf("an object lacks apiVersion, kind or name: %.80s", document)
		}
		all = append(all, object)
	}
}

// Name is how messages name an object: Kind namespace/name.
func Name(o *unstructured.Unstructured) string {
	if o.GetNamespace() == "" {
		return o.GetKind() + " " + o.GetName()
	}
	return o.GetKind() + " " + o.GetNamespace() + "/" + o.GetName()
}

// Differences are the reasons that objects give for not being as Kubeflow's.
func Differences(objects []*unstructured.Unstructured) []string {
	var all []string
	for _, o := range objects {
		if why := o.GetAnnotations()[profiles.DifferenceAnnotation]; why != "" {
			all = append(all, Name(o)+": "+why)
		}
	}
	return all
}
