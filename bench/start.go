package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"time"
)

// program is a program whose start is measured.
type program struct {
	series
	args   []string
	memory []int64 // the most resident memory of each run, in KiB
}

// benchStart compares how long both programs take to print their own version.
func benchStart(ctx context.Context, bed *testbed, starts int) error {
	ours := &program{series: series{name: "kubectl-kftls"}, args: []string{bed.plugin, "version", "--client"}}
	kubectl := &program{series: series{name: "kubectl"}, args: []string{bed.kubectl, "version", "--client"}}
	for range starts {
		for _, p := range []*program{ours, kubectl} {
			if err := p.start(ctx, bed); err != nil {
				return err
			}
		}
	}
	fmt.Printf("\n## `version --client`, %d starts each\n\n", starts)
	fmt.Println("| program | median | least | most | memory, median | size |")
	fmt.Println("|---|---|---|---|---|---|")
	for _, p := range []*program{ours, kubectl} {
		info, err := os.Stat(p.args[0])
		if err != nil {
			return err
		}
		fmt.Printf("%s %.1f MB | %.1f MB |\n", p.row(), p.megabytes(), float64(info.Size())/1e6)
	}
	fmt.Printf("\nStart-up is %.2f of kubectl's (goal: at most 0.70), memory %.2f (goal: at most 0.70).\n",
		float64(ours.median())/float64(kubectl.median()), ours.megabytes()/kubectl.megabytes())
	return nil
}

func (p *program) start(ctx context.Context, bed *testbed) error {
	command := exec.CommandContext(ctx, p.args[0], p.args[1:]...)
	command.Env, command.Stdout, command.Stderr = bed.env, io.Discard, os.Stderr
	begun := time.Now()
	if err := command.Run(); err != nil {
		return fmt.Errorf("%v: %w", p.args, err)
	}
	p.add(time.Since(begun))
	if usage, ok := command.ProcessState.SysUsage().(*syscall.Rusage); ok {
		p.memory = append(p.memory, usage.Maxrss)
	}
	return nil
}

func (p *program) megabytes() float64 {
	sorted := slices.Sorted(slices.Values(p.memory))
	return float64(sorted[len(sorted)/2]) * 1024 / 1e6
}
