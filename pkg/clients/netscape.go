package clients

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// unknownLife stands in a cookie file where a session's end is not known. 0
// would make it a session cookie, which Python's MozillaCookieJar drops when it
// loads the file. A day is what Kubeflow gives (Max-Age 86400 in the
// configuration of oauth2-proxy and of the AuthService); the file does not
// prolong anything, for Kubeflow alone decides.
const unknownLife = 24 * time.Hour

// netscape is a cookie file: `curl -b FILE`, http.cookiejar.MozillaCookieJar.
// The format: https://curl.se/docs/http-cookies.html
func netscape(h *handover) ([]byte, error) {
	expires := h.Now.Add(unknownLife)
	if h.Session != nil && h.Session.Expires != nil {
		expires = *h.Session.Expires
	}
	var out strings.Builder
	out.WriteString("# Netscape HTTP Cookie File\n") // Python wants this line
	for _, domain := range cookieDomains(h.host) {
		for _, cookie := range h.cookies {
			// Host only, all paths. Secure where it is used over TLS, whatever the
			// server said: requests sends Secure cookies over TLS alone.
			fmt.Fprintf(&out, "%s\tFALSE\t/\t%s\t%d\t%s\t%s\n",
				domain, boolean(h.tls), expires.Unix(), cookie.Name, cookie.Value)
		}
	}
	return []byte(out.String()), nil
}

// cookieDomains are the domains under which clients look for a host's cookies.
// All names of this computer get them, for curl sends what is localhost's not
// to 127.0.0.1, and Python never sends what is localhost's.
func cookieDomains(host string) []string {
	var domains []string
	if isLoopback(host) {
		domains = []string{"localhost", "localhost.local", "127.0.0.1"}
	}
	for _, domain := range []string{host, pythonDomain(host)} {
		if !slices.Contains(domains, domain) {
			domains = append(domains, domain)
		}
	}
	return domains
}

func boolean(b bool) string {
	if b {
		return "TRUE"
	}
	return "FALSE"
}
