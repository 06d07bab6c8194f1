package ui

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

// CanAsk reports whether there is a terminal to ask on, wherever the standard
// streams lead.
func (u *UI) CanAsk() bool {
	tty, err := u.openTerminal()
	if err != nil {
		return false
	}
	_ = tty.Close() // nothing was written
	return true
}

// Ask asks for a line on the terminal itself, also while stdin and stdout are
// pipes, and returns it without the blanks around it. It fails with
// fault.Declined where there is no terminal or the input ends before a line, and
// with the context's error when the context ends first.
func (u *UI) Ask(ctx context.Context, question string) (string, error) {
	tty, err := u.prompt(ctx, question)
	if err != nil {
		return "", err
	}
	defer tty.Close()
	line, err := readLine(ctx, tty)
	if err != nil || !strings.HasSuffix(line, "\n") {
		fmt.Fprintln(tty)
	}
	if err == nil && line == "" {
		err = errNoAnswer
	}
	return strings.TrimSpace(line), err
}

// AskSecret asks for a line as Ask does and shows nothing of it. The line is
// returned as it was typed. Ctrl-C is context.Canceled; however it ends, the
// terminal shows again what is typed.
func (u *UI) AskSecret(ctx context.Context, question string) (string, error) {
	return u.AskSecretText(ctx, question, func(string) bool { return false })
}

// AskSecretText asks for several lines as AskSecret does for one. more is asked
// after each line whether the text so far goes on; Ctrl-D ends it, too. A line
// may be longer than a terminal takes by itself (1,024 bytes on macOS, 4,095 on
// Linux).
func (u *UI) AskSecretText(ctx context.Context, question string, more func(text string) bool) (string, error) {
	tty, err := u.prompt(ctx, "")
	if err != nil {
		return "", err
	}
	defer tty.Close()
	restore, err := tty.raw()
	if err != nil {
		return "", fault.New(fault.Declined, "", "cannot ask: hide what is typed: %w", err)
	}
	defer fmt.Fprintln(tty) // the terminal did not show the Enter
	defer restore()
	if _, err := fmt.Fprint(tty, Clean(question)); err != nil {
		return "", fault.New(fault.Declined, "", "cannot ask: %w", err)
	}
	text, err := breakOff(ctx, tty, func() (string, error) { return readHidden(tty, more) })
	dropRest(tty)
	return text, err
}

// pasteRest is how long the rest of a paste may take to arrive.
const pasteRest = 50 * time.Millisecond

// dropRest throws away what was pasted beyond the last line, which the shell
// would take for commands. Where reads know no deadline, it stays.
func dropRest(tty terminal) {
	if tty.SetReadDeadline(time.Now().Add(pasteRest)) == nil {
		_, _ = io.Copy(io.Discard, tty) // ends with the deadline
	}
}

var errNoAnswer = fault.New(fault.Declined, "", "there was no answer")

// prompt opens the terminal and writes the question.
func (u *UI) prompt(ctx context.Context, question string) (terminal, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	tty, err := u.openTerminal()
	if err != nil {
		return nil, fault.New(fault.Declined, "", "cannot ask: open the terminal: %w", err)
	}
	if _, err := fmt.Fprint(tty, Clean(question)); err != nil {
		_ = tty.Close()
		return nil, fault.New(fault.Declined, "", "cannot ask: %w", err)
	}
	return tty, nil
}

// maxHidden bounds what is typed unseen: a browser's request with all its
// cookies is far below.
const maxHidden = 1 << 20

// readHidden reads the keys of a terminal in raw mode.
func readHidden(tty io.Reader, more func(string) bool) (string, error) {
	var text hiddenText
	keys := make([]byte, 4096)
	for {
		n, err := tty.Read(keys)
		for _, key := range keys[:n] {
			done, err := text.press(key, more)
			if done || err != nil {
				return text.String(), err
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return text.String(), text.orNoAnswer()
		case err != nil:
			return "", err
		case len(text.typed) > maxHidden:
			return "", fault.New(fault.Declined, "", "more was typed than the %d bytes that are taken", maxHidden)
		}
	}
}

// hiddenText is what was typed so far.
type hiddenText struct{ typed []byte }

// The keys that a terminal in raw mode does not handle itself.
const (
	ctrlC     = 0x03
	ctrlD     = 0x04
	backspace = 0x08
	newline   = '\n'
	enter     = '\r'
	ctrlU     = 0x15
	rubout    = 0x7f
)

func (h *hiddenText) String() string { return strings.TrimSuffix(string(h.typed), "\n") }

// press takes a key, and tells whether it was the last.
func (h *hiddenText) press(key byte, more func(string) bool) (done bool, err error) {
	switch key {
	case ctrlC:
		h.typed = nil
		return true, context.Canceled
	case ctrlD:
		return true, h.orNoAnswer()
	case enter, newline:
		if !more(string(h.typed)) {
			return true, nil
		}
		h.typed = append(h.typed, newline)
	case backspace, rubout:
		h.eraseRune()
	case ctrlU:
		h.typed = h.typed[:strings.LastIndexByte(string(h.typed), newline)+1]
	default:
		h.typed = append(h.typed, key)
	}
	return false, nil
}

// eraseRune takes back the last character of the line, which may be several
// bytes.
func (h *hiddenText) eraseRune() {
	if last, size := utf8.DecodeLastRune(h.typed); last != newline {
		h.typed = h.typed[:len(h.typed)-size]
	}
}

func (h *hiddenText) orNoAnswer() error {
	if len(h.typed) == 0 {
		return errNoAnswer
	}
	return nil
}

// makeRaw puts a terminal into raw mode. The descriptor is borrowed, not taken
// out by Fd, so that deadlines go on working.
func makeRaw(f *os.File) (restore func(), err error) {
	conn, err := f.SyscallConn()
	if err != nil {
		return nil, err
	}
	var (
		before *term.State
		failed error
	)
	err = conn.Control(func(fd uintptr) { before, failed = term.MakeRaw(int(fd)) })
	if err := errors.Join(err, failed); err != nil {
		return nil, err
	}
	return func() {
		// A terminal that is gone needs no echo.
		_ = conn.Control(func(fd uintptr) { _ = term.Restore(int(fd), before) })
	}, nil
}
