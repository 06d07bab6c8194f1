package faults

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The data is read whole, with unknown fields refused, and names are unique.
func TestAll(t *testing.T) {
	all, err := All()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, fault := range all {
		if seen[fault.Name] {
			t.Errorf("%s is there twice", fault.Name)
		}
		seen[fault.Name] = true
		if fault.Code != "" && fault.Judge.Broken.Says == "" && fault.Judge.Broken.Exit == nil {
			t.Errorf("%s: nothing says that the client is broken", fault.Name)
		}
	}
	if len(all) < 60 {
		t.Errorf("only %d faults", len(all))
	}
}

// Each certificate of a fault can be made.
func TestCertificates(t *testing.T) {
	all, err := All()
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range all {
		folder := t.TempDir()
		for _, step := range append(fault.Make, fault.Heals...) {
			if step.Certificate == nil {
				continue
			}
			if err := step.Certificate.Write(folder); err != nil {
				t.Errorf("%s: %v", fault.Name, err)
			}
			for _, name := range []string{"tls.crt", "tls.key", "ca.crt"} {
				if info, err := os.Stat(filepath.Join(folder, name)); err != nil || info.Size() == 0 {
					t.Errorf("%s: %s was not written (%v)", fault.Name, name, err)
				}
			}
		}
	}
}

// The list of known misses can be read, and names faults that are there.
func TestMisses(t *testing.T) {
	all, err := All()
	if err != nil {
		t.Fatal(err)
	}
	misses, err := Misses()
	if err != nil {
		t.Fatal(err)
	}
	for _, miss := range misses {
		known := strings.HasPrefix(miss.Fault, "mutated ") || slices.ContainsFunc(all, func(f Fault) bool { return f.Name == miss.Fault })
		if !known {
			t.Errorf("there is no fault %s", miss.Fault)
		}
		if !slices.Contains([]string{"admin", "view only", "no cluster"}, miss.Rights) || miss.Found != "none" && !codeForm.MatchString(miss.Found) {
			t.Errorf("%v is not FAULT, RIGHTS, CODE", miss)
		}
	}
}

// unmade are findings that no fault has first or noticed, and why.
var unmade = map[string]string{
	"KFT990": "what is recognised is not made; it stands for what no check knows",
}

// Each page of docs/findings has a fault, or a word why not.
func TestEveryFindingIsMade(t *testing.T) {
	pages, err := filepath.Glob("../../docs/findings/KFT*.md")
	if err != nil || len(pages) == 0 {
		t.Fatalf("no pages: %v", err)
	}
	all, err := All()
	if err != nil {
		t.Fatal(err)
	}
	made := map[string]bool{}
	for _, fault := range all {
		for _, code := range append([]string{fault.Code}, fault.Also...) {
			made[code] = true
		}
		for code := range fault.Notices {
			made[code] = true
		}
	}
	for _, page := range pages {
		code := strings.TrimSuffix(filepath.Base(page), ".md")
		_, excused := unmade[code]
		if made[code] == excused {
			t.Errorf("%s: made is %t, excused is %t", code, made[code], excused)
		}
	}
}
