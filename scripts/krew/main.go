// Command krew fills plugin.yaml, the template of the manifest for krew, with
// the version, names and digests of the archives that goreleaser made:
//
//	go run ./scripts/krew DIST
//
// writes DIST/kftls.yaml, unless it breaks a rule of krew or of the reviewers
// of krew's index. It must be started in the root of the repository, as
// scripts/release.sh does.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "krew:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return errors.New("usage: krew DIST")
	}
	dist := args[0]
	template, err := os.ReadFile("plugin.yaml")
	if err != nil {
		return err
	}
	tag, err := releasedTag(dist)
	if err != nil {
		return err
	}
	text, err := fill(string(template), tag, func(name string) (string, error) {
		return digest(filepath.Join(dist, name))
	})
	if err != nil {
		return fmt.Errorf("fill plugin.yaml: %w", err)
	}
	if err := check(text, func(name string) ([]string, error) {
		return listArchive(filepath.Join(dist, name))
	}); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dist, manifestName), text, 0o644) //nolint:gosec // it is published
}

// manifestName follows from the plugin's name: krew wants it so.
const manifestName = "kftls.yaml"

// releasedTag is the tag of a release, or what it would be of a snapshot.
func releasedTag(dist string) (string, error) {
	text, err := os.ReadFile(filepath.Join(dist, "metadata.json"))
	if err != nil {
		return "", err
	}
	var metadata struct{ Version string }
	if err := json.Unmarshal(text, &metadata); err != nil {
		return "", fmt.Errorf("read what goreleaser says of the release: %w", err)
	}
	return "v" + metadata.Version, nil
}
