package pasted

import "strings"

// commandLimit bounds what is read of one command line: browsers copy requests
// of some kilobytes as cURL.
const commandLimit = 16 << 10

// curlCommands finds command lines of curl and takes them apart, as far as is
// needed to find a URL and options among the words.
func curlCommands(s string) [][]string {
	var out [][]string
	for from := 0; len(out) < matchLimit; {
		at := strings.Index(s[from:], "curl")
		if at < 0 {
			break
		}
		at += from
		from = at + len("curl")
		rest := strings.TrimPrefix(s[from:], ".exe")
		if at > 0 && !strings.ContainsRune(" \n$>;&|(", rune(s[at-1])) || !strings.HasPrefix(rest, " ") {
			continue
		}
		out = append(out, shellWords(rest[:min(len(rest), commandLimit)]))
	}
	return out
}

// shellWords splits a command at blanks outside of quotes, up to the end of the
// line that no backslash (or cmd's ^, or PowerShell's `) continues. A quote that
// is never closed ends the command: what follows may be inside a value.
func shellWords(s string) []string {
	var words []string
	var word strings.Builder
	quote, open := byte(0), false
	flush := func() {
		if open {
			words = append(words, word.String())
		}
		word.Reset()
		open = false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			} else {
				word.WriteByte(c)
			}
		case c == '\'' || c == '"':
			quote, open = c, true
		case (c == '\\' || c == '^' || c == '`') && i+1 < len(s):
			if i++; s[i] != '\n' {
				word.WriteByte(s[i])
				open = true
			}
		case c == ' ':
			flush()
		case c == '\n' || c == '|' || c == ';':
			flush()
			return words
		default:
			word.WriteByte(c)
			open = true
		}
	}
	if quote != 0 {
		return words
	}
	flush()
	return words
}

// urlOfCommand is the URL among the words of a curl command. A word without
// scheme counts only where it is no option's value: -u takes user:password,
// which looks like host and port.
func urlOfCommand(words []string) string {
	for i, word := range words {
		switch {
		case strings.HasPrefix(word, "http://") || strings.HasPrefix(word, "https://"):
			if i > 0 && takesURL(words[i-1]) {
				continue
			}
			return word
		case strings.HasPrefix(word, "--url="):
			return strings.TrimPrefix(word, "--url=")
		case strings.HasPrefix(word, "-") || i > 0 && !isSwitch(words[i-1]) && strings.HasPrefix(words[i-1], "-"):
			continue
		}
		authority, _, _ := strings.Cut(word, "/")
		if plainHost(authority) {
			return "http://" + word
		}
	}
	return ""
}

// takesURL names options whose value is a URL that the request does not go to.
func takesURL(option string) bool {
	switch option {
	case "-x", "--proxy", "-e", "--referer", "--preproxy", "--doh-url", "-H", "--header", "-d", "--data", "--data-raw":
		return true
	}
	return false
}

// isSwitch tells that an option takes no value.
func isSwitch(option string) bool {
	switch option {
	case "--insecure", "--verbose", "--silent", "--show-error", "--location", "--include", "--head", "--fail",
		"--compressed", "--globoff", "--http1.1", "--http2", "--netrc", "--no-progress-meter", "--url":
		return true
	}
	return strings.HasPrefix(option, "-") && len(option) > 1 && strings.Trim(option[1:], "ksSvLiIfgNn#46") == ""
}
