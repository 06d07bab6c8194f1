package clients

import (
	"net/netip"
	"strings"

	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/session"
)

// checkCookies refuses what would say something else in a header, in a line of
// a file or in a shell. The value stays out of the error.
func checkCookies(cookies []session.Cookie) error {
	for _, cookie := range cookies {
		if cookie.Name == "" || !isPrintable(cookie.Name) || strings.ContainsAny(cookie.Name, "=; ") {
			return fault.New(fault.LoginFailed, "", "Kubeflow's cookie %q has a name that no header can carry", cookie.Name)
		}
		if !isPrintable(cookie.Value) || strings.Contains(cookie.Value, ";") {
			return fault.New(fault.LoginFailed, "", "the value of the cookie %s has a character that no header can carry", cookie.Name)
		}
	}
	return nil
}

// isPrintable tells that s is ASCII without control characters.
func isPrintable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// isHost tells that a cookie file can name the host, which is without brackets.
// A dot in front would make it a whole domain, and names beyond ASCII are xn--…
// there.
func isHost(host string) bool {
	return host != "" && host[0] != '.' && isPrintable(host) && !strings.ContainsAny(host, "[]")
}

// isLoopback tells whether a host, without port, is this computer. Python
// calls localhost "localhost.local".
func isLoopback(host string) bool {
	if host == "localhost" || host == "localhost.local" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && addr.IsLoopback()
}

// pythonDomain is the domain under which http.cookiejar looks for a host's
// cookies: it adds ".local" to what has no dot (eff_request_host), and leaves
// the brackets of an IPv6 address on.
func pythonDomain(host string) string {
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if strings.Contains(host, ".") {
		return host
	}
	return host + ".local"
}
