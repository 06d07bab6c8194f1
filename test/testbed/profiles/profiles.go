// Package profiles carries the profiles inside the program: folders of plain YAML, one for each Kubeflow release whose
// front door can be started.
package profiles

import (
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

//go:embed */*.yaml
var files embed.FS

// Default is the profile that is started when none is named.
const Default = "kubeflow-26.03"

// DifferenceAnnotation is on each object that differs from Kubeflow's; its value says in what, and why.
const DifferenceAnnotation = "testbed.kftls.github.io/difference"

// Names lists the profiles, sorted.
func Names() []string {
	entries, err := files.ReadDir(".")
	if err != nil {
		return nil // an embedded root can always be read
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

// Open returns the files of a profile: NAME.yaml, each with one or more documents. The error of an unknown name lists
// those that exist.
func Open(name string) (fs.FS, error) {
	if !slices.Contains(Names(), name) {
		return nil, fmt.Errorf("open profile %q: there are %s", name, strings.Join(Names(), ", "))
	}
	return fs.Sub(files, name)
}
