package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"time"
)

// fuzzTarget is one fuzz target of a package of a module.
type fuzzTarget struct{ module, pkg, name string }

// fuzz gives each fuzz target a while of new input, as many at once as there
// are processors, one worker each; their corpora are part of unit.
func fuzz(while time.Duration) func(context.Context, *recorder) {
	return func(ctx context.Context, r *recorder) {
		targets := make(chan fuzzTarget)
		var together sync.Mutex // of what the targets say
		var workers sync.WaitGroup
		for range runtime.NumCPU() {
			workers.Go(func() {
				for target := range targets {
					target.run(ctx, r, while, &together)
				}
			})
		}
		for _, module := range modules {
			for _, target := range fuzzTargets(ctx, module) {
				targets <- target
			}
		}
		close(targets)
		workers.Wait()
	}
}

// run fuzzes, and tells of it when it is done, in one piece.
func (f fuzzTarget) run(ctx context.Context, r *recorder, while time.Duration, together *sync.Mutex) {
	var told bytes.Buffer
	quiet := f.try(ctx, r.step, while, &told)
	for again := 0; again < 2 && endedByFuzzTime(told.String()); again++ {
		told.WriteString("      again: the end of -fuzztime was taken for a failure, https://go.dev/issue/75804\n")
		var next bytes.Buffer
		quiet = f.try(ctx, r.step, while, &next)
		together.Lock()
		_, _ = told.WriteTo(r.out) // as with every other line
		together.Unlock()
		told = next
	}
	together.Lock()
	defer together.Unlock()
	_, _ = told.WriteTo(r.out)
	r.tally.add(quiet.tally)
}

func (f fuzzTarget) try(ctx context.Context, step string, while time.Duration, told *bytes.Buffer) *recorder {
	quiet := &recorder{step: step, out: told, log: told, tally: &tally{}}
	quiet.command(ctx, fmt.Sprintf("fuzz %s %s", f.pkg, f.name), in(f.module, "go", "test", "-run", "^$",
		"-fuzz", "^"+f.name+"$", "-fuzztime", while.String(), "-parallel", "1", f.pkg))
	return quiet
}

// endedByFuzzTime tells from what `go test -fuzz` printed whether it failed
// although no input did: before Go 1.27, on a busy machine, its own end of time
// can be what fails (https://go.dev/issue/75804).
func endedByFuzzTime(printed string) bool {
	_, after, failed := strings.Cut(printed, "\n--- FAIL: ")
	_, after, _ = strings.Cut(after, "\n")
	return failed && strings.HasPrefix(after, "    context deadline exceeded\nFAIL\n")
}

// fuzzTargets are read from the files of a module's tests: to ask the tests
// themselves would compile all of them.
func fuzzTargets(ctx context.Context, module string) []fuzzTarget {
	const form = "{{.ImportPath}}{{range .TestGoFiles}} {{$.Dir}}/{{.}}{{end}}{{range .XTestGoFiles}} {{$.Dir}}/{{.}}{{end}}"
	list := exec.CommandContext(ctx, "go", "list", "-f", form, "./...")
	list.Dir = module
	out, err := list.Output()
	if err != nil {
		return nil // unit says better what is wrong
	}
	var found []fuzzTarget
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		for _, file := range fields[1:] {
			for _, name := range fuzzNames(file) {
				found = append(found, fuzzTarget{module, fields[0], name})
			}
		}
	}
	return found
}

var fuzzFunction = regexp.MustCompile(`(?m)^func (Fuzz\w+)\(`)

func fuzzNames(file string) []string {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil // unit says better what is wrong
	}
	var names []string
	for _, match := range fuzzFunction.FindAllSubmatch(text, -1) {
		names = append(names, string(match[1]))
	}
	return names
}
