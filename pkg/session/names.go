package session

import (
	"regexp"
	"slices"
	"strings"
)

// authServiceCookie is the session of Kubeflow 1.3 to 1.8.
const authServiceCookie = "authservice_session"

// proxyCookies are the names of oauth2-proxy's sessions: Kubeflow's and the
// program's default, whole or in parts (_0, _1 above 4,000 bytes).
var proxyCookies = regexp.MustCompile(`^(oauth2_proxy_kubeflow|_oauth2_proxy)(_\d+)?$`)

// IsSessionCookie tells whether a cookie of that name is a session that the auth
// proxies of Kubeflow's manifests make.
func IsSessionCookie(name string) bool {
	return name == authServiceCookie || proxyCookies.MatchString(name)
}

// EraOfCookie tells which auth proxy makes cookies of that name.
func EraOfCookie(name string) Era {
	switch {
	case name == authServiceCookie:
		return EraAuthService
	case proxyCookies.MatchString(name):
		return EraOAuth2Proxy
	}
	return EraUnknown
}

// isTransient tells of a cookie that is there only while somebody logs in:
// oauth2-proxy's ends in _csrf, the AuthService's is oidc_state_csrf.
func isTransient(name string) bool { return strings.Contains(name, "csrf") }

// sessionCookies are those of a jar that are the session: the ones with known
// names, or, where a distribution chose another name, all that stayed.
func sessionCookies(all []Cookie) []Cookie {
	stayed := slices.DeleteFunc(slices.Clone(all), func(c Cookie) bool { return isTransient(c.Name) })
	known := slices.DeleteFunc(slices.Clone(stayed), func(c Cookie) bool { return !IsSessionCookie(c.Name) })
	if len(known) > 0 {
		return known
	}
	return stayed
}
