package ui

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"
)

// Streams are the three standard streams of a command, and the terminal that it
// was started from.
type Streams struct {
	In  io.Reader
	Out io.Writer
	Err io.Writer
	// Terminal is the device on which questions are asked, such as
	// ControllingTerminal; "" means that there is nobody to ask.
	Terminal string
}

// UI writes for people. It is safe for use by several goroutines.
type UI struct {
	// Now is the clock behind the times that steps show; nil means time.Now.
	Now func() time.Time

	streams      Streams
	out          *watched
	interactive  bool
	errTerminal  bool // stderr shows progress
	rewrite      bool // a line on stderr can be written again
	styleOut     bool
	styleErr     bool
	unicode      bool
	openTerminal func() (terminal, error)

	mu      sync.Mutex
	current *Step // the step whose line is unfinished
}

// New looks at the streams and the environment (NO_COLOR, TERM, LC_ALL,
// LC_CTYPE, LANG) once; what it found holds from then on.
func New(s Streams, env func(string) string) *UI {
	in, out, err := isTerminal(s.In), isTerminal(s.Out), isTerminal(s.Err)
	smart := env("TERM") != "dumb" && enableEscapes(s.Err)
	color := smart && env("NO_COLOR") == ""
	return &UI{
		streams:     s,
		out:         &watched{Writer: s.Out},
		interactive: in && err,
		errTerminal: err,
		rewrite:     err && smart,
		styleErr:    err && color,
		styleOut:    err && out && color,
		unicode:     speaksUTF8(env),
		openTerminal: func() (terminal, error) {
			if s.Terminal == "" {
				return nil, errors.New("this program has no terminal")
			}
			return openTerminal(s.Terminal)
		},
	}
}

func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// speaksUTF8 follows the order in which POSIX reads the locale. Go writes to a
// Windows console in UTF-16, whatever its code page.
func speaksUTF8(env func(string) string) bool {
	if runtime.GOOS == "windows" {
		return true
	}
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if locale := strings.ToLower(env(name)); locale != "" {
			return strings.Contains(locale, "utf-8") || strings.Contains(locale, "utf8")
		}
	}
	return false
}

// Out is where results go.
func (u *UI) Out() io.Writer { return u.out }

// OutError is why a result did not get out, such as a full disk behind a
// redirected stdout; nil where all of it did.
func (u *UI) OutError() error { return u.out.failure() }

// InIsTerminal reports whether stdin is a terminal: nothing was piped in.
func (u *UI) InIsTerminal() bool { return isTerminal(u.streams.In) }

// OutIsTerminal reports whether a person reads stdout, and not a pipe or a file.
func (u *UI) OutIsTerminal() bool { return isTerminal(u.streams.Out) }

// Interactive reports whether a question can be asked: stdin and stderr are
// terminals.
func (u *UI) Interactive() bool { return u.interactive }

// Note writes a line to stderr.
func (u *UI) Note(format string, args ...any) {
	u.line(fmt.Sprintf(format, args...))
}

// Warn writes a line that begins with "warning: " to stderr.
func (u *UI) Warn(format string, args ...any) {
	u.line(u.yellow("warning:") + " " + fmt.Sprintf(format, args...))
}

// Error writes an error, and its hint if there is one, to stderr.
func (u *UI) Error(text, hint string) {
	u.line(u.sgr("31", u.styleErr, "error:") + " " + text)
	if hint != "" {
		u.line(u.sgr("1", u.styleErr, "hint:") + " " + hint)
	}
}

// line writes one line (or several) to stderr, above the step under way.
func (u *UI) line(text string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.erase()
	fmt.Fprintln(u.streams.Err, Clean(text))
	u.draw()
}

// Bold marks text for stdout or stderr; unchanged unless both are terminals.
func (u *UI) Bold(text string) string { return u.sgr("1", u.styleOut, text) }

// Dim marks text of less weight; unchanged unless stdout and stderr are terminals.
func (u *UI) Dim(text string) string { return u.sgr("2", u.styleOut, text) }

// Red marks what failed; unchanged unless stdout and stderr are terminals.
func (u *UI) Red(text string) string { return u.sgr("31", u.styleOut, text) }

// Green marks what succeeded; unchanged unless stdout and stderr are terminals.
func (u *UI) Green(text string) string { return u.sgr("32", u.styleOut, text) }

func (u *UI) yellow(text string) string { return u.sgr("33", u.styleErr, text) }

// sgr wraps text into one "select graphic rendition" sequence.
func (u *UI) sgr(code string, on bool, text string) string {
	if !on || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// width is the number of columns of stderr, 80 where it is not known.
func (u *UI) width() int {
	if f, ok := u.streams.Err.(*os.File); ok {
		if columns, _, err := term.GetSize(int(f.Fd())); err == nil && columns > 0 {
			return columns
		}
	}
	return 80
}

func (u *UI) now() time.Time {
	if u.Now != nil {
		return u.Now()
	}
	return time.Now()
}
