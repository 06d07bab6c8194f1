// Package variants carries changes to a front door inside the program: folders of YAML, each
// with what differs from a profile. See README.md.
package variants

import (
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

//go:embed */*.yaml
var files embed.FS

// needs are variants that others stand on.
var needs = map[string][]string{
	"ldap":       {"ldap-server"},
	"connectors": {"ldap-server"},
	"federation": {"ldap-server"},
}

// Names lists the variants, sorted.
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

// Resolve lists the variants that the named ones consist of, once each, in the order in which
// they are laid over a profile. The error of an unknown name lists those that exist.
func Resolve(names []string) ([]string, error) {
	var all []string
	for _, name := range names {
		if !slices.Contains(Names(), name) {
			return nil, fmt.Errorf("there is no variant %q: there are %s", name, strings.Join(Names(), ", "))
		}
		for _, one := range append(slices.Clone(needs[name]), name) {
			if !slices.Contains(all, one) {
				all = append(all, one)
			}
		}
	}
	return all, nil
}

// Files are the files of all variants: NAME/*.yaml.
func Files() fs.FS { return files }
