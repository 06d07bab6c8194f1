package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"sigs.k8s.io/yaml"
)

// krewManifest is the part of plugin.yaml that must agree with what a release
// publishes.
type krewManifest struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name string `json:"name"`
	} `json:"metadata"`
	Spec struct {
		Version          string         `json:"version"`
		Homepage         string         `json:"homepage"`
		ShortDescription string         `json:"shortDescription"`
		Description      string         `json:"description"`
		Caveats          string         `json:"caveats"`
		Platforms        []krewPlatform `json:"platforms"`
	} `json:"spec"`
}

type krewPlatform struct {
	Selector struct {
		MatchLabels map[string]string `json:"matchLabels"`
	} `json:"selector"`
	URI    string              `json:"uri"`
	SHA256 string              `json:"sha256"`
	Files  []map[string]string `json:"files"`
	Bin    string              `json:"bin"`
}

func readYAML(t *testing.T, name string, into any, options ...yaml.JSONOpt) {
	t.Helper()
	body, err := os.ReadFile(filepath.Join("..", "..", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(body, into, options...); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

func TestKrewManifestAgreesWithTheRelease(t *testing.T) {
	var manifest krewManifest
	readYAML(t, "plugin.yaml", &manifest, yaml.DisallowUnknownFields)
	var release struct {
		ProjectName string `json:"project_name"`
		Builds      []struct {
			Binary       string
			Goos, Goarch []string
		}
		Archives []struct {
			NameTemplate string `json:"name_template"`
			Files        []string
		}
	}
	readYAML(t, ".goreleaser.yaml", &release)

	if manifest.APIVersion != "krew.googlecontainertools.github.com/v1alpha2" || manifest.Kind != "Plugin" || manifest.Metadata.Name != "kftls" {
		t.Errorf("it is a %s of %s named %s", manifest.Kind, manifest.APIVersion, manifest.Metadata.Name)
	}
	version := manifest.Spec.Version
	if !regexp.MustCompile(`^v\d+\.\d+\.\d+`).MatchString(version) {
		t.Errorf("version %q is not semantic", version)
	}
	if text := manifest.Spec.ShortDescription; text == "" || len(text) > 50 {
		t.Errorf("the short description has %d characters; krew wants 1 to 50", len(text))
	}
	if got := release.Archives[0].NameTemplate; got != "{{ .ProjectName }}_{{ .Tag }}_{{ .Os }}_{{ .Arch }}" {
		t.Fatalf("archives are named %s; the manifest's addresses follow another form", got)
	}
	var want, got []string
	for _, system := range release.Builds[0].Goos {
		for _, arch := range release.Builds[0].Goarch {
			binary, ending := release.Builds[0].Binary, "tar.gz"
			if system == "windows" {
				binary, ending = binary+".exe", "zip"
			}
			want = append(want, fmt.Sprintf("%s %s %s/releases/download/%s/%s_%s_%s_%s.%s %s", system, arch,
				manifest.Spec.Homepage, version, release.ProjectName, version, system, arch, ending, binary))
		}
	}
	for _, platform := range manifest.Spec.Platforms {
		labels := platform.Selector.MatchLabels
		got = append(got, fmt.Sprintf("%s %s %s %s", labels["os"], labels["arch"], platform.URI, platform.Bin))
		if !regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(platform.SHA256) {
			t.Errorf("%v: %q is not a SHA-256", labels, platform.SHA256)
		}
		for _, file := range platform.Files {
			if from := file["from"]; from != platform.Bin && !slices.Contains(release.Archives[0].Files, from) {
				t.Errorf("%v: %s is not in the archive", labels, from)
			}
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("platforms:\n%q\nthe release makes\n%q", got, want)
	}
}

// TestActionsArePinned keeps the workflows from running what somebody else may
// change under a tag.
func TestActionsArePinned(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join("..", "..", ".github", "workflows", "*.yaml"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no workflows: %v", err)
	}
	uses := regexp.MustCompile(`(?m)uses: *(\S+)(.*)$`)
	pinned := regexp.MustCompile(`^[\w-]+/[\w./-]+@[0-9a-f]{40}$`)
	for _, path := range paths {
		body, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var workflow struct {
			Permissions map[string]string `json:"permissions"`
		}
		if err := yaml.Unmarshal(body, &workflow); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if len(workflow.Permissions) != 1 || workflow.Permissions["contents"] != "read" {
			t.Errorf("%s: permissions are %v, not to read contents alone", path, workflow.Permissions)
		}
		for _, use := range uses.FindAllStringSubmatch(string(body), -1) {
			if !pinned.MatchString(use[1]) {
				t.Errorf("%s: %s is not pinned to a commit", path, use[1])
			}
		}
	}
}
