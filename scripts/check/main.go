// Command check runs the checks of this repository and counts them.
//
//	go run ./scripts/check test        all that CI runs
//	go run ./scripts/check lint e2e    some of it
//
// What is printed goes to bin/check/STEP.log too. The last line is
// "N passed, M failed, K skipped": tests (those without subtests) and other
// checks, and whatever was NOT RUN, which is named above it. A skipped test, or
// a line "NOT RUN name: why" of a test or tool, counts as skipped.
//
// It must be started in the root of the repository, as make does.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	failed, err := check(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "check:", err)
		os.Exit(2)
	}
	if failed {
		os.Exit(1)
	}
}

// check runs the named steps one after the other, each whatever became of the
// others, and reports whether one failed.
func check(ctx context.Context, names []string) (failed bool, err error) {
	chosen, err := choose(names)
	if err != nil {
		return false, err
	}
	logs := filepath.Join("bin", "check")
	if err := os.MkdirAll(logs, 0o750); err != nil {
		return false, err
	}
	total := &tally{}
	for _, s := range chosen {
		fmt.Printf("\n=== %s\n", s.name)
		began := time.Now()
		if err := s.runLogged(ctx, filepath.Join(logs, s.name+".log"), total); err != nil {
			return false, err
		}
		fmt.Printf("=== %s took %s\n", s.name, time.Since(began).Round(100*time.Millisecond))
	}
	total.print(os.Stdout)
	return total.failures() > 0, nil
}

// choose resolves names of steps and groups into steps, in their own order.
func choose(names []string) ([]step, error) {
	var wanted []string
	for _, name := range names {
		if group, ok := groups[name]; ok {
			wanted = append(wanted, group...)
		} else {
			wanted = append(wanted, name)
		}
	}
	var chosen []step
	for _, s := range steps {
		if slices.Contains(wanted, s.name) {
			chosen = append(chosen, s)
		}
		wanted = slices.DeleteFunc(wanted, func(name string) bool { return name == s.name })
	}
	if len(wanted) > 0 || len(chosen) == 0 {
		return nil, fmt.Errorf("no such step %q; there are %s", wanted, strings.Join(stepNames(), ", "))
	}
	return chosen, nil
}

func stepNames() []string {
	var all []string
	for group := range groups {
		all = append(all, group)
	}
	slices.Sort(all)
	for _, s := range steps {
		all = append(all, s.name)
	}
	return all
}
