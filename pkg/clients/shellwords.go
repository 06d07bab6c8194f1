package clients

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

// shellWords takes a pasted command apart as the shell does that it was copied
// for. Browsers quote for POSIX shells with '…' and $'…', for Windows' cmd with
// "…", with a caret before what cmd would take for its own
// (ChromeDevTools/devtools-frontend, NetworkLogView.ts, generateCurlCommand).
func shellWords(text string) ([]string, error) {
	w := &words{rest: strings.ReplaceAll(text, "\r\n", "\n")}
	if forCmd(w.rest) {
		w.cmd = true
		w.rest = withoutCarets(w.rest)
	}
	for w.rest != "" {
		if !w.next() {
			return nil, fault.New(fault.Usage, "copy it again, as a whole", "the pasted command ends within quotes")
		}
	}
	w.end()
	return w.list, nil
}

// forCmd tells cmd from a POSIX shell by what cmd alone knows.
func forCmd(text string) bool {
	return strings.Contains(text, `^"`) || strings.Contains(text, "^\n")
}

var caret = regexp.MustCompile(`(?s)\^(\n|.)?`)

// withoutCarets does cmd's part. Some versions of Chrome wrote carets also
// within plain quotes, where cmd keeps them; no session has one.
func withoutCarets(text string) string {
	return caret.ReplaceAllStringFunc(text, func(escape string) string {
		return strings.TrimPrefix(strings.TrimPrefix(escape, "^"), "\n")
	})
}

// words is a command line that is being taken apart.
type words struct {
	cmd  bool // quotes and escapes of Windows' programs
	rest string
	list []string
	word strings.Builder
	open bool // there is a word, if an empty one
}

// next takes what comes next; false where a quote has no end.
func (w *words) next() bool {
	switch c := w.rest[0]; {
	case c == ' ' || c == '\t' || c == '\n':
		w.end()
		w.rest = w.rest[1:]
	case c == '"':
		return w.quoted(1, `"`, w.escapeInDouble)
	case c == '\'' && !w.cmd:
		return w.quoted(1, `'`, nil)
	case strings.HasPrefix(w.rest, "$'") && !w.cmd:
		return w.quoted(2, `'`, escapeANSI)
	case c == '\\':
		w.escape(escapePlain)
	default:
		w.take(1)
	}
	return true
}

// end ends a word.
func (w *words) end() {
	if w.open {
		w.list = append(w.list, w.word.String())
	}
	w.word.Reset()
	w.open = false
}

// take takes n bytes as they are.
func (w *words) take(n int) {
	w.word.WriteString(w.rest[:n])
	w.rest = w.rest[n:]
	w.open = true
}

// quoted takes what is within quotes.
func (w *words) quoted(start int, end string, escape func(rest string) (string, int)) bool {
	w.rest = w.rest[start:]
	w.open = true
	for w.rest != "" {
		switch {
		case strings.HasPrefix(w.rest, end):
			w.rest = w.rest[len(end):]
			return true
		case w.rest[0] == '\\' && escape != nil:
			w.escape(escape)
		default:
			w.take(1)
		}
	}
	return false
}

// escape takes an escape sequence: what it stands for, and its length.
func (w *words) escape(read func(rest string) (string, int)) {
	text, n := read(w.rest)
	w.word.WriteString(text)
	w.rest = w.rest[n:]
	w.open = w.open || text != ""
}

// escapePlain is \ outside of quotes: a continued line, or the next character.
func escapePlain(rest string) (string, int) {
	if len(rest) == 1 || rest[1] == '\n' {
		return "", min(2, len(rest))
	}
	return rest[1:2], 2
}

// escapeInDouble is \ within double quotes, which keeps most characters.
func (w *words) escapeInDouble(rest string) (string, int) {
	special := "$`\"\\\n"
	if w.cmd {
		special = `"\`
	}
	if len(rest) > 1 && strings.Contains(special, rest[1:2]) {
		return escapePlain(rest)
	}
	return rest[:1], 1
}

var unicodeEscape = regexp.MustCompile(`^\\(?:u[0-9a-fA-F]{1,4}|x[0-9a-fA-F]{1,2})`)

// escapeANSI is \ within $'…', as far as browsers write it.
func escapeANSI(rest string) (string, int) {
	if match := unicodeEscape.FindString(rest); match != "" {
		code, _ := strconv.ParseUint(match[2:], 16, 16) // four digits at most
		return string(rune(code)), len(match)
	}
	if len(rest) > 1 {
		switch rest[1] {
		case 'n':
			return "\n", 2
		case 'r':
			return "\r", 2
		case 't':
			return "\t", 2
		}
	}
	return escapePlain(rest)
}
