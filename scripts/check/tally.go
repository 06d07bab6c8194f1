package main

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

// notRunLine is how a test or a tool says that it could not do something here.
var notRunLine = regexp.MustCompile(`NOT RUN ([^:\n]+): (.+)`)

// tally counts checks over all steps.
type tally struct {
	passed  int
	failed  []string
	skipped []string // "NOT RUN name: why", each once
}

func (t *tally) pass()            { t.passed++ }
func (t *tally) fail(name string) { t.failed = append(t.failed, name) }
func (t *tally) failures() int    { return len(t.failed) }

// add counts what another one counted.
func (t *tally) add(other *tally) {
	t.passed += other.passed
	t.failed = append(t.failed, other.failed...)
	for _, line := range other.skipped {
		t.noteLine(line)
	}
}

// noteLine counts a line that says NOT RUN, once, whoever repeats it.
func (t *tally) noteLine(line string) {
	found := notRunLine.FindStringSubmatch(line)
	if found == nil {
		return
	}
	text := fmt.Sprintf("NOT RUN %s: %s", found[1], strings.TrimSpace(found[2]))
	if !slices.Contains(t.skipped, text) {
		t.skipped = append(t.skipped, text)
	}
}

// print ends a run: what failed, what was not run, and the line of numbers.
func (t *tally) print(w io.Writer) {
	fmt.Fprintln(w)
	for _, name := range t.failed {
		fmt.Fprintf(w, "FAILED %s\n", name)
	}
	for _, line := range t.skipped {
		fmt.Fprintln(w, line)
	}
	fmt.Fprintf(w, "%d passed, %d failed, %d skipped\n", t.passed, len(t.failed), len(t.skipped))
}
