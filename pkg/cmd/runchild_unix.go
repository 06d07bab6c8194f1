//go:build !windows

package cmd

import (
	"os"
	"os/signal"
	"syscall"
)

// ignoredSignals are those that a terminal sends to all its processes.
func ignoredSignals() []os.Signal { return []os.Signal{syscall.SIGINT, syscall.SIGQUIT} }

// forwardedSignals are those that somebody sends to this process. Under
// nohup(1) there is no SIGHUP, for the command neither.
func forwardedSignals() []os.Signal {
	if signal.Ignored(syscall.SIGHUP) {
		return []os.Signal{syscall.SIGTERM}
	}
	return []os.Signal{syscall.SIGTERM, syscall.SIGHUP}
}

// exitCodeOf is the code as a shell shows it: 128 and the signal's number where
// one ended the process.
func exitCodeOf(ended *os.ProcessState) int {
	if status, ok := ended.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return ended.ExitCode()
}
