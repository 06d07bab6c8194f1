package ui

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// colour is an escape sequence that changes nothing but the look of text.
var colour = regexp.MustCompile(`^\x1b\[[0-9;]*m`)

// Clean takes out the control characters with which a text could move the
// cursor, retitle the window or hide other text, and leaves line breaks, tabs
// and colours. Bytes that are not UTF-8 become U+FFFD.
func Clean(text string) string {
	if !strings.ContainsFunc(text, isControl) {
		return strings.ToValidUTF8(text, "\uFFFD")
	}
	var clean strings.Builder
	for i := 0; i < len(text); {
		if sequence := colour.FindString(text[i:]); sequence != "" {
			clean.WriteString(sequence)
			i += len(sequence)
			continue
		}
		r, size := utf8.DecodeRuneInString(text[i:])
		if !isControl(r) {
			clean.WriteRune(r)
		}
		i += size
	}
	return clean.String()
}

// isControl tells C0 and C1 controls and the marks that reorder text
// (https://www.unicode.org/reports/tr9/#Directional_Formatting_Characters).
func isControl(r rune) bool {
	if r == '\n' || r == '\t' {
		return false
	}
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)
}
