package proxy

import (
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

// guard returns why a request may not pass, nil where it may.
//
// A page of another site can make a browser on this computer send requests
// here. The Host header tells it where the page's own name was made to resolve
// to loopback (DNS rebinding); Origin and Sec-Fetch-Site tell it otherwise
// (https://www.w3.org/TR/fetch-metadata/). Programs send neither.
func (p *Proxy) guard(r *http.Request) *refusal {
	switch {
	case !peerOf(r.Context()).isOurs():
		return refused(http.StatusForbidden, fault.Forbidden, "run the command as the user who asks",
			"this endpoint acts for its own user alone, and %s asks", peerOf(r.Context()))
	case !p.isOwnHost(r.Host):
		return refused(http.StatusMisdirectedRequest, fault.Forbidden, "ask for "+p.URL(),
			"this endpoint does not answer for the host %q", shortened(r.Host))
	case r.Method == http.MethodConnect:
		return refused(http.StatusMethodNotAllowed, fault.Forbidden, "ask for "+p.URL(), "this endpoint is no proxy for other hosts")
	case r.Method == http.MethodTrace:
		return refused(http.StatusMethodNotAllowed, fault.Forbidden, "ask with GET", "TRACE would show the session's cookie")
	case r.Header.Get("Sec-Fetch-Site") == "cross-site":
		return refused(http.StatusForbidden, fault.Forbidden, "type the address "+p.URL()+" into the browser",
			"a page of another site asks, and it may not use your session")
	}
	for _, origin := range r.Header.Values("Origin") {
		if !p.isOwnOrigin(origin) {
			return refused(http.StatusForbidden, fault.Forbidden, "begin at "+p.URL(),
				"a page of %q asks, and it may not use your session", shortened(origin))
		}
	}
	return nil
}

// isOwnHost tells whether a Host header names this endpoint.
func (p *Proxy) isOwnHost(hostport string) bool {
	host, port, err := net.SplitHostPort(hostport)
	if err != nil { // no port: the scheme's
		host, port = strings.Trim(hostport, "[]"), defaultPorts[p.scheme()]
	}
	if port != strconv.Itoa(int(p.Port)) {
		return false
	}
	return strings.EqualFold(host, "localhost") || host == "127.0.0.1" || host == "::1"
}

var defaultPorts = map[string]string{"http": "80", "https": "443"}

// isOwnOrigin tells whether an Origin header or a URL belongs to this endpoint.
// "null" does not: any page can have itself sent so.
func (p *Proxy) isOwnOrigin(origin string) bool {
	parsed, err := url.Parse(origin)
	return err == nil && parsed.Scheme == p.scheme() && p.isOwnHost(parsed.Host)
}

// shortened is what a stranger sent, at a length that can be shown.
func shortened(text string) string {
	const enough = 100
	if len(text) <= enough {
		return text
	}
	return text[:enough] + "…"
}
