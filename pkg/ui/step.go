package ui

import (
	"fmt"
	"time"
)

// Step is one line of progress. It is shown on a terminal only.
type Step struct {
	ui      *UI
	title   string
	detail  string // how far it is
	started time.Time
}

// Step begins a step. On a terminal its line appears at once and is written
// again when the step ends; a step begun before the last one ended replaces it.
func (u *UI) Step(title string) *Step {
	s := &Step{ui: u, title: Clean(title), started: u.now()}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.erase()
	u.current = s
	u.draw()
	return s
}

// Tell shows how far the step is, on its line, until the next word or the end.
func (s *Step) Tell(detail string) {
	s.ui.mu.Lock()
	defer s.ui.mu.Unlock()
	if s.ui.current == s {
		s.ui.erase()
		s.detail = Clean(detail)
		s.ui.draw()
	}
}

// Done ends the step with a tick, the detail if there is one, and the time.
func (s *Step) Done(detail string) { s.end(s.ui.Symbol("✓", "ok"), "32", detail) }

// Fail ends the step with a cross; the error itself is told elsewhere.
func (s *Step) Fail(detail string) { s.end(s.ui.Symbol("✗", "failed"), "31", detail) }

// Skip ends the step as one that had nothing to do.
func (s *Step) Skip(detail string) { s.end(s.ui.Symbol("–", "-"), "2", detail) }

// Clear ends the step and leaves nothing of it: the result speaks for itself.
func (s *Step) Clear() {
	s.ui.mu.Lock()
	defer s.ui.mu.Unlock()
	if s.ui.current == s {
		s.ui.erase()
		s.ui.current = nil
	}
}

func (s *Step) end(symbol, code, detail string) {
	u := s.ui
	u.mu.Lock()
	defer u.mu.Unlock()
	if s.ui.current == s {
		u.erase()
		u.current = nil
	}
	if !u.errTerminal {
		return
	}
	line := u.sgr(code, u.styleErr, symbol) + " " + s.title
	if detail != "" {
		line += ": " + Clean(detail)
	}
	took := "(" + spoken(u.now().Sub(s.started)) + ")"
	fmt.Fprintln(u.streams.Err, line+" "+u.sgr("2", u.styleErr, took))
	u.draw()
}

// erase removes the unfinished line; the caller holds the lock.
func (u *UI) erase() {
	if u.rewrite && u.current != nil {
		fmt.Fprint(u.streams.Err, "\r\x1b[K")
	}
}

// draw writes the unfinished line, cut to the terminal's width since a line
// that wraps cannot be erased; the caller holds the lock.
func (u *UI) draw() {
	if u.rewrite && u.current != nil {
		line := u.Symbol("… ", "... ") + u.current.title
		if u.current.detail != "" {
			line += ": " + u.current.detail
		}
		fmt.Fprint(u.streams.Err, cut(line, u.width()-1))
	}
}

func cut(line string, columns int) string {
	runes := []rune(line)
	if len(runes) <= columns {
		return line
	}
	return string(runes[:max(columns, 0)])
}

// Symbol is a sign, or its form in ASCII where the locale wants that.
func (u *UI) Symbol(unicode, ascii string) string {
	if u.unicode {
		return unicode
	}
	return ascii
}

// spoken writes a time as people compare it: 40ms, 1.2s, 14s, 2m3s.
func spoken(d time.Duration) string {
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < 10*time.Second:
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	return d.Round(time.Second).String()
}
