//go:build !windows

package ui

import (
	"os"
	"syscall"
)

// ControllingTerminal leads to the terminal that the program was started from,
// wherever its standard streams lead.
const ControllingTerminal = "/dev/tty"

// device is a terminal that is one file.
type device struct{ *os.File }

// openTerminal opens a terminal. It does not make it the controlling one.
func openTerminal(path string) (terminal, error) {
	f, err := os.OpenFile(path, os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	return device{f}, nil
}

func (d device) raw() (func(), error) { return makeRaw(d.File) }

// enableEscapes has nothing to do: terminals here understand escape sequences.
func enableEscapes(any) bool { return true }
