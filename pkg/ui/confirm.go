package ui

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

// terminal is the terminal that a command was started from.
type terminal interface {
	io.ReadWriteCloser
	SetReadDeadline(time.Time) error
	// raw hands over every key as it is pressed, shows none of them, and leaves
	// Ctrl-C to the reader, until restore is called.
	raw() (restore func(), err error)
}

// Confirm asks a question that is answered with y or n on the terminal, and
// returns whether it was answered with yes; anything else is no. It fails with
// fault.Declined where there is nobody to ask, and with the context's error
// when the context ends first.
func (u *UI) Confirm(ctx context.Context, question string) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	if !u.interactive {
		return false, noTerminal(nil)
	}
	tty, err := u.openTerminal()
	if err != nil {
		return false, noTerminal(err)
	}
	defer tty.Close()
	if _, err := fmt.Fprintf(tty, "%s [y/N] ", Clean(question)); err != nil {
		return false, noTerminal(err)
	}
	line, err := readLine(ctx, tty)
	if err != nil {
		fmt.Fprintln(tty)
		return false, err
	}
	answer := strings.ToLower(strings.TrimSpace(line))
	return answer == "y" || answer == "yes", nil
}

func noTerminal(cause error) error {
	const hint = "to go ahead without a question, add --yes"
	if cause == nil {
		return fault.New(fault.Declined, hint, "cannot ask: stdin or stderr is not a terminal")
	}
	return fault.New(fault.Declined, hint, "cannot ask: open the terminal: %w", cause)
}

// readLine reads up to the end of a line or of the input.
func readLine(ctx context.Context, tty terminal) (string, error) {
	return breakOff(ctx, tty, func() (string, error) {
		line, err := bufio.NewReader(tty).ReadString('\n')
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return line, err
	})
}

// breakOff reads until the context ends. A read that cannot be broken off is
// then left to the end of the process.
func breakOff(ctx context.Context, tty terminal, read func() (string, error)) (string, error) {
	type result struct {
		text string
		err  error
	}
	done := make(chan result, 1)
	go func() {
		text, err := read()
		done <- result{text, err}
	}()
	select {
	case <-ctx.Done():
		if tty.SetReadDeadline(time.Now()) == nil {
			<-done
		}
		return "", ctx.Err()
	case r := <-done:
		return r.text, r.err
	}
}
