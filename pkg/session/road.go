package session

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

// isHome tells whether an address is of the Door's origin.
func (c *Client) isHome(u *url.URL) bool { return originOf(u) == originOf(c.Door.Origin) }

// home moves an absolute address that means the Door onto its origin. Through a
// tunnel that is every address of the same host: scheme and port are those of
// the outside, the tunnel has one of each.
func (c *Client) home(u *url.URL) *url.URL {
	sameHost := strings.EqualFold(u.Hostname(), c.Door.Origin.Hostname())
	isWeb := u.Scheme == "https" || u.Scheme == "http"
	if c.isHome(u) || c.Door.Tunnel && sameHost && isWeb {
		at := *u
		at.Scheme, at.Host, at.User = c.Door.Origin.Scheme, c.Door.Origin.Host, nil
		return &at
	}
	return u
}

// takesPassword tells whether the password may be posted to an address: to the
// Door's origin, to https of the same host, or to an origin that was allowed.
// Never from https to http.
func (c *Client) takesPassword(u *url.URL) bool {
	if c.isHome(u) {
		return true
	}
	origin := c.Door.Origin
	if u.Scheme != "https" && (u.Scheme != "http" || origin.Scheme == "https") {
		return false
	}
	if u.Scheme == "https" && strings.EqualFold(u.Hostname(), origin.Hostname()) {
		return true
	}
	return slices.ContainsFunc(c.Door.PasswordOrigins, func(allowed string) bool {
		other, err := url.Parse(allowed)
		return err == nil && originOf(other) == originOf(u)
	})
}

// road is what carries a request to an address.
func (c *Client) road(u *url.URL) (http.RoundTripper, error) {
	if c.isHome(u) {
		return c.Door.Transport, nil
	}
	if c.takesPassword(u) && c.Door.Elsewhere != nil {
		return c.Door.Elsewhere, nil
	}
	return nil, fault.New(fault.LoginFailed, "name the address that people use: --url "+originOf(u),
		"the login leads from %s to %s, which is not visited", originOf(c.Door.Origin), originOf(u))
}
