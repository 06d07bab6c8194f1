package session

import (
	"net/url"
	"strings"
)

// place is what an address on the way of a login stands for, known by its path
// and query alone.
type place struct {
	kind placeKind
	// connector is the id in the path, where there is one.
	connector string
}

type placeKind string

const (
	// placeStart is where oauth2-proxy begins a login.
	placeStart placeKind = "the start of the login"
	// placeAuth is Dex's authorization endpoint, where connectors are chosen.
	placeAuth placeKind = "Dex"
	// placeConnector is the start of one connector.
	placeConnector placeKind = "Dex's connector"
	// placeForm is the form of a connector that takes passwords. From Dex 2.29 on
	// it has an address of its own, so that it can be posted unseen.
	placeForm placeKind = "Dex's form"
	// placeApproval is where Dex asks whether the client may have what it wants.
	placeApproval placeKind = "Dex's approval"
	// placeCallback is where the auth proxy takes the code, or the error.
	placeCallback placeKind = "the callback"
	placeOther    placeKind = "a page"
)

// placeOf recognises an address. Dex's issuer, and so the part before /auth, is
// a matter of configuration; its last parts are not (server/server.go of Dex).
func placeOf(u *url.URL) place {
	query := u.Query()
	switch {
	case strings.HasSuffix(u.Path, "/oauth2/start") || strings.HasSuffix(u.Path, "/oauth2/sign_in"):
		return place{kind: placeStart}
	case query.Has("state") && (query.Has("code") || query.Has("error")):
		return place{kind: placeCallback}
	case strings.HasSuffix(u.Path, "/approval") && query.Has("req"):
		return place{kind: placeApproval}
	}
	parts := strings.Split(strings.Trim(u.EscapedPath(), "/"), "/")
	n := len(parts)
	switch {
	case n >= 3 && parts[n-1] == "login" && parts[n-3] == "auth" && query.Get("state") != "":
		return place{placeForm, unescaped(parts[n-2])}
	case n >= 2 && parts[n-2] == "auth" && (query.Has("client_id") || query.Has("req")):
		return place{placeConnector, unescaped(parts[n-1])}
	case parts[n-1] == "auth" && (isAuthorization(query) || query.Has("req")):
		return place{kind: placeAuth}
	}
	return place{kind: placeOther}
}

// isAuthorization tells of an OAuth 2.0 authorization request (RFC 6749, 4.1.1).
func isAuthorization(query url.Values) bool {
	return query.Get("client_id") != "" && query.Has("response_type")
}

func unescaped(part string) string {
	if id, err := url.PathUnescape(part); err == nil {
		return id
	}
	return part
}

// connectorOf is the address of a connector below Dex's authorization endpoint,
// with the same query.
func connectorOf(auth *url.URL, id string) *url.URL {
	u := auth.JoinPath(url.PathEscape(id))
	u.RawQuery = auth.RawQuery
	return u
}

// originOf is scheme and host of an address, without the default port.
func originOf(u *url.URL) string {
	host := strings.ToLower(u.Hostname())
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	scheme := strings.ToLower(u.Scheme)
	if port := u.Port(); port != "" && port != defaultPort(scheme) {
		host += ":" + port
	}
	return scheme + "://" + host
}

func defaultPort(scheme string) string {
	switch scheme {
	case "https":
		return "443"
	case "http":
		return "80"
	}
	return ""
}
