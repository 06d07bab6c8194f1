package pasted

import (
	"net/url"
	"strings"
)

// safeURL parses a URL and leaves out all that may hold a secret: the user, the
// query, the fragment, and the path from where it looks like a token. It gives
// nil if it cannot tell these parts apart for sure.
func safeURL(raw string) *url.URL {
	scheme, rest, ok := strings.Cut(raw, "://")
	if !ok || (scheme != "http" && scheme != "https") || strings.ContainsAny(raw, " \\\n") {
		return nil
	}
	// A "/", "?" or "#" in a password ends the host for a parser, and what the
	// person takes for the rest of the password becomes a path.
	authority := rest
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		authority = rest[:end]
		if strings.Contains(rest[end:], "@") {
			return nil
		}
	}
	u, err := url.Parse(scheme + "://" + authority)
	if err != nil || !plainHost(u.Host) {
		return nil
	}
	path, _, _ := strings.Cut(rest[len(authority):], "#")
	path, _, _ = strings.Cut(path, "?")
	return &url.URL{Scheme: scheme, Host: u.Host, Path: safePath(path)}
}

// safePath cuts a path where it stops to look like one that people write.
func safePath(path string) string {
	if !strings.HasPrefix(path, "/") {
		return "/"
	}
	var out strings.Builder
	for i, segment := range strings.Split(path[1:], "/") {
		if i > 10 || !plainSegment(segment) {
			return out.String() + "/"
		}
		out.WriteString("/" + segment)
	}
	return out.String()
}

func plainSegment(segment string) bool {
	for i := range len(segment) {
		c := segment[i]
		if !isDigit(c) && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && !strings.ContainsRune("._-~", rune(c)) {
			return false
		}
	}
	return isUUID(segment) || plainName(strings.ToLower(segment), "._~") &&
		(len(segment) < 16 || segment == strings.ToLower(segment))
}

// isUUID recognises the ids of runs and experiments.
func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		if dash != (s[i] == '-') || !dash && !isDigit(s[i]) && (s[i] < 'a' || s[i] > 'f') {
			return false
		}
	}
	return true
}
