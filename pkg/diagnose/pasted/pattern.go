package pasted

import (
	"net/netip"
	"strings"
)

// A pattern is text with gaps on one line:
//
//	{host}   a host, with or without port
//	{ip}     an IP address
//	{num}    a number
//	{name}   names of Kubernetes, with "/" and "." between them
//	{-}      a hyphen or a space
//	{start}  the start of the line
//	{end}    the end of the line, but for quotes and brackets
//	…        anything, never quoted
type element struct {
	gap, literal string
}

// gapLimit bounds what "…" may leave out of one line.
const gapLimit = 400

var gaps = [...]string{"{host}", "{ip}", "{num}", "{name}", "{-}", "{start}", "{end}", "…"}

func parsePattern(pattern string) []element {
	var out []element
	for pattern != "" {
		at, gap := len(pattern), ""
		for _, g := range gaps {
			if i := strings.Index(pattern, g); i >= 0 && i < at {
				at, gap = i, g
			}
		}
		if at > 0 {
			out = append(out, element{literal: pattern[:at]})
		}
		if gap != "" {
			out = append(out, element{gap: gap})
		}
		pattern = pattern[at+len(gap):]
	}
	return out
}

// firstLiteral is where the search for a pattern starts: what comes before it
// is {start} alone.
func firstLiteral(elements []element) string {
	for _, e := range elements {
		if e.literal != "" {
			return e.literal
		}
	}
	return ""
}

// matchAt matches a pattern whose first literal lies at s[at:].
func matchAt(elements []element, s string, at int) (end int, quote string, ok bool) {
	var out strings.Builder
	for i, e := range elements {
		shown := e.literal
		next := at + len(e.literal)
		switch e.gap {
		case "":
			ok = strings.HasPrefix(s[at:], e.literal)
		case "{start}":
			ok = at == 0 || s[at-1] == '\n'
		case "{end}":
			rest, _, _ := strings.Cut(s[at:min(len(s), at+gapLimit)], "\n")
			ok = strings.Trim(rest, ` '"()[]{}.,;\`) == ""
		case "{-}":
			ok = at < len(s) && (s[at] == '-' || s[at] == ' ')
			if ok {
				next, shown = at+1, s[at:at+1]
			}
		case "…":
			skip := nextOnLine(s[at:], elements[i+1:])
			ok, next, shown = skip >= 0, at+max(skip, 0), "…"
		default:
			next = at + span(s[at:], e.gap)
			ok = next > at && (e.gap != "{ip}" || isIP(s[at:next]))
			shown = quotable(s, at, next, e.gap)
		}
		if !ok {
			return 0, "", false
		}
		out.WriteString(shown)
		at = next
	}
	return at, out.String(), true
}

// nextOnLine is how far the next literal is away, -1 if it is not on this line.
func nextOnLine(s string, rest []element) int {
	s = s[:min(len(s), gapLimit)]
	line, _, _ := strings.Cut(s, "\n")
	return strings.Index(line, firstLiteral(rest))
}

// span is the length of what a gap takes.
func span(s, gap string) int {
	in := func(c byte) bool {
		switch {
		case '0' <= c && c <= '9':
			return true
		case gap == "{num}":
			return false
		case 'a' <= c && c <= 'z' || c == '.' || c == '-':
			return true
		case gap == "{name}":
			return c == '/'
		}
		return 'A' <= c && c <= 'Z' || c == ':' || c == '[' || c == ']' || c == '*' || c == '_'
	}
	n := 0
	for n < len(s) && n < gapLimit && in(s[n]) {
		n++
	}
	// What ends a sentence or goes before the next word is none of the gap.
	for gap != "{num}" && n > 0 && (s[n-1] == '.' || s[n-1] == ':' && !strings.HasSuffix(s[:n], "::")) {
		n--
	}
	return n
}

func isIP(s string) bool {
	_, err := netip.ParseAddr(strings.Trim(s, "[]"))
	return err == nil
}
