// Package manifests reads the rendered manifests of a Kubeflow release, and fits them to a
// machine that runs its front door alone.
package manifests

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kftls/kubectl-kftls/test/testbed/internal/objects"
)

// Set is what a folder holds, fitted.
type Set struct {
	// CRDs and Objects are what is to be applied.
	CRDs, Objects []*unstructured.Unstructured
	// Notes tell what was left out, a line each. What was changed says so itself, by
	// profiles.DifferenceAnnotation.
	Notes Notes
}

// Load reads all objects of the YAML and JSON files in a folder, at any depth.
func Load(files fs.FS) (*Set, error) {
	var all []*unstructured.Unstructured
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !slices.Contains([]string{".yaml", ".yml", ".json"}, path.Ext(name)) {
			return err
		}
		data, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		found, err := objects.Parse(data)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		for _, o := range found {
			items, err := listed(o)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			all = append(all, items...)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the manifests: %w", err)
	}
	if len(all) == 0 {
		return nil, errors.New("read the manifests: there are none: a folder of rendered YAML is wanted, as kustomize build -o DIR writes it")
	}
	return fit(all), nil
}

// listed are the items of a List, or the object itself.
func listed(o *unstructured.Unstructured) ([]*unstructured.Unstructured, error) {
	if !o.IsList() {
		return []*unstructured.Unstructured{o}, nil
	}
	list, err := o.ToList()
	if err != nil {
		return nil, err
	}
	var items []*unstructured.Unstructured
	for i := range list.Items {
		items = append(items, &list.Items[i])
	}
	return items, nil
}

// fit decides about each object: kept, changed or left out. Of two with the same name the
// last one counts, as it would in the order of kubectl apply.
func fit(all []*unstructured.Unstructured) *Set {
	s := &Set{}
	at := map[objects.Key]int{}
	var last []*unstructured.Unstructured
	for _, o := range all {
		if i, again := at[objects.KeyOf(o)]; again {
			s.Notes.Add("twice, the last one counts", o)
			last[i] = o
			continue
		}
		at[objects.KeyOf(o)] = len(last)
		last = append(last, o)
	}
	for _, o := range last {
		if why := unfit(o); why != "" {
			s.Notes.Add("left out, "+why, o)
			continue
		}
		change(o)
		if o.GetKind() == "CustomResourceDefinition" {
			s.CRDs = append(s.CRDs, o)
		} else {
			s.Objects = append(s.Objects, o)
		}
	}
	return s
}
