// Command testbed runs a real Kubeflow front door on this machine: the real
// programs, on loopback addresses, without containers and without root.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/kftls/kubectl-kftls/test/testbed/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := cli.Run(ctx, os.Args[1:], cli.Streams{Out: os.Stdout, Err: os.Stderr}, os.Environ())
	stop()
	os.Exit(code)
}
