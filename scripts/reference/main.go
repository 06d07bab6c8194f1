// Command reference writes about the commands, from the commands themselves:
//
//	go run ./scripts/reference                Markdown pages into docs/reference, man page into docs/man
//	go run ./scripts/reference -package DIR   completion scripts and man page as packages carry them
//
// It must be started in the root of the repository, as make does.
package main

import (
	"bytes"
	"compress/gzip"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/kftls/kubectl-kftls/pkg/cmd"
)

func main() {
	folder := flag.String("package", "", "write what packages carry into this folder")
	flag.Parse()
	var (
		files map[string][]byte
		err   error
	)
	if *folder != "" {
		files, err = packaged(cmd.Tree())
	} else {
		*folder, files = "docs", pages(cmd.Tree())
	}
	if err == nil {
		err = write(*folder, files)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "reference:", err)
		os.Exit(1)
	}
}

// pages are the files below docs: a page for each command, one for the options
// that all have, an index, and the man page.
func pages(root *cobra.Command) map[string][]byte {
	files := map[string][]byte{
		"reference/README.md":  indexPage(root),
		"reference/options.md": optionsPage(root),
		"man/kubectl-kftls.1":  manPage(root),
	}
	for _, c := range shown(root) {
		files["reference/"+c.Name()+".md"] = commandPage(c)
	}
	return files
}

// packaged are the files of archives and packages.
func packaged(root *cobra.Command) (map[string][]byte, error) {
	page := manPage(root)
	var small bytes.Buffer
	w, err := gzip.NewWriterLevel(&small, gzip.BestCompression) // without a time in it
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(page); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	files := map[string][]byte{
		"man/kubectl-kftls.1":               page,
		"man-compressed/kubectl-kftls.1.gz": small.Bytes(),
	}
	for name, generate := range map[string]func(io.Writer) error{
		"completions/kubectl-kftls.bash": func(w io.Writer) error { return root.GenBashCompletionV2(w, true) },
		"completions/_kubectl-kftls":     root.GenZshCompletion,
		"completions/kubectl-kftls.fish": func(w io.Writer) error { return root.GenFishCompletion(w, true) },
		"completions/kubectl-kftls.ps1":  root.GenPowerShellCompletionWithDesc,
	} {
		var script bytes.Buffer
		if err := generate(&script); err != nil {
			return nil, fmt.Errorf("generate %s: %w", name, err)
		}
		files[name] = script.Bytes()
	}
	return files, nil
}

// shown are the commands that help shows.
func shown(root *cobra.Command) []*cobra.Command {
	var visible []*cobra.Command
	for _, c := range root.Commands() {
		if c.IsAvailableCommand() {
			visible = append(visible, c)
		}
	}
	return visible
}

// write makes folders hold these files and, where it writes, no others.
func write(root string, files map[string][]byte) error {
	folders := map[string]bool{}
	for name := range files {
		folders[filepath.Dir(filepath.Join(root, name))] = true
	}
	for folder := range folders {
		old, err := os.ReadDir(folder)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		for _, entry := range old {
			if err := os.Remove(filepath.Join(folder, entry.Name())); err != nil {
				return err
			}
		}
		if err := os.MkdirAll(folder, 0o755); err != nil { //nolint:gosec // pages are for everybody
			return err
		}
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(root, name), content, 0o644); err != nil { //nolint:gosec // as above
			return err
		}
	}
	return nil
}
