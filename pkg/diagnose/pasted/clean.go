package pasted

import (
	"bytes"
	"encoding/binary"
	"strings"
	"unicode"
	"unicode/utf16"
)

// clean makes lines of what was pasted: UTF-8 with \n, without colours, control
// characters and what mail programs and prompts put in front.
func clean(pasted []byte) string {
	if len(pasted) > readLimit {
		pasted = pasted[:readLimit]
	}
	s := strings.ToValidUTF8(decode(pasted), "?")
	s = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\ufeff", "", "\u00a0", " ",
		// What chat programs and localised messages make of straight quotes.
		"‘", "'", "’", "'", "“", `"`, "”", `"`).Replace(s)
	s = withoutEscapes(s)
	s = strings.Map(func(r rune) rune {
		if r == '\t' {
			return ' '
		}
		// Format characters turn the direction of what a terminal shows.
		if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) {
			return -1
		}
		return r
	}, s)
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		lines[i] = withoutMarks(line)
	}
	return strings.Join(lines, "\n")
}

// decode reads UTF-16, which PowerShell 5 writes with ">" and Tee-Object.
func decode(pasted []byte) string {
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(pasted, []byte{0xff, 0xfe}):
		order = binary.LittleEndian
	case bytes.HasPrefix(pasted, []byte{0xfe, 0xff}):
		order = binary.BigEndian
	// Without a mark: nothing but UTF-16 has a zero in every other byte.
	case len(pasted) > 3 && pasted[1] == 0 && pasted[3] == 0:
		order = binary.LittleEndian
	case len(pasted) > 3 && pasted[0] == 0 && pasted[2] == 0:
		order = binary.BigEndian
	default:
		return string(pasted)
	}
	units := make([]uint16, len(pasted)/2)
	for i := range units {
		units[i] = order.Uint16(pasted[2*i:])
	}
	return string(utf16.Decode(units))
}

// withoutEscapes leaves out what terminals take as commands (ECMA-48): colours
// and titles.
func withoutEscapes(s string) string {
	var out strings.Builder
	for {
		before, after, found := strings.Cut(s, "\x1b")
		out.WriteString(before)
		if !found {
			return out.String()
		}
		s = after
		switch {
		case strings.HasPrefix(s, "["):
			end := strings.IndexFunc(s[1:], func(r rune) bool { return r < 0x20 || r >= 0x40 })
			if end < 0 {
				return out.String()
			}
			s = s[1+end+1:]
		case strings.HasPrefix(s, "]"):
			// Only up to the end of the line: an open title must not eat the text.
			end := strings.IndexAny(s, "\a\x1b\n")
			if end < 0 {
				return out.String()
			}
			s = s[end:]
		}
	}
}

// withoutMarks cuts ">" of quoted replies, the marks of curl -v and prompts.
func withoutMarks(line string) string {
	for {
		line = strings.TrimSpace(line)
		mark, rest, _ := strings.Cut(line, " ")
		switch mark {
		case ">", ">>", ">>>", "<", "*", "$", "#", "%", "|", "❯":
			line = rest
		default:
			return line
		}
	}
}
