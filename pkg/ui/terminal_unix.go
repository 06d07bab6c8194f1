//go:build !windows

package ui

import "os"

// openTerminal opens the controlling terminal, wherever the standard streams
// lead.
func openTerminal() (terminal, error) {
	return os.OpenFile("/dev/tty", os.O_RDWR, 0)
}

// enableEscapes has nothing to do: terminals here understand escape sequences.
func enableEscapes(any) bool { return true }
