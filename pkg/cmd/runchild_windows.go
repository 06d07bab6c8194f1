package cmd

import "os"

// ignoredSignals are those that a console sends to all its processes.
func ignoredSignals() []os.Signal { return []os.Signal{os.Interrupt} }

// forwardedSignals is empty: Windows sends none to a single process.
func forwardedSignals() []os.Signal { return nil }

func exitCodeOf(ended *os.ProcessState) int { return ended.ExitCode() }
