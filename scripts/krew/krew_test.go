package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

const someSum = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// filled is the repository's template, filled for a release.
func filled(t *testing.T) (text string, archives []string) {
	t.Helper()
	template, err := os.ReadFile(filepath.Join("..", "..", "plugin.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	body, err := fill(string(template), "v0.1.0", func(name string) (string, error) {
		archives = append(archives, name)
		return someSum, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(body), archives
}

func listed(archive string) ([]string, error) {
	if strings.HasSuffix(archive, ".zip") {
		return []string{"LICENSE", "README.md", "kubectl_complete-kftls.cmd", "kubectl-kftls.exe"}, nil
	}
	return []string{"LICENSE", "README.md", "kubectl_complete-kftls", "kubectl-kftls"}, nil
}

func TestTheFilledTemplateKeepsAllRules(t *testing.T) {
	text, _ := filled(t)
	if err := check([]byte(text), listed); err != nil {
		t.Errorf("%v in\n%s", err, text)
	}
	if strings.HasPrefix(text, "\n") || strings.Contains(text, "{{") {
		t.Errorf("something of the template is left:\n%s", text)
	}
}

func TestTheTemplateNamesTheArchivesOfTheRelease(t *testing.T) {
	body, err := os.ReadFile(filepath.Join("..", "..", ".goreleaser.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var release struct {
		ProjectName string `json:"project_name"`
		Builds      []struct{ Goos, Goarch []string }
		Archives    []struct {
			NameTemplate string `json:"name_template"`
		}
	}
	if err := yaml.Unmarshal(body, &release); err != nil {
		t.Fatal(err)
	}
	if form := release.Archives[0].NameTemplate; form != "{{ .ProjectName }}_v{{ .Version }}_{{ .Os }}_{{ .Arch }}" {
		t.Fatalf("archives are named %s; the manifest's addresses follow another form", form)
	}
	var want []string
	for _, system := range release.Builds[0].Goos {
		for _, arch := range release.Builds[0].Goarch {
			ending := map[bool]string{true: "zip", false: "tar.gz"}[system == "windows"]
			want = append(want, fmt.Sprintf("%s_v0.1.0_%s_%s.%s", release.ProjectName, system, arch, ending))
		}
	}
	if _, got := filled(t); !slices.Equal(got, want) {
		t.Errorf("the manifest names\n%q\nthe release makes\n%q", got, want)
	}
}

func TestEachRuleIsMissedWhenItIsBroken(t *testing.T) {
	text, _ := filled(t)
	for _, broken := range []struct{ from, to, says string }{
		{"v1alpha2", "v1alpha1", "apiVersion is"},
		{"kind: Plugin", "kind: Plugins", "kind is"},
		{"name: kftls", "name: kfTLS", "not lower case"},
		{"name: kftls", "name: kf-tls", "lies in the file"},
		{"version: v0.1.0", "version: 0.1.0", "not a semantic one"},
		{"version: v0.1.0", "version: v0.1", "not a semantic one"},
		{"version: v0.1.0", "version: v0.2.0", "none of this release"},
		{"homepage: https", "homepage: http", "homepage is"},
		{"for Kubeflow\n", "for Kubeflow, and for whoever else wants to have it\n", "not 1 to 50"},
		{"HTTPS, login and diagnosis for Kubeflow", `"HTTPS\nfor Kubeflow"`, "more than one line"},
		{"diagnosis for Kubeflow", "diagnosis", "what it is for"},
		{"HTTPS, login", "Plugin for HTTPS, login", "what every plugin is"},
		{"diagnosis for Kubeflow\n", "diagnosis for Kubeflow.\n", "full stop"},
		{"    Puts HTTPS", "    Usage: kubectl kftls setup\n    Puts HTTPS", "tells usage"},
		{"    Puts HTTPS", "    Puts with all the words that are needed for a line of more than eighty characters HTTPS", "longer than 80"},
		{"arch: arm64", "arch: amd64", "selected there, too"},
		{"os: linux", "os: plan9", "no system that is known"},
		{"arch: amd64", "cpu: amd64", "no system that is known"},
		{"_linux_amd64.tar.gz", "_linux_arm64.tar.gz", "the archive is"},
		{"sha256: " + someSum, "sha256: " + strings.ToUpper(someSum), "no SHA-256"},
		{"sha256: " + someSum, `sha256: ""`, "no SHA-256"},
		{"bin: kubectl-kftls\n", "bin: kftls\n", "the program is"},
		{"bin: kubectl-kftls.exe", "bin: kubectl-kftls", "the program is"},
		{"from: kubectl-kftls\n", "from: kftls\n", "not in the archive"},
		{"from: LICENSE", "from: kubectl-kftls", "LICENSE is not installed"},
		{"to: .", "to: bin", "goes to"},
		{"spec:", "specs: {}\nspec:", "unknown field"},
	} {
		if !strings.Contains(text, broken.from) {
			t.Errorf("the manifest lacks %q", broken.from)
			continue
		}
		err := check([]byte(strings.Replace(text, broken.from, broken.to, 1)), listed)
		if err == nil || !strings.Contains(err.Error(), broken.says) {
			t.Errorf("%q for %q: want %q, got %v", broken.to, broken.from, broken.says, err)
		}
	}
	lacking := func(string) ([]string, error) { return []string{"kubectl-kftls", "kubectl-kftls.exe"}, nil }
	for _, says := range []string{`"LICENSE" is not in the archive`, "lacks README.md", "lacks kubectl_complete-kftls.cmd"} {
		if err := check([]byte(text), lacking); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("with the programs alone: want %q, got %v", says, err)
		}
	}
	end := strings.LastIndex(text, "    - selector:")
	if err := check([]byte(text[:end]), listed); err == nil || !strings.Contains(err.Error(), "there are 5 platforms") {
		t.Errorf("five platforms: %v", err)
	}
}

func TestAnArchiveThatIsMissingIsNamed(t *testing.T) {
	_, err := fill(`{{addURIAndSha "https://x/{{ .TagName }}/none_{{ .TagName }}.zip" .TagName}}`, "v1.0.0", func(name string) (string, error) {
		return digest(filepath.Join(t.TempDir(), name))
	})
	if err == nil || !strings.Contains(err.Error(), "none_v1.0.0.zip") {
		t.Errorf("got %v", err)
	}
}
