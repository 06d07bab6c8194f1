// Command kubectl-kftls is a kubectl plugin that puts HTTPS in front of Kubeflow.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/kftls/kubectl-kftls/pkg/cmd"
	"github.com/kftls/kubectl-kftls/pkg/ui"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	code := cmd.Run(ctx, os.Args, ui.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}, os.Getenv)
	stop()
	os.Exit(code)
}
