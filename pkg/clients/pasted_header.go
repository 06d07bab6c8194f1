package clients

import (
	"regexp"
	"strings"

	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/session"
)

// readHeaders reads headers of which one or more are Cookie, the value of such
// a header, several cookies a line each, or the value of one cookie.
func readHeaders(text string) ([]pasted, error) {
	var found []pasted
	var lines []string
	for line := range strings.Lines(text) {
		line = unquoted(strings.TrimSpace(line))
		// A line that is the header's name alone: copied from a table of headers.
		if line == "" || strings.EqualFold(strings.TrimSuffix(line, ":"), "cookie") {
			continue
		}
		lines = append(lines, line)
		if value, ok := cutCookieHeader(line); ok {
			found = append(found, pairs(value, "")...)
		}
	}
	switch {
	case found != nil:
		return found, nil
	case len(lines) == 1:
		return readLine(lines[0])
	}
	for _, line := range lines {
		cookies := pairs(line, "")
		if len(cookies) == 0 || !session.IsSessionCookie(cookies[0].name) {
			return nil, fault.New(fault.Usage, pasteHint,
				"the pasted text has %d lines and no Cookie header: a value must be on one line", len(lines))
		}
		found = append(found, cookies...)
	}
	return found, nil
}

// unquoted takes off quotes around the whole.
func unquoted(line string) string {
	if n := len(line); n >= 2 && (line[0] == '"' || line[0] == '\'') && line[n-1] == line[0] {
		return line[1 : n-1]
	}
	return line
}

// cutCookieHeader returns the value of a Cookie header.
func cutCookieHeader(line string) (value string, ok bool) {
	name, value, ok := strings.Cut(line, ":")
	return value, ok && strings.EqualFold(strings.TrimSpace(name), "cookie")
}

// pairs takes the value of a Cookie header apart. What is no name=value is
// left out.
func pairs(header, domain string) []pasted {
	var found []pasted
	for pair := range strings.SplitSeq(header, ";") {
		name, value, ok := strings.Cut(strings.TrimSpace(pair), "=")
		if ok && name != "" {
			found = append(found, pasted{name: name, value: value, domain: domain})
		}
	}
	return found
}

// oauth2ProxyValue is base64 of the encrypted session, the time at which it was
// issued, and base64 of the signature (oauth2-proxy, encryption.SignedValue).
var oauth2ProxyValue = regexp.MustCompile(`^[A-Za-z0-9_+/-]+={0,2}\|\d{9,12}\|[A-Za-z0-9_+/-]+={0,2}$`)

// authServiceValue is base64 (gorilla/securecookie). The real ones have less
// than 200 characters; a part of a split cookie looks alike, but has thousands.
var authServiceValue = regexp.MustCompile(`^[A-Za-z0-9_+/-]{16,1000}=*$`)

// jwt is a token of three parts, of which the first starts with {" in base64.
var jwt = regexp.MustCompile(`^eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*$`)

// readLine reads one line: name=value; name2=value2, or a value, which tells
// by its form which cookie it is of.
func readLine(line string) ([]pasted, error) {
	named := startsWithName(line)
	switch {
	case !named && oauth2ProxyValue.MatchString(line):
		return []pasted{{name: "oauth2_proxy_kubeflow", value: line}}, nil
	case !named && authServiceValue.MatchString(line):
		return []pasted{{name: "authservice_session", value: line}}, nil
	case jwt.MatchString(line):
		return nil, fault.New(fault.Usage, pasteHint, "the pasted text is a bearer token, not a cookie")
	}
	if found := pairs(line, ""); len(found) > 0 {
		return found, nil
	}
	return nil, fault.New(fault.Usage, pasteHint, "the pasted text is neither name=value nor the value of a session's cookie")
}

// startsWithName tells a pair from a value that has = in it.
func startsWithName(line string) bool {
	name, _, _ := strings.Cut(line, "=")
	return session.IsSessionCookie(name)
}
