package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// event is a line of `go test -json` (go doc test2json; go help buildjson).
type event struct {
	Action      string
	Package     string
	ImportPath  string
	Test        string
	Output      string
	Elapsed     float64
	FailedBuild string
}

// testRun collects the events of one `go test -json`.
type testRun struct {
	actions map[testName]string
	outputs map[testName][]string
}

type testName struct{ pkg, test string }

func newTestRun() *testRun {
	return &testRun{actions: map[testName]string{}, outputs: map[testName][]string{}}
}

// goTest runs each `go test -json` beside the others, and counts their tests.
func (r *recorder) goTest(ctx context.Context, commands ...command) {
	var (
		runs   = make([]*testRun, len(commands))
		errs   = make([]error, len(commands))
		one    sync.Mutex // line at a time
		beside sync.WaitGroup
	)
	for i, c := range commands {
		runs[i] = newTestRun()
		lines := &lineWriter{line: func(line string) {
			one.Lock()
			defer one.Unlock()
			runs[i].take(r, line)
		}}
		beside.Go(func() {
			errs[i] = r.exec(ctx, c, lines)
			lines.flush()
		})
	}
	beside.Wait()
	for i, c := range commands {
		failedBefore := r.tally.failures()
		runs[i].count(r)
		if errs[i] != nil && r.tally.failures() == failedBefore {
			r.fail(strings.Join(c.args, " "), errs[i].Error())
		}
	}
}

// take reads one line, which may be something else than an event: what a
// program prints before go test can wrap it.
func (t *testRun) take(r *recorder, line string) {
	var e event
	if json.Unmarshal([]byte(line), &e) != nil || e.Action == "" {
		fmt.Fprintln(r.out, line)
		return
	}
	name := testName{e.Package, e.Test}
	switch e.Action {
	case "build-output":
		fmt.Fprint(r.out, e.Output)
	case "output":
		fmt.Fprint(r.log, e.Output)
		t.outputs[name] = append(t.outputs[name], e.Output)
	case "pass", "fail", "skip":
		t.actions[name] = e.Action
		t.tell(r, e)
	}
}

// slow is from how many seconds on a test is told while the run goes on.
const slow = 1.0

// tell prints what became of packages, of tests that failed and of slow ones.
func (t *testRun) tell(r *recorder, e event) {
	switch {
	case e.Test == "":
		fmt.Fprintf(r.out, "%-5s %s (%.1fs)\n", verdict[e.Action], e.Package, e.Elapsed)
		if e.Action == "fail" { // what no test says: a goroutine that was left, a panic
			fmt.Fprint(r.out, strings.Join(t.outputs[testName{e.Package, ""}], ""))
		}
	case e.Action == "fail":
		fmt.Fprint(r.out, strings.Join(t.outputs[testName{e.Package, e.Test}], ""))
	case e.Elapsed >= slow:
		fmt.Fprintf(r.out, "%-5s   %s (%.1fs)\n", verdict[e.Action], e.Test, e.Elapsed)
	}
}

var verdict = map[string]string{"pass": "ok", "fail": "FAIL", "skip": "-"}

// count puts the tests into the tally. A test with subtests counts only when
// it failed by itself, and a package only when it failed without a test.
func (t *testRun) count(r *recorder) {
	t.failUnfinished()
	for _, name := range slices.SortedFunc(maps.Keys(t.actions), compareNames) {
		for _, line := range t.outputs[name] {
			r.tally.noteLine(line)
		}
		switch t.actions[name] {
		case "fail":
			if !t.below(name, "fail") {
				r.tally.fail(strings.TrimSpace(name.pkg + " " + name.test))
			}
		case "pass":
			if name.test != "" && !t.below(name, "pass", "fail", "skip") {
				r.tally.pass()
			}
		case "skip":
			if name.test != "" && !t.below(name, "pass", "fail", "skip") {
				t.skip(r, name)
			}
		}
	}
}

// failUnfinished fails tests that began to print and never ended: their program
// was killed or gave up.
func (t *testRun) failUnfinished() {
	for name := range t.outputs {
		if _, ended := t.actions[name]; !ended && name.test != "" {
			t.actions[name] = "fail"
		}
	}
}

// skip counts a skipped test, unless a NOT RUN line in what it printed did.
func (t *testRun) skip(r *recorder, name testName) {
	why := "it says no reason"
	for _, line := range t.outputs[name] {
		if notRunLine.MatchString(line) {
			return
		}
		if text := strings.TrimSpace(line); text != "" && !strings.HasPrefix(text, "===") && !strings.HasPrefix(text, "---") {
			why = text
		}
	}
	r.tally.noteLine("NOT RUN " + name.test + ": " + why)
}

// below reports whether a test below name ended in one of these ways; below a
// package are its tests.
func (t *testRun) below(name testName, actions ...string) bool {
	for other, action := range t.actions {
		if other.isBelow(name) && slices.Contains(actions, action) {
			return true
		}
	}
	return false
}

func (n testName) isBelow(parent testName) bool {
	if n.pkg != parent.pkg || n.test == "" || n == parent {
		return false
	}
	return parent.test == "" || strings.HasPrefix(n.test, parent.test+"/")
}

func compareNames(a, b testName) int {
	if a.pkg != b.pkg {
		return strings.Compare(a.pkg, b.pkg)
	}
	return strings.Compare(a.test, b.test)
}
