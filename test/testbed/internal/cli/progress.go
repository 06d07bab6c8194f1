package cli

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kftls/kubectl-kftls/test/testbed/internal/programs"
)

// pipePeriod is how often progress is printed where it cannot be overwritten.
const pipePeriod = 15 * time.Second

// progressPrinter prints the progress of a build: one line that changes on a
// terminal, plain lines now and then in a pipe.
type progressPrinter struct {
	out      io.Writer
	terminal bool
	width    int
	now      func() time.Time
	started  time.Time
	printed  time.Time
	last     programs.Progress
	seen     map[string]bool
}

func newProgressPrinter(out io.Writer, now func() time.Time) *progressPrinter {
	p := &progressPrinter{out: out, now: now, started: now(), seen: map[string]bool{}}
	p.width, p.terminal = terminalWidth(out)
	return p
}

// terminalWidth tells whether out is a terminal, and its width in columns.
func terminalWidth(out io.Writer) (int, bool) {
	file, ok := out.(*os.File)
	if !ok {
		return 0, false
	}
	if _, err := unix.IoctlGetTermios(int(file.Fd()), unix.TCGETS); err != nil {
		return 0, false
	}
	size, err := unix.IoctlGetWinsize(int(file.Fd()), unix.TIOCGWINSZ)
	if err != nil || size.Col == 0 {
		return 80, true
	}
	return int(size.Col), true
}

func (p *progressPrinter) progress(now programs.Progress) {
	if now.Total == 0 && now.Doing == p.last.Doing {
		return
	}
	// A count of nothing would announce a linking that does not happen.
	if now.Total > 0 && p.last.Total != now.Total {
		p.printed = time.Time{}
	}
	p.last = now
	at := p.now()
	if p.terminal {
		p.overwrite(at, now)
		return
	}
	if at.Sub(p.printed) < pipePeriod && now.Total > 0 && now.Done < now.Total {
		return
	}
	p.printed = at
	fmt.Fprintf(p.out, "%5s  %s\n", elapsed(at.Sub(p.started)), now)
}

func (p *progressPrinter) overwrite(at time.Time, now programs.Progress) {
	line := fmt.Sprintf("%5s  %s", elapsed(at.Sub(p.started)), now)
	if now.Total > 0 && now.Done < now.Total {
		line += "  " + now.Doing
	}
	if runes := []rune(line); len(runes) >= p.width {
		line = string(runes[:p.width-1])
	}
	fmt.Fprintf(p.out, "\r\x1b[K%s", line)
}

// note prints a line that stays, once.
func (p *progressPrinter) note(text string) {
	if p.seen[text] {
		return
	}
	p.seen[text] = true
	p.end()
	fmt.Fprintln(p.out, text)
}

// end clears the line that changes.
func (p *progressPrinter) end() {
	if p.terminal {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}

// elapsed is a duration as people read it on a progress line: 7s, 2m05s.
func elapsed(d time.Duration) string {
	seconds := int(d.Seconds())
	if seconds < 60 {
		return fmt.Sprintf("%ds", seconds)
	}
	return fmt.Sprintf("%dm%02ds", seconds/60, seconds%60)
}
