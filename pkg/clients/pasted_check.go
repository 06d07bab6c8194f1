package clients

import (
	"errors"
	"strconv"
	"strings"

	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/session"
)

// checkPasted refuses cookies that cannot be what the server gave out. Names
// stay out of the errors, too: a damaged value may look like one.
func checkPasted(cookies []session.Cookie) error {
	for _, cookie := range cookies {
		if cookie.Value == "" {
			return fault.New(fault.Usage, pasteHint, "the pasted cookie has no value")
		}
		// RFC 6265, 4.1.1: what a server may put into a value.
		if checkCookies([]session.Cookie{cookie}) != nil || strings.ContainsAny(cookie.Value, " \",\\") {
			return fault.New(fault.Usage, pasteHint, "the pasted cookie has characters in it that no cookie has")
		}
	}
	return checkParts(cookies)
}

// ErrPartMissing is a large session of which not all cookies are there.
var ErrPartMissing = errors.New("a part of the cookie is missing")

// missingPart is an ErrPartMissing that names the part.
type missingPart string

// Error implements error.
func (m missingPart) Error() string { return "part " + string(m) + " of the cookie is missing" }

// Unwrap makes it an ErrPartMissing.
func (missingPart) Unwrap() error { return ErrPartMissing }

// checkParts finds a part of a large session that was left behind. oauth2-proxy
// numbers them from 0 (cookies.go, splitCookie).
func checkParts(cookies []session.Cookie) error {
	parts := map[string]map[int]bool{}
	for _, cookie := range cookies {
		base, number, ok := cutPart(cookie.Name)
		if !ok {
			continue
		}
		if parts[base] == nil {
			parts[base] = map[int]bool{}
		}
		parts[base][number] = true
	}
	for base, numbers := range parts {
		for n := range len(numbers) {
			if !numbers[n] {
				return fault.New(fault.Usage, "paste all parts at once: the whole Cookie header",
					"%w", missingPart(base+"_"+strconv.Itoa(n)))
			}
		}
	}
	return nil
}

// cutPart takes "oauth2_proxy_kubeflow_1" apart.
func cutPart(name string) (base string, number int, ok bool) {
	at := strings.LastIndexByte(name, '_')
	if at < 0 || !session.IsSessionCookie(name) {
		return "", 0, false
	}
	number, err := strconv.Atoi(name[at+1:])
	return name[:at], number, err == nil
}
