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
	env := environment()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	streams := ui.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Terminal: ui.ControllingTerminal}
	code := cmd.Run(ctx, os.Args, streams, env)
	stop()
	os.Exit(code)
}

// environment reads the environment, and takes out what no child process may
// see: a credential plugin of the kubeconfig gets what is left.
func environment() cmd.Environment {
	env := cmd.Environment{
		Get: os.Getenv, All: os.Environ,
		Login: os.Getenv("KFTLS_LOGIN"), Password: os.Getenv("KFTLS_PASSWORD"),
	}
	_ = os.Unsetenv("KFTLS_LOGIN") // it fails for an empty name alone
	_ = os.Unsetenv("KFTLS_PASSWORD")
	return env
}
