// Command start measures how long programs take to print their own version,
// and how much memory: each argument is a program, and they take turns. It is a
// program of its own because the kernel counts the memory of a parent to its
// child until the child has started; this one has little.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// program is a program whose start is measured.
type program struct {
	path   string
	times  []time.Duration
	memory []int64 // the most resident memory of each run, in KiB
}

func main() {
	starts := flag.Int("n", 40, "starts of each program")
	flag.Parse()
	if err := measure(os.Stdout, flag.Args(), *starts); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// measure prints a Markdown table, and the first program as a share of the last.
func measure(w io.Writer, paths []string, starts int) error {
	if len(paths) < 2 || starts < 1 {
		return fmt.Errorf("two programs to compare are needed, there are %d", len(paths))
	}
	programs := make([]*program, len(paths))
	for i, path := range paths {
		programs[i] = &program{path: path}
	}
	for range starts {
		for _, p := range programs {
			if err := p.start(); err != nil {
				return err
			}
		}
	}
	fmt.Fprintln(w, "| program | median | least | most | memory, median | size |")
	fmt.Fprintln(w, "|---|---|---|---|---|---|")
	for _, p := range programs {
		info, err := os.Stat(p.path)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s | %.1f MB | %.1f MB |\n", filepath.Base(p.path), short(median(p.times)),
			short(slices.Min(p.times)), short(slices.Max(p.times)), p.megabytes(), float64(info.Size())/1e6)
	}
	first, last := programs[0], programs[len(programs)-1]
	fmt.Fprintf(w, "\nStart-up is %.2f of kubectl's (goal: at most 0.70), memory %.2f (goal: at most 0.70).\n",
		float64(median(first.times))/float64(median(last.times)), first.megabytes()/last.megabytes())
	return nil
}

func (p *program) start() error {
	command := exec.Command(p.path, "version", "--client") //nolint:noctx // it ends by itself in milliseconds
	command.Stderr = os.Stderr
	begun := time.Now()
	if err := command.Run(); err != nil {
		return fmt.Errorf("%s version --client: %w", p.path, err)
	}
	p.times = append(p.times, time.Since(begun))
	if usage, ok := command.ProcessState.SysUsage().(*syscall.Rusage); ok {
		p.memory = append(p.memory, usage.Maxrss)
	}
	return nil
}

func (p *program) megabytes() float64 { return float64(median(p.memory)) * 1024 / 1e6 }

func median[T ~int64](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

func short(d time.Duration) string { return d.Round(100 * time.Microsecond).String() }
