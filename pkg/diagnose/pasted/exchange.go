package pasted

import (
	"strconv"
	"strings"
)

// exchange is a request and its answer as curl -v, curl -i and developer tools
// show them. Of headers with secrets it keeps only that they were there.
type exchange struct {
	host, path string // of the request
	authorized bool   // the request had an Authorization header
	status     int
	start, end int // of the status line
	envoy      bool
	empty      bool // the answer has no body
	cleared    bool // the answer takes the session's cookie away
	toHTTPS    bool // the answer leads to https
}

// readExchanges reads all that a text shows. Lines of a request belong to the
// answer that follows.
func readExchanges(s string) []exchange {
	var out []exchange
	var current exchange
	at := 0
	for line := range strings.SplitSeq(s, "\n") {
		start := at
		at += len(line) + 1
		if path, ok := requestLine(line); ok {
			out = append(out, current)
			current = exchange{path: path}
			continue
		}
		if status, ok := statusLine(line); ok {
			if current.status != 0 {
				out = append(out, current)
				current = exchange{}
			}
			current.status, current.start, current.end = status, start, start+len(line)
			continue
		}
		current.header(line)
	}
	out = append(out, current)
	kept := out[:0]
	for _, e := range out {
		// "host:" alone is a line of YAML.
		if e.path != "" || e.status != 0 || e.authorized {
			kept = append(kept, e)
		}
	}
	return kept
}

func (e *exchange) header(line string) {
	name, value, ok := strings.Cut(line, ":")
	if !ok {
		return
	}
	value = strings.TrimSpace(value)
	switch strings.ToLower(name) {
	case "host":
		e.host = value
	case "authorization":
		e.authorized = true
	case "server":
		e.envoy = strings.HasSuffix(value, "envoy")
	case "content-length":
		e.empty = value == "0"
	case "location":
		e.toHTTPS = strings.HasPrefix(value, "https://")
	case "set-cookie":
		e.cleared = e.cleared || clearsSession(value)
	}
}

// clearsSession recognises how oauth2-proxy answers to a session that it does
// not take: the cookie without a value.
func clearsSession(cookie string) bool {
	name, rest, _ := strings.Cut(cookie, "=")
	base := strings.TrimRight(name, "_0123456789")
	return (base == "oauth2_proxy_kubeflow" || base == "oauth2_proxy" || base == "authservice_session") &&
		(rest == "" || rest[0] == ';')
}

func requestLine(line string) (path string, ok bool) {
	method, rest, ok := strings.Cut(line, " ")
	if !ok || len(method) < 3 || len(method) > 7 || strings.Trim(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return "", false
	}
	path, version, ok := strings.Cut(rest, " ")
	return path, ok && strings.HasPrefix(version, "HTTP/")
}

func statusLine(line string) (status int, ok bool) {
	version, rest, ok := strings.Cut(line, " ")
	if !ok || !strings.HasPrefix(version, "HTTP/") || len(version) > len("HTTP/1.1") {
		return 0, false
	}
	number, _, _ := strings.Cut(rest, " ")
	status, err := strconv.Atoi(number)
	return status, err == nil && status >= 200 && status < 600
}

// sendsAuthorization tells whether the text shows an Authorization header, or
// the options of curl that make one.
func sendsAuthorization(s string, exchanges []exchange) bool {
	for _, e := range exchanges {
		if e.authorized {
			return true
		}
	}
	for _, sign := range []string{"Server auth using Basic with user", "Authorization: Basic ", "Authorization: Bearer "} {
		if strings.Contains(s, sign) {
			return true
		}
	}
	for _, command := range curlCommands(s) {
		for _, word := range command {
			switch word {
			case "-u", "--user", "-n", "--netrc", "--netrc-file", "--oauth2-bearer":
				return true
			}
		}
	}
	return false
}
