package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// step is one kind of check. Its limit ends what hangs.
type step struct {
	name  string
	limit time.Duration
	run   func(context.Context, *recorder)
}

// groups are names for several steps.
var groups = map[string][]string{
	"test":     {"tidy", "unit", "cross", "lint", "build", "snapshot", "testbed", "e2e", "integration", "fuzz"},
	"test-all": {"tidy", "unit-long", "cross", "lint", "build", "snapshot", "testbed", "e2e-long", "integration-long", "fuzz-long", "reproducible"},
}

// steps are all there is, the quick ones first.
var steps = []step{
	{"tidy", 5 * time.Minute, tidy},
	{"unit", 20 * time.Minute, unit("-short")},
	{"unit-long", 30 * time.Minute, unit()},
	{"cross", 20 * time.Minute, cross},
	{"lint", 20 * time.Minute, lint},
	{"build", 10 * time.Minute, build},
	{"snapshot", 20 * time.Minute, snapshot},
	{"testbed", 60 * time.Minute, testbed},
	{"e2e", 45 * time.Minute, e2e([]string{"-short", "-timeout", "43m"})},
	{"e2e-long", 3 * time.Hour, e2e([]string{"-timeout", "175m"}, "KFTLS_MUTATIONS=500", "KFTLS_INTERLEAVINGS=1000")},
	{"integration", 20 * time.Minute, integration("-short")},
	{"integration-long", 20 * time.Minute, integration()},
	{"fuzz", 25 * time.Minute, fuzz(10 * time.Second)},
	{"fuzz-long", 2 * time.Hour, fuzz(time.Minute)},
	{"reproducible", 40 * time.Minute, reproducible},
}

// modules are the Go modules that are linted, tested and tidied. The module of
// the testbed's programs is only built: it holds the mains of foreign servers.
var modules = []string{".", filepath.Join("test", "testbed")}

// golangciLint is the version whose findings count; others find other things.
const golangciLint = "2.15.0"

func tidy(ctx context.Context, r *recorder) {
	for _, module := range modules {
		r.command(ctx, "go.mod of "+module+" is tidy", in(module, "go", "mod", "tidy", "-diff"))
	}
}

// unit runs the tests of all packages, two for each processor: many of them
// wait. The flags are of go test.
func unit(flags ...string) func(context.Context, *recorder) {
	return func(ctx context.Context, r *recorder) {
		args := append([]string{"go", "test", "-json", "-timeout", "10m", "-p", strconv.Itoa(2 * runtime.NumCPU())}, flags...)
		if output(ctx, "go", "env", "CGO_ENABLED") == "1" {
			args = append(args, "-race")
		} else {
			r.notRun("race detector", "it needs a C compiler, and there is none")
		}
		clients := withPythonClients(ctx, r)
		for _, module := range modules {
			c := in(module, slices.Concat(args, packages(ctx, module))...)
			c.env = clients
			r.goTest(ctx, c)
		}
	}
}

// packages are those of a module, without the stories, which need the testbed.
func packages(ctx context.Context, module string) []string {
	all := []string{"./..."}
	if module != "." {
		return all
	}
	listed := strings.Fields(output(ctx, "go", "list", "./..."))
	if len(listed) == 0 {
		return all // go test says better what is wrong
	}
	return slices.DeleteFunc(listed, func(name string) bool { return strings.Contains(name, "/test/e2e") })
}

func cross(ctx context.Context, r *recorder) {
	for _, system := range []string{"linux", "darwin", "windows"} {
		for _, arch := range []string{"amd64", "arm64"} {
			// The snapshot links the program for all of them.
			c := in(".", "go", "build", "-buildvcs=false", "-trimpath", "./pkg/...")
			c.env = []string{"CGO_ENABLED=0", "GOOS=" + system, "GOARCH=" + arch}
			r.command(ctx, "compile for "+system+"/"+arch, c)
		}
	}
}

func lint(ctx context.Context, r *recorder) {
	lintWorkflows(ctx, r)
	linter, why := findLinter(ctx)
	if why != "" {
		r.notRun("lint", why)
		return
	}
	config, err := filepath.Abs(".golangci.yml")
	if err != nil {
		r.fail("lint", err.Error())
		return
	}
	for _, module := range modules {
		r.command(ctx, "lint "+module, in(module, linter, "run", "--config", config, "./..."))
	}
}

