package main

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// check holds a manifest against the rules of krew's validator
// (https://pkg.go.dev/sigs.k8s.io/krew/cmd/validate-krew-manifest) and those by
// which its index is reviewed (https://krew.sigs.k8s.io/docs/developer-guide/).
// list names the files in an archive. All that is wrong is told at once.
func check(text []byte, list func(archive string) ([]string, error)) error {
	m, err := readManifest(text)
	if err != nil {
		return fmt.Errorf("read the manifest: %w", err)
	}
	var wrong []error
	rule := func(kept bool, form string, values ...any) {
		if !kept {
			wrong = append(wrong, fmt.Errorf("the manifest breaks a rule: "+form, values...))
		}
	}
	checkIdentity(m, rule)
	checkTexts(m, rule)
	checkPlatforms(m, list, rule)
	return errors.Join(wrong...)
}

// ruling reports a rule that is not kept.
type ruling func(kept bool, form string, values ...any)

var (
	kebab = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)
	// https://semver.org/#is-there-a-suggested-regular-expression-regex-to-check-a-semver-string
	// behind a v, and without build metadata.
	semver = regexp.MustCompile(`^v(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)` +
		`(-(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?$`)
	sum = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

func checkIdentity(m manifest, rule ruling) {
	rule(m.APIVersion == "krew.googlecontainertools.github.com/v1alpha2", "apiVersion is %q", m.APIVersion)
	rule(m.Kind == "Plugin", "kind is %q", m.Kind)
	rule(kebab.MatchString(m.Metadata.Name), "the name %q is not lower case with hyphens", m.Metadata.Name)
	rule(m.Metadata.Name+".yaml" == manifestName, "the plugin %q lies in the file %s", m.Metadata.Name, manifestName)
	rule(semver.MatchString(m.Spec.Version), "version %q is not a semantic one with a v before it", m.Spec.Version)
	rule(strings.HasPrefix(m.Spec.Homepage, "https://"), "homepage is %q", m.Spec.Homepage)
}

// shortest and width are what the index's reviewers ask of texts.
const (
	shortest = 50
	width    = 80
)

func checkTexts(m manifest, rule ruling) {
	short := m.Spec.ShortDescription
	rule(short != "" && len(short) <= shortest, "the short description has %d characters, not 1 to %d", len(short), shortest)
	rule(!strings.ContainsAny(short, "\r\n"), "the short description has more than one line")
	rule(strings.Contains(short, "Kubeflow"), "the short description does not say what it is for: Kubeflow")
	rule(!regexp.MustCompile(`(?i)kubectl|plugin`).MatchString(short), "the short description says what every plugin is")
	rule(!strings.HasSuffix(short, "."), "the short description ends with a full stop")
	rule(strings.TrimSpace(m.Spec.Description) != "", "there is no description")
	rule(!regexp.MustCompile(`(?i)kubectl kftls|\busage\b|\B--\w|(?m)^\s*\$ `).MatchString(m.Spec.Description),
		"the description tells usage, which is the help's affair")
	for _, text := range []string{m.Spec.Description, m.Spec.Caveats} {
		for line := range strings.Lines(text) {
			rule(len(strings.TrimRight(line, "\n")) <= width, "a line is longer than %d characters: %s", width, line)
		}
	}
}

// systems and arches are what releases are made for.
var (
	systems = []string{"linux", "darwin", "windows"}
	arches  = []string{"amd64", "arm64"}
)

func checkPlatforms(m manifest, list func(string) ([]string, error), rule ruling) {
	taken := map[string]bool{}
	for i, p := range m.Spec.Platforms {
		labels := p.Selector.MatchLabels
		at := fmt.Sprintf("platform %d (%s/%s)", i, labels["os"], labels["arch"])
		rule(len(labels) == 2 && len(p.Selector.MatchExpressions) == 0 &&
			slices.Contains(systems, labels["os"]) && slices.Contains(arches, labels["arch"]), "%s: the selector matches no system that is known", at)
		key := labels["os"] + "/" + labels["arch"]
		rule(!taken[key], "%s: an earlier platform is selected there, too", at)
		taken[key] = true
		rule(strings.HasPrefix(p.URI, m.Spec.Homepage+"/releases/download/"+m.Spec.Version+"/"),
			"%s: the archive %s is none of this release", at, p.URI)
		rule(strings.Contains(path.Base(p.URI), "_"+labels["os"]+"_"+labels["arch"]+"."), "%s: the archive is %s", at, path.Base(p.URI))
		rule(sum.MatchString(p.SHA256), "%s: %q is no SHA-256", at, p.SHA256)
		checkFiles(p, at, list, rule)
	}
	rule(len(m.Spec.Platforms) == len(systems)*len(arches), "there are %d platforms", len(m.Spec.Platforms))
}

func checkFiles(p platform, at string, list func(string) ([]string, error), rule ruling) {
	want, shim := "kubectl-kftls", "kubectl_complete-kftls"
	if p.Selector.MatchLabels["os"] == "windows" {
		want, shim = want+".exe", shim+".cmd"
	}
	rule(p.Bin == want, "%s: the program is %q, not %q", at, p.Bin, want)
	there, err := list(path.Base(p.URI))
	rule(err == nil, "%s: %v", at, err)
	for _, name := range []string{"LICENSE", "README.md", shim} { // not all of it is krew's to install
		rule(slices.Contains(there, name), "%s: the archive lacks %s", at, name)
	}
	var installed []string
	for _, file := range p.Files {
		rule(file.To == ".", "%s: %s goes to %q", at, file.From, file.To)
		rule(slices.Contains(there, file.From), "%s: %q is not in the archive", at, file.From)
		installed = append(installed, file.From)
	}
	rule(slices.Contains(installed, p.Bin), "%s: the program is not installed", at)
	rule(slices.Contains(installed, "LICENSE"), "%s: the LICENSE is not installed", at)
}
