package pasted

import (
	"net"
	"net/url"
	"strings"
)

// findURL finds where the failing request went. What names a path comes before
// what names a host alone; of equals, the last one failed.
func findURL(s string, exchanges []exchange) *url.URL {
	for i := len(exchanges) - 1; i >= 0; i-- {
		e := exchanges[i]
		if e.host == "" {
			continue
		}
		path := e.path
		if !strings.HasPrefix(path, "/") {
			path = "/"
		}
		if u := safeURL(schemeOf(s, e.host) + "://" + e.host + path); u != nil {
			return u
		}
	}
	for _, command := range curlCommands(s) {
		if u := safeURL(urlOfCommand(command)); u != nil {
			return u
		}
	}
	for _, find := range []func(string) string{poolURL, errorURL, curlPeer} {
		if u := safeURL(find(s)); u != nil {
			return u
		}
	}
	return nil
}

// schemeOf guesses the scheme of a host from what else the text says.
func schemeOf(s, host string) string {
	switch {
	case strings.Contains(s, "http://"+host):
		return "http"
	case strings.Contains(s, "https://"+host), strings.HasSuffix(host, "443"):
		return "https"
	}
	for _, sign := range []string{"SSL connection using", "TLS handshake", "SSL_connect", "error:0A", "error:1408"} {
		if strings.Contains(s, sign) {
			return "https"
		}
	}
	return "http"
}

// poolURL reads what urllib3 says: HTTPSConnectionPool(host='localhost',
// port=8443): Max retries exceeded with url: /pipeline/…
func poolURL(s string) string {
	before, rest, ok := strings.Cut(s, "ConnectionPool(host=")
	if !ok {
		return ""
	}
	scheme := "http"
	if strings.HasSuffix(before, "HTTPS") {
		scheme = "https"
	}
	line, _, _ := strings.Cut(rest, "\n")
	host, rest, ok := strings.Cut(line, ", port=")
	if !ok {
		return ""
	}
	digits := span(rest, "{num}")
	path := "/"
	if _, after, ok := strings.Cut(rest, "with url: "); ok {
		path, _, _ = strings.Cut(after, " ")
	}
	return scheme + "://" + net.JoinHostPort(strings.Trim(host, `'"[]\`), rest[:digits]) + path
}

// errorURL reads the URLs that errors name.
func errorURL(s string) string {
	for _, words := range []string{
		`Get "`, `Post "`, `Put "`, `Delete "`, `Patch "`, `Head "`, // Go
		"for url: ",          // requests
		"unable to access '", // git
		"for GET against: ", "for POST against: ",
	} {
		for from := 0; ; {
			at := strings.Index(s[from:], words)
			if at < 0 {
				break
			}
			from += at + len(words)
			if rest := s[from:]; strings.HasPrefix(rest, "https://") || strings.HasPrefix(rest, "http://") {
				return rest[:urlLength(rest)]
			}
		}
	}
	// wget: --2026-11-26 13:15:20--  https://localhost:8443/
	for line := range strings.SplitSeq(s, "\n") {
		if stamp, rest, ok := strings.Cut(line, "--  http"); ok && strings.HasPrefix(stamp, "--2") && len(stamp) < 30 {
			rest = "http" + rest
			return rest[:urlLength(rest)]
		}
	}
	return ""
}

// urlLength is up to where a URL goes on. Whoever wrote a blank or a quote into
// a password gets no URL rather than half of it.
func urlLength(s string) int {
	line, _, _ := strings.Cut(s, "\n")
	if end := strings.IndexAny(line, "'\"<>"); end >= 0 {
		return end
	}
	return len(strings.TrimRight(line, " .,)"))
}

// curlPeer reads errors of curl that name a host and a port alone.
func curlPeer(s string) string {
	if _, rest, ok := strings.Cut(s, "in connection to "); ok {
		return "https://" + rest[:span(rest, "{host}")]
	}
	_, rest, ok := strings.Cut(s, "Failed to connect to ")
	if !ok {
		_, rest, ok = strings.Cut(s, "Connected to ")
	}
	if !ok {
		return ""
	}
	line, _, _ := strings.Cut(rest, "\n")
	host := line[:span(line, "{host}")]
	_, rest, ok = strings.Cut(line, " port ")
	if !ok {
		return ""
	}
	host = net.JoinHostPort(strings.Trim(host, "[]"), rest[:span(rest, "{num}")])
	return schemeOf(s, host) + "://" + host
}