// findLinter looks on the PATH, then where scripts/tools.sh builds it.
func findLinter(ctx context.Context) (path, whyNot string) {
	candidates := []string{"golangci-lint"}
	if cache, err := os.UserCacheDir(); err == nil {
		candidates = append(candidates, filepath.Join(cache, "kftls", "tools", "golangci-lint@v"+golangciLint, "golangci-lint"))
	}
	for _, candidate := range candidates {
		if output(ctx, candidate, "version", "--short") == golangciLint {
			return candidate, ""
		}
	}
	return "", "golangci-lint " + golangciLint + " is not here; make tools builds it"
}

// maxPluginSize in bytes: two thirds of kubectl's.
const maxPluginSize = 38_000_000

func build(ctx context.Context, r *recorder) {
	r.command(ctx, "build the plugin", in(".", "make", "build"))
	title := fmt.Sprintf("the plugin has at most %d bytes", maxPluginSize)
	switch info, err := os.Stat(filepath.Join("bin", "kubectl-kftls")); {
	case err != nil:
		r.fail(title, err.Error())
	case info.Size() > maxPluginSize:
		r.fail(title, fmt.Sprintf("it has %d", info.Size()))
	default:
		r.pass(fmt.Sprintf("%s: %d", title, info.Size()))
	}
}

func testbed(ctx context.Context, r *recorder) {
	if runtime.GOOS != "linux" {
		r.notRun("testbed", "it needs Linux: only there a machine has more than one loopback address")
		return
	}
	r.command(ctx, "build the testbed", in(".", "make", "testbed"))
}

// e2e tells the stories and makes the faults. The flags are of go test, the
// variables say how much.
func e2e(flags []string, variables ...string) func(context.Context, *recorder) {
	return func(ctx context.Context, r *recorder) {
		for _, program := range []string{"kubectl-kftls", "testbed"} {
			if _, err := os.Stat(filepath.Join("bin", program)); err != nil {
				r.notRun("e2e", fmt.Sprintf("bin/%s was not built", program))
				return
			}
		}
		// What breaks the front door takes about as long as all else, and both wait
		// often: each has testbeds of its own.
		const faults = "^(TestFaults|TestReleases|TestMutations|TestCuts)$"
		env := append(withPythonClients(ctx, r), variables...)
		var beside []command
		for _, chosen := range [][]string{{"-run", faults, "./test/e2e"}, {"-skip", faults, "./test/e2e/..."}} {
			c := in(".", slices.Concat([]string{"go", "test", "-json", "-tags", "e2e", "-count=1"}, flags, chosen)...)
			c.env = env
			beside = append(beside, c)
		}
		r.goTest(ctx, beside...)
	}
}

// withPythonClients is a PATH that begins with the folder of kfp and of a Python
// that has the other clients, made by the script if it is not there; nil if it
// cannot be made.
func withPythonClients(ctx context.Context, r *recorder) (environment []string) {
	var folder bytes.Buffer
	err := r.exec(ctx, in(".", filepath.Join("scripts", "python.sh")), io.MultiWriter(r.log, &folder))
	lines := strings.Split(strings.TrimSpace(folder.String()), "\n")
	if last := lines[len(lines)-1]; err == nil && filepath.IsAbs(last) {
		return []string{"PATH=" + last + string(filepath.ListSeparator) + os.Getenv("PATH")}
	}
	r.notRun("the Python clients", "scripts/python.sh could not install test/e2e/clients/requirements.txt")
	return nil
}

// integration runs real testbeds: faults, reset, roll-outs, kill -9. The flags
// are of go test.
func integration(flags ...string) func(context.Context, *recorder) {
	return func(ctx context.Context, r *recorder) {
		if _, err := os.Stat(filepath.Join("bin", "testbed")); err != nil {
			r.notRun("integration", "bin/testbed was not built")
			return
		}
		args := slices.Concat([]string{"go", "test", "-json", "-tags", "integration", "-count=1", "-timeout", "18m"}, flags, []string{"./integration"})
		r.goTest(ctx, in(filepath.Join("test", "testbed"), args...))
	}
}

// output is what a command prints, without blanks around it, and "" when it fails.
func output(ctx context.Context, name string, args ...string) string {
	out, err := exec.CommandContext(ctx, name, args...).Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}
