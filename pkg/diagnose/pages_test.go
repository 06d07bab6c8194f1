package diagnose

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

const pagesDir = "../../docs/findings"

// layers are in the order of the road; a code begins with the digit of its layer.
var layers = []Layer{
	LayerComputer, LayerAccess, LayerObjects, LayerTunnel, LayerTLS, LayerHTTP, LayerLogin, LayerSession, LayerPipelines,
}

// byCode are all checks, sorted by their codes, and so by their layers.
func byCode() []Check {
	all := Checks()
	slices.SortFunc(all, func(a, b Check) int { return strings.Compare(a.Code, b.Code) })
	return all
}

func TestCodes(t *testing.T) {
	form := regexp.MustCompile(`^KFT[1-9][0-9][0-9]$`)
	known := map[string]bool{}
	for _, c := range byCode() {
		if !form.MatchString(c.Code) || known[c.Code] {
			t.Errorf("%s is not of its form, or is there twice", c.Code)
		}
		known[c.Code] = true
		if at := slices.Index(layers, c.Layer); c.Code != unrecognised().Code && c.Code[3] != byte('1'+at) {
			t.Errorf("%s is of the layer %q", c.Code, c.Layer)
		}
		if c.Title == "" || strings.HasSuffix(c.Title, ".") || c.Page.Means == "" || c.Page.Heals == "" || c.Look == nil || c.Severity.rank() < 0 {
			t.Errorf("%s: title, severity, page or look is missing", c.Code)
		}
		for _, s := range c.Page.Shows {
			if s.Program == "" || s.Text == "" || s.Origin == "" || strings.Contains(s.Text, "`") {
				t.Errorf("%s: a text without a program or origin, or with a backtick: %+v", c.Code, s)
			}
		}
	}
	ended := map[string]bool{}
	for _, c := range Checks() {
		for _, need := range c.Needs {
			if !known[need] || !ended[need] {
				t.Errorf("%s needs %s, which is not there or comes later", c.Code, need)
			}
		}
		ended[c.Code] = true
	}
	if all := Checks(); all[len(all)-1].Code != "KFT990" {
		t.Error("what is not recognised does not come last")
	}
}

// TestPages: docs/findings holds the page of each check, and an index.
func TestPages(t *testing.T) {
	want := map[string]string{"README.md": index()}
	for _, c := range byCode() {
		page, known := Explain(strings.ToLower(c.Code))
		if !known {
			t.Fatalf("%s has no page", c.Code)
		}
		want[c.Code+".md"] = page
	}
	if *update {
		if err := os.MkdirAll(pagesDir, 0o755); err != nil {
			t.Fatal(err)
		}
		for name, text := range want {
			if err := os.WriteFile(filepath.Join(pagesDir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, text := range want {
		got, err := os.ReadFile(filepath.Join(pagesDir, name))
		if err != nil {
			t.Errorf("%v; go test ./pkg/diagnose -update writes it", err)
			continue
		}
		if diff := cmp.Diff(string(got), text); diff != "" {
			t.Errorf("docs/findings/%s is stale (-there +new; -update writes it anew):\n%s", name, diff)
		}
	}
	entries, err := os.ReadDir(pagesDir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if want[entry.Name()] == "" {
			t.Errorf("docs/findings/%s is of no check", entry.Name())
		}
	}
	if _, known := Explain("KFT000"); known {
		t.Error("a page of no check")
	}
}

// index lists the pages by layer.
func index() string {
	var b strings.Builder
	b.WriteString("# Findings of kubectl kftls diagnose\n\n" +
		"One page for each cause that `kubectl kftls diagnose` knows; `kubectl kftls diagnose --explain CODE` prints the same. " +
		"The pages are written by `go test ./pkg/diagnose -update`, from the checks themselves.\n")
	for _, layer := range layers {
		fmt.Fprintf(&b, "\n## %s\n\n| code | cause | severity |\n|---|---|---|\n", strings.ToUpper(string(layer[:1]))+string(layer[1:]))
		for _, c := range byCode() {
			if c.Layer == layer {
				fmt.Fprintf(&b, "| [%s](%s.md) | %s | %s |\n", c.Code, c.Code, c.Title, c.Severity)
			}
		}
	}
	return b.String()
}
