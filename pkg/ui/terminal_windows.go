package ui

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/windows"
)

// console is the two files that make up a console.
type console struct{ in, out *os.File }

// ControllingTerminal stands for the console, wherever the standard streams
// lead. It is two files.
const ControllingTerminal = "CONIN$"

const consoleOutput = "CONOUT$"

// openTerminal opens the console.
func openTerminal(input string) (terminal, error) {
	in, err := os.OpenFile(input, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	out, err := os.OpenFile(consoleOutput, os.O_RDWR, 0)
	if err != nil {
		return nil, errors.Join(err, in.Close())
	}
	return &console{in, out}, nil
}

func (c *console) Read(p []byte) (int, error)        { return c.in.Read(p) }
func (c *console) Write(p []byte) (int, error)       { return c.out.Write(p) }
func (c *console) Close() error                      { return errors.Join(c.in.Close(), c.out.Close()) }
func (c *console) SetReadDeadline(t time.Time) error { return c.in.SetReadDeadline(t) }
func (c *console) raw() (func(), error)              { return makeRaw(c.in) }

// enableEscapes turns the console's escape sequences on, which programs must
// ask for
// (https://learn.microsoft.com/windows/console/console-virtual-terminal-sequences).
func enableEscapes(stream any) bool {
	f, ok := stream.(*os.File)
	if !ok {
		return false
	}
	var mode uint32
	handle := windows.Handle(f.Fd())
	if windows.GetConsoleMode(handle, &mode) != nil {
		return false
	}
	return windows.SetConsoleMode(handle, mode|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING) == nil
}
