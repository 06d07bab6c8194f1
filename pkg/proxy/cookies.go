package proxy

import (
	"net/http"
	"strings"

	"github.com/kftls/kubectl-kftls/pkg/session"
)

// addSession replaces the client's cookies of the session's names by the
// session's own. Others, such as XSRF tokens, pass unchanged.
func addSession(header http.Header, s *session.Session) {
	if s == nil {
		return
	}
	names := sessionNames(s)
	var kept []string
	for _, line := range header.Values("Cookie") {
		for pair := range strings.SplitSeq(line, ";") {
			pair = strings.TrimSpace(pair)
			if pair != "" && !names.has(cookieName(pair)) {
				kept = append(kept, pair)
			}
		}
	}
	header.Set("Cookie", strings.Join(append(kept, session.Header(s.Cookies)), "; "))
}

// cookieName is the name in "name=value".
func cookieName(pair string) string {
	name, _, _ := strings.Cut(pair, "=")
	return strings.TrimSpace(name)
}

// names are the names of a session's cookies without the number of a part.
type names []string

// sessionNames are what a session's cookies are called: oauth2-proxy splits a
// large one into name_0, name_1 and so on, and a stray part beside a whole one
// makes it refuse both.
func sessionNames(s *session.Session) names {
	var all names
	for _, cookie := range s.Cookies {
		name := cookie.Name
		if cut := strings.LastIndexByte(name, '_'); cut > 0 && strings.Trim(name[cut+1:], "0123456789") == "" {
			name = name[:cut]
		}
		all = append(all, name)
	}
	return all
}

// has tells whether a cookie belongs to the session: under its name, as a part
// of it, or as the CSRF token of its login.
func (n names) has(name string) bool {
	for _, own := range n {
		if name == own || strings.HasPrefix(name, own+"_") {
			return true
		}
	}
	return false
}

// localCookies makes Kubeflow's Set-Cookie headers fit for the client: without
// the session's own, which would only be in its way, without a Domain that is
// not this computer's, and over plain HTTP without Secure, with which some
// clients would never send them back.
func localCookies(header http.Header, s *session.Session, isTLS bool) {
	lines := header.Values("Set-Cookie")
	header.Del("Set-Cookie")
	for _, line := range lines {
		pair, attributes, _ := strings.Cut(line, ";")
		if s != nil && sessionNames(s).has(cookieName(pair)) {
			continue
		}
		local := []string{pair}
		for attribute := range strings.SplitSeq(attributes, ";") {
			if strings.TrimSpace(attribute) != "" && fitsHere(attribute, isTLS) {
				local = append(local, attribute)
			}
		}
		header.Add("Set-Cookie", strings.Join(local, ";"))
	}
}

// fitsHere tells whether an attribute of a cookie makes sense on loopback.
// Browsers refuse SameSite=None without Secure.
func fitsHere(attribute string, isTLS bool) bool {
	name, value, _ := strings.Cut(strings.ToLower(strings.TrimSpace(attribute)), "=")
	switch strings.TrimSpace(name) {
	case "domain":
		return false
	case "secure":
		return isTLS
	case "samesite":
		return isTLS || strings.TrimSpace(value) != "none"
	}
	return true
}
