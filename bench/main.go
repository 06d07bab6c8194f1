// Command bench measures the plugin side by side with what it replaces, in one
// run on one testbed: setup against the same done by hand and against the bare
// minimum, its API requests; cookie against what people paste and against curl;
// start-up, memory and size against kubectl's; diagnose against a look by hand,
// on a small cluster and on a large one. It prints a report in Markdown on stdout.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"time"
)

func main() {
	only := flag.String("only", "", "one part alone: setup, login, start or diagnose")
	rounds := flag.Int("rounds", 10, "rounds of each way to set up; the ways take turns")
	starts := flag.Int("starts", 40, "starts of each program; the programs take turns")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, *only, *rounds, *starts)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, only string, rounds, starts int) error {
	bed, err := startTestbed(ctx)
	if err != nil {
		return err
	}
	defer bed.stop()
	fmt.Printf("Measured %s on %s/%s, %d cores, load before %s, %d rounds.\n\n",
		time.Now().UTC().Format("2006-01-02 15:04 UTC"), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), load(), rounds)
	for _, part := range []struct {
		name string
		do   func() error
	}{
		{"setup", func() error { return benchSetup(ctx, bed, rounds) }},
		{"login", func() error { return benchLogin(ctx, bed, rounds) }},
		{"start", func() error { return benchStart(ctx, bed, starts) }},
		{"diagnose", func() error { return benchDiagnose(ctx, bed, rounds) }},
	} {
		if only != "" && only != part.name {
			continue
		}
		if err := part.do(); err != nil {
			return err
		}
	}
	fmt.Printf("\nLoad after: %s.\n", load())
	return nil
}

// load is the machine's load average, as far as it tells.
func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Join(strings.Fields(string(text))[:3], " ")
}

// benchStart compares how long both programs take to print their own version.
func benchStart(ctx context.Context, bed *testbed, starts int) error {
	fmt.Printf("\n## `version --client`, %d starts each\n\n", starts)
	command := exec.CommandContext(ctx, "go", "run", "-buildvcs=false", "./bench/start", "-n", strconv.Itoa(starts), bed.plugin, bed.kubectl)
	command.Stdout, command.Stderr = os.Stdout, os.Stderr
	return command.Run()
}
