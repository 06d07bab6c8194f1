package session

import (
	"context"
	"net/http"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

// SignOut calls the sign-out of the session's era. oauth2-proxy keeps sessions
// in their cookies: it forgets nothing, and copies of a cookie stay valid until
// their end. The AuthService deletes the session.
func (c *Client) SignOut(ctx context.Context, s *Session) error {
	if s.Era != EraAuthService {
		return c.signOutAt(ctx, s, call{stage: stageSignOut, method: http.MethodGet, url: c.path("/oauth2/sign_out")})
	}
	// From Kubeflow 1.7 on by POST, with the session as a bearer token.
	later := call{stage: stageSignOut, method: http.MethodPost, url: c.path("/authservice/logout")}
	for _, cookie := range s.Cookies {
		if cookie.Name == authServiceCookie {
			later.header = http.Header{"Authorization": {"Bearer " + cookie.Value}}
		}
	}
	if err := c.signOutAt(ctx, s, later); fault.ReasonOf(err) != fault.NotFound {
		return err
	}
	return c.signOutAt(ctx, s, call{stage: stageSignOut, method: http.MethodGet, url: c.path("/logout")})
}

func (c *Client) signOutAt(ctx context.Context, s *Session, k call) error {
	a, err := c.fetch(ctx, k, newJar(s.Cookies))
	switch {
	case err != nil:
		return err
	case a.status == http.StatusNotFound || a.status == http.StatusMethodNotAllowed:
		return fault.New(fault.NotFound, "", "%s has no sign-out at %s", originOf(c.Door.Origin), k.url.Path)
	case a.status < 400, a.kind == kindUnauthorized, a.kind == kindSignIn: // the latter: it is signed out
		return nil
	}
	return c.unexpected(a)
}

// Adopt makes a session of a browser's cookies, if Kubeflow accepts them. Their
// end is the id_token's, or not known: a Cookie header does not tell.
func (c *Client) Adopt(ctx context.Context, cookies []Cookie) (*Session, error) {
	s := &Session{
		Origin: originOf(c.Door.Origin), Era: EraUnknown, Cookies: cookies, Obtained: c.now(), Imported: true,
	}
	for _, cookie := range cookies {
		if era := EraOfCookie(cookie.Name); era != EraUnknown {
			s.Era = era
		}
	}
	if err := c.Check(ctx, cookies); err != nil {
		return nil, err
	}
	s.Known.Era = s.Era
	c.learn(ctx, s)
	return s, nil
}
