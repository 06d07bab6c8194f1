// Command peak runs a program once and prints how long it took, in nanoseconds,
// its most resident memory, in KiB, and its exit code. It is a program of its
// own because the kernel counts the memory of a parent to its child until the
// child has started; this one has little.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

func main() {
	if err := measure(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func measure(args []string) error {
	if len(args) == 0 {
		return errors.New("a program to run is needed")
	}
	command := exec.Command(args[0], args[1:]...) //nolint:noctx,gosec // it has a limit of its own, of seconds; the bench says what to run
	command.Stderr = os.Stderr
	begun := time.Now()
	err := command.Run()
	took := time.Since(begun)
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		return err
	}
	usage, ok := command.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return errors.New("this machine does not tell how much memory a program took")
	}
	_, err = fmt.Println(took.Nanoseconds(), usage.Maxrss, command.ProcessState.ExitCode())
	return err
}
