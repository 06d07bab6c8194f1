package main

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// workflow is the part of a GitHub workflow that says what it may do.
type workflow struct {
	Permissions map[string]string
	Jobs        map[string]struct{ Permissions map[string]string }
}

// mayDo are the jobs that may do more than read the repository.
var mayDo = map[string]map[string]string{
	"release.yaml/release": {"contents": "write", "id-token": "write"},
}

func TestWorkflowsMayDoLittle(t *testing.T) {
	for path, body := range workflows(t) {
		var w workflow
		if err := yaml.Unmarshal(body, &w); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if !maps.Equal(w.Permissions, map[string]string{"contents": "read"}) {
			t.Errorf("%s: permissions are %v, not to read contents alone", path, w.Permissions)
		}
		for name, job := range w.Jobs {
			if at := filepath.Base(path) + "/" + name; !maps.Equal(job.Permissions, mayDo[at]) {
				t.Errorf("%s has the permissions %v", at, job.Permissions)
			}
		}
	}
}

// TestActionsArePinned keeps the workflows from running what somebody else may
// change under a tag.
func TestActionsArePinned(t *testing.T) {
	uses := regexp.MustCompile(`(?m)uses: *(.*)$`)
	pinned := regexp.MustCompile(`^[\w-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$`)
	ours := regexp.MustCompile(`^\./\.github/workflows/\w+\.yaml$`)
	versions := map[string][]string{}
	for path, body := range workflows(t) {
		for _, use := range uses.FindAllStringSubmatch(string(body), -1) {
			if !pinned.MatchString(use[1]) && !ours.MatchString(use[1]) {
				t.Errorf("%s: %q is not pinned to a commit, with its version behind it", path, use[1])
			}
			action, _, _ := strings.Cut(use[1], "@")
			if !slices.Contains(versions[action], use[1]) {
				versions[action] = append(versions[action], use[1])
			}
		}
	}
	for action, found := range versions {
		if len(found) > 1 {
			t.Errorf("%s is used in several versions: %q", action, found)
		}
	}
}

func workflows(t *testing.T) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("..", "..", ".github", "workflows", "*.yaml"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no workflows: %v", err)
	}
	bodies := map[string][]byte{}
	for _, path := range paths {
		body, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		bodies[path] = body
	}
	return bodies
}
