package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
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
			for _, pkg := range fuzzed(ctx, module) {
				names, err := fuzzNames(ctx, module, pkg)
				if err != nil {
					together.Lock()
					r.fail("list the fuzz targets of "+pkg, err.Error())
					together.Unlock()
				}
				for _, name := range names {
					targets <- fuzzTarget{module, pkg, name}
				}
			}
		}
		close(targets)
		workers.Wait()
	}
}

// run fuzzes, and tells of it when it is done, in one piece.
func (f fuzzTarget) run(ctx context.Context, r *recorder, while time.Duration, together *sync.Mutex) {
	var said bytes.Buffer
	quiet := &recorder{step: r.step, out: &said, log: &said, tally: &tally{}}
	quiet.command(ctx, fmt.Sprintf("fuzz %s %s", f.pkg, f.name), in(f.module, "go", "test", "-run", "^$",
		"-fuzz", "^"+f.name+"$", "-fuzztime", while.String(), "-parallel", "1", f.pkg))
	together.Lock()
	defer together.Unlock()
	_, _ = said.WriteTo(r.out) // as with every other line
	r.tally.add(quiet.tally)
}

// fuzzed are the packages with fuzz targets. Others need not be compiled to be
// asked for theirs.
func fuzzed(ctx context.Context, module string) []string {
	const form = "{{.ImportPath}}{{range .TestGoFiles}} {{$.Dir}}/{{.}}{{end}}{{range .XTestGoFiles}} {{$.Dir}}/{{.}}{{end}}"
	list := exec.CommandContext(ctx, "go", "list", "-f", form, "./...")
	list.Dir = module
	out, err := list.Output()
	if err != nil {
		return nil // unit says better what is wrong
	}
	var found []string
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		if slices.ContainsFunc(fields[1:], hasFuzzTarget) {
			found = append(found, fields[0])
		}
	}
	return found
}

func hasFuzzTarget(file string) bool {
	text, err := os.ReadFile(file)
	return err == nil && bytes.Contains(text, []byte("\nfunc Fuzz"))
}

func fuzzNames(ctx context.Context, module, pkg string) ([]string, error) {
	list := exec.CommandContext(ctx, "go", "test", "-list", "^Fuzz", pkg)
	list.Dir = module
	out, err := list.Output()
	if err != nil {
		return nil, err
	}
	var names []string
	for line := range strings.Lines(string(out)) {
		if name := strings.TrimSpace(line); strings.HasPrefix(name, "Fuzz") {
			names = append(names, name)
		}
	}
	return names, nil
}
