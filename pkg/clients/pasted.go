package clients

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/session"
)

// pastedLimit is far above what a browser keeps for all sites together.
const pastedLimit = 8 << 20

const pasteHint = "in the browser's developer tools, copy the cookie oauth2_proxy_kubeflow (all its parts _0, _1, …) " +
	"or authservice_session as name=value, or a request to Kubeflow with \"Copy as cURL\""

// pasted is a cookie as it was found in a pasted text.
type pasted struct {
	name, value string
	// domain is where it belongs, with a dot in front if to the hosts below, too;
	// "" where the text does not tell.
	domain string
	secure bool
}

// ParsePasted reads the cookies of a session as people copy them: the value
// alone, a Cookie header with or without "Cookie:", the headers of a request, a
// Netscape file, or what the developer tools of browsers copy as cURL (POSIX
// shells and Windows' cmd) or as PowerShell. Of several cookies those that hold
// a session of Kubeflow are taken; those that the text gives to another host
// than host (without a port; "" for any) are refused. Errors have the reason
// Usage and never hold a value.
func ParsePasted(text []byte, host string) ([]session.Cookie, error) {
	if len(text) > pastedLimit {
		return nil, fault.New(fault.Usage, pasteHint, "the pasted text has %d bytes: that is no cookie", len(text))
	}
	trimmed := bytes.TrimSpace(bytes.TrimPrefix(text, []byte("\ufeff")))
	if len(trimmed) == 0 {
		return nil, fault.New(fault.Usage, pasteHint, "nothing was pasted")
	}
	found, err := readPasted(string(trimmed))
	if err != nil {
		return nil, err
	}
	return chooseCookies(found, strings.Trim(strings.ToLower(host), "[]"))
}

func readPasted(text string) ([]pasted, error) {
	switch {
	case strings.Contains(text, "System.Net.Cookie("):
		return readPowerShell(text), nil
	case isCurl(text):
		return readCurl(text)
	case isNetscape(text):
		return readNetscape(text), nil
	}
	return readHeaders(text)
}

// chooseCookies takes the session's cookies of one host.
func chooseCookies(found []pasted, host string) ([]session.Cookie, error) {
	known, err := ofSession(found)
	if err != nil {
		return nil, err
	}
	if known, err = ofHost(known, host); err != nil {
		return nil, err
	}
	var out []session.Cookie
	for _, p := range known {
		// The first of a name is what a server sees.
		if !slices.ContainsFunc(out, func(c session.Cookie) bool { return c.Name == p.name }) {
			out = append(out, session.Cookie{Name: p.name, Value: p.value, Secure: p.secure})
		}
	}
	if err := checkPasted(out); err != nil {
		return nil, err
	}
	return out, nil
}

// ofSession leaves out what holds no session. A cookie that stands alone is
// taken under any name: an installation may have chosen its own.
func ofSession(found []pasted) ([]pasted, error) {
	var known []pasted
	var others []string
	for _, p := range found {
		if session.IsSessionCookie(p.name) {
			known = append(known, p)
		} else if !slices.Contains(others, p.name) {
			others = append(others, p.name)
		}
	}
	switch {
	case len(known) > 0:
		return known, nil
	case len(others) == 1:
		return found, nil
	case len(others) == 0:
		return nil, fault.New(fault.Usage, pasteHint, "there is no cookie in the pasted text")
	}
	return nil, fault.New(fault.Usage, pasteHint, "none of the %d cookies in the pasted text is a session of Kubeflow", len(others))
}

// ofHost leaves out the cookies of other hosts, and puts those first that are
// the host's own.
func ofHost(known []pasted, host string) ([]pasted, error) {
	var out []pasted
	var elsewhere []string
	for _, p := range known {
		if belongs(p.domain, host) {
			out = append(out, p)
		} else if domain := strings.TrimPrefix(p.domain, "."); !slices.Contains(elsewhere, domain) {
			elsewhere = append(elsewhere, domain)
		}
	}
	if len(out) == 0 {
		return nil, fault.New(fault.Usage, "if that is the same Kubeflow, name it as the browser does, with --url or --host",
			"the pasted cookies belong to %q, not to %s", elsewhere, host)
	}
	slices.SortStableFunc(out, func(a, b pasted) int {
		return cmp.Compare(distance(a.domain, host), distance(b.domain, host))
	})
	return out, nil
}

func belongs(domain, host string) bool {
	return domain == "" || host == "" || domain == host ||
		isLoopback(domain) && isLoopback(host) ||
		strings.HasPrefix(domain, ".") && strings.HasSuffix("."+host, domain)
}

// distance orders domains: the host itself, then its parents and other names
// of this computer.
func distance(domain, host string) int {
	if domain == host {
		return 0
	}
	return 1
}
