package session

import (
	"context"
	"errors"
	"net/url"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

// Login logs in and returns a session that was checked. It sends four requests
// where era and connector are known, one more for each that is not, one to check
// the session and one to learn its end. An open Kubeflow is ErrOpen.
//
// Reasons of errors: LoginRefused (login or password wrong), Usage (no such
// connector), LoginNeeded (only a browser can log in, or approval was refused),
// LoginFailed (a part of the login is down or set up wrongly), NotKubeflow,
// Certificate, Unreachable, Timeout.
func (c *Client) Login(ctx context.Context, k Credentials) (*Session, error) {
	w := c.newWalk(&k)
	err := w.run(ctx)
	if isAtCallback(err) {
		// A second start overwrites the CSRF cookie of the first, and then the
		// first callback fails. The password was right: no account is locked.
		w = c.newWalk(&k)
		err = w.run(ctx)
	}
	switch {
	case err != nil:
		return nil, err
	case w.open:
		return nil, ErrOpen
	}
	return w.session(ctx)
}

// errCallback marks failures of the callback, after the password was accepted.
type errCallback struct{ error }

func (e errCallback) Unwrap() error { return e.error }

func isAtCallback(err error) bool {
	_, is := errors.AsType[errCallback](err)
	return is
}

// session checks what the walk brought, and learns its user and end.
func (w *walk) session(ctx context.Context) (*Session, error) {
	cookies := sessionCookies(w.jar.cookies)
	s := &Session{
		Origin: originOf(w.Door.Origin), Era: w.eraOf(cookies), Login: w.credentials.Login,
		Cookies: cookies, Obtained: w.now(), Expires: w.jar.end(cookies),
		RedirectURL: plain(w.redirect), DexLoginURL: plain(w.formURL),
	}
	s.Known = Known{Era: s.Era}
	if w.isJumpable() {
		s.Known.Connector = w.connector
	}
	if err := w.Check(ctx, cookies); err != nil {
		return nil, w.refusedAtOnce(err, cookies)
	}
	w.learn(ctx, s)
	return s, nil
}

func (w *walk) eraOf(cookies []Cookie) Era {
	for _, cookie := range cookies {
		if era := EraOfCookie(cookie.Name); era != EraUnknown {
			return era
		}
	}
	return w.era
}

// isJumpable tells whether the next login may go past Dex's choice: the request
// to the connector was an authorization request of its own. Before 2.29 Dex
// keeps the request itself, and its connectors cannot be reached directly.
func (w *walk) isJumpable() bool {
	return w.connector != "" && w.formURL != nil && placeOf(w.formURL).kind == placeForm
}

// refusedAtOnce says of a new session that it was not accepted.
func (w *walk) refusedAtOnce(err error, cookies []Cookie) error {
	if fault.ReasonOf(err) != fault.LoginNeeded {
		return err
	}
	return fault.New(fault.LoginFailed, "compare the clocks of this computer, the cluster and Dex; "+proxyLog,
		"the login succeeded, and its session of %d bytes was refused right afterwards: %w", len(Header(cookies)), err)
}

// learn adds what the id_token tells: the user, and its end, after which the
// gateway refuses it although the auth proxy does not. Not every era shows it.
func (c *Client) learn(ctx context.Context, s *Session) {
	if s.Era == EraAuthService {
		return
	}
	token, err := c.IDToken(ctx, s.Cookies)
	if err != nil {
		return
	}
	s.User = token.User
	if !token.Expires.IsZero() {
		s.Expires = earlier(s.Expires, &token.Expires)
	}
}

// plain is an address without its query, "" for none.
func plain(u *url.URL) string {
	if u == nil {
		return ""
	}
	return shown(u)
}

// Look recognises the front door, and walks to the login form, or to where it is
// seen that there is none. It posts nothing. It begins at the front page, whatever
// is known: an auth proxy may be there and guard nothing.
func (c *Client) Look(ctx context.Context) (*Look, error) {
	w := c.newWalk(nil)
	w.known.Era = EraUnknown
	if err := w.run(ctx); err != nil {
		return nil, err
	}
	return &Look{
		Open: w.open, Era: w.era, Wall: w.wall, Connectors: w.offered, Connector: w.connector,
		Provider: w.provider, LoginPrompt: w.form.prompt(),
	}, nil
}
