package pasted

import (
	"net/netip"
	"strings"
)

// quotable is what a gap took, if that can be no secret, else "…". Programs put
// into their errors what they were given, and that may be a password where a
// host should be.
func quotable(s string, start, end int, gap string) string {
	taken := s[start:end]
	after := byte(' ')
	if end < len(s) {
		after = s[end]
	}
	switch {
	// What goes on is the user of a URL, or the value of something.
	case after == '@' || after == '=' || after == '+' || after == '%':
		return "…"
	case gap == "{num}" && len(taken) <= 6:
		return taken
	case gap == "{name}" && plainName(taken, "./"):
		return taken
	case gap != "{name}" && gap != "{num}" && plainHost(taken):
		return taken
	}
	return "…"
}

// plainHost takes localhost, addresses and dotted names, with or without port.
func plainHost(s string) bool {
	host := s
	if at := strings.LastIndexByte(s, ':'); at >= 0 && (strings.Count(s, ":") == 1 || strings.HasPrefix(s, "[")) && !strings.HasSuffix(s, "]") {
		port := s[at+1:]
		if len(port) > 5 || strings.Trim(port, "0123456789") != "" {
			return false
		}
		host = s[:at]
	}
	if host == "localhost" {
		return true
	}
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return true
	}
	host = strings.TrimPrefix(host, "*.")
	return strings.Contains(host, ".") && plainName(host, ".")
}

// plainName takes names of lower case that people gave. What machines make is
// longer, or has its letters and digits mixed: tokens, hashes, base64.
func plainName(s, separators string) bool {
	if len(s) > 100 {
		return false
	}
	split := func(r rune) bool { return strings.ContainsRune(separators, r) }
	for label := range strings.FieldsFuncSeq(s, split) {
		if len(label) > 50 || label != strings.ToLower(label) {
			return false
		}
		for word := range strings.SplitSeq(label, "-") {
			if len(word) > 24 || len(word) > 10 && changes(word) > 2 {
				return false
			}
		}
	}
	return true
}

// changes counts how often letters and digits alternate.
func changes(word string) int {
	n := 0
	for i := 1; i < len(word); i++ {
		if isDigit(word[i]) != isDigit(word[i-1]) {
			n++
		}
	}
	return n
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
