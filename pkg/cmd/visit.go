package cmd

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/kftls/kubectl-kftls/pkg/endpoint"
	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/session"
	"github.com/kftls/kubectl-kftls/pkg/state"
)

// loginWait bounds the wait for another process that logs in as the same user.
const loginWait = time.Minute

// visit is one command's stay at a Kubeflow: the way there, the sessions that
// are kept for it, and the login.
type visit struct {
	flags    *sessionFlags
	factory  *Factory
	endpoint *endpoint.Endpoint
	sessions *state.Sessions
	client   *session.Client
	source   *credentialSource
}

// obtained is a session that Kubeflow has just confirmed.
type obtained struct {
	*session.Session
	// LoggedIn tells that this run made the login.
	LoggedIn bool
	// Warning is what the user should know of it, "" for nothing.
	Warning string
}

// visit validates the flags, finds the door and opens the stores. It sends what
// finding the door needs. The caller closes the visit.
func (s *sessionFlags) visit(ctx context.Context, f *Factory) (*visit, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	source, err := s.credentials(ctx, f)
	if err != nil {
		return nil, err
	}
	home, err := f.Home()
	if err != nil {
		return nil, err
	}
	way, err := s.open(ctx, f)
	if err != nil {
		return nil, err
	}
	v := &visit{flags: s, factory: f, endpoint: way, source: source, client: s.client(f, way)}
	if v.sessions, err = home.Sessions(ctx, state.Storage(s.storage), state.SystemKeyring()); err != nil {
		way.Close()
		return nil, err
	}
	return v, nil
}

func (v *visit) close() { v.endpoint.Close() }

// client speaks with Kubeflow's login over a way.
func (s *sessionFlags) client(f *Factory, way *endpoint.Endpoint) *session.Client {
	c := &session.Client{
		Door:      session.Door{Origin: way.Origin, Tunnel: way.Tunnel, Transport: way.Transport, PasswordOrigins: s.allowOrigins},
		Connector: s.connector,
		Consent:   s.consent(f),
		Now:       f.Now,
	}
	if !way.Tunnel || len(s.allowOrigins) > 0 { // https of the same host, or an origin that was allowed
		c.Door.Elsewhere = &http.Transport{
			Proxy: http.ProxyFromEnvironment, TLSClientConfig: way.Transport.TLSClientConfig.Clone(),
			TLSHandshakeTimeout: way.Transport.TLSHandshakeTimeout, IdleConnTimeout: way.Transport.IdleConnTimeout,
		}
	}
	if f.Verbosity > 0 {
		c.Trace = func(step session.Step) { f.UI.Note("%s", step) }
	}
	return c
}

// consent answers Dex's approval page: by --approve for what is expected, else
// by asking.
func (s *sessionFlags) consent(f *Factory) func(context.Context, session.Consent) (bool, error) {
	return func(ctx context.Context, ask session.Consent) (bool, error) {
		if s.approve && ask.Expected {
			return true, nil
		}
		if s.approve || !f.UI.CanAsk() {
			hint := "look at what it asks for: approve it in a browser once, or on a terminal"
			if ask.Expected {
				hint = "it is what Kubeflow always asks for: add --approve, or approve it on a terminal"
			}
			return false, fault.New(fault.LoginNeeded, hint,
				"Dex asks whether %q may have %s, and nobody approved that", ask.Client, strings.Join(ask.Scopes, ", "))
		}
		answer, err := f.UI.Ask(ctx, fmt.Sprintf("Dex asks: may %q have %s? [y/N] ", ask.Client, strings.Join(ask.Scopes, ", ")))
		return strings.EqualFold(answer, "y") || strings.EqualFold(answer, "yes"), err
	}
}

// session returns a session that Kubeflow confirms: the stored one if it will
// do, else by a login, which is stored. fresh passes over the stored one. The
// error is session.ErrOpen where Kubeflow has no login.
func (v *visit) session(ctx context.Context, fresh bool) (*obtained, error) {
	login, stored, err := v.choose()
	if err != nil {
		return nil, err
	}
	var kept *obtained
	if stored != nil {
		v.client.Known = stored.Known
		if !fresh {
			if kept, err = v.confirm(ctx, stored); err != nil {
				return nil, err
			}
			if kept != nil && v.suffices(stored) {
				return kept, nil
			}
		}
	}
	if kept != nil && !v.source.ready() { // it is valid, if not for long
		if v.flags.minValidityGiven {
			return nil, fault.New(fault.LoginNeeded, "log in again: kubectl kftls login --fresh",
				"the session of %s ends in %s, sooner than --min-validity %s", login, v.left(stored), v.flags.minValidity)
		}
		kept.Warning = fmt.Sprintf("the session of %s ends in %s; for a new one: kubectl kftls login --fresh", login, v.left(stored))
		return kept, nil
	}
	return v.logIn(ctx, login, stored, fresh)
}

// choose decides whose session is meant, and loads it if it is kept.
func (v *visit) choose() (login string, stored *session.Session, err error) {
	login = v.source.login()
	if login == "" {
		ids, err := v.sessions.List(v.endpoint.Key)
		if err != nil {
			return "", nil, err
		}
		if len(ids) > 1 {
			return "", nil, severalLogins(ids)
		}
		if len(ids) == 1 {
			login = ids[0].Login
		}
	}
	if login == "" {
		return "", nil, nil
	}
	return login, v.load(login), nil
}

// severalLogins asks the user to choose.
func severalLogins(ids []state.SessionID) error {
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = id.Login
	}
	return fault.New(fault.LoginNeeded, "choose one: --login "+names[0],
		"there are %d sessions for this Kubeflow: %s", len(ids), strings.Join(names, ", "))
}

// loginOf names a session: what was typed into the form, or who Kubeflow says it
// is where a browser made it.
func loginOf(s *session.Session) string { return cmp.Or(s.Login, s.User) }

func (v *visit) id(login string) state.SessionID {
	return state.SessionID{Endpoint: v.endpoint.Key, Login: login}
}

// load returns the stored session of a login, nil where there is none that can
// be read: a new one replaces it.
func (v *visit) load(login string) *session.Session {
	return readSession(v.sessions, v.id(login))
}

// store keeps a session. That it could not be kept is no reason to fail.
func (v *visit) store(s *session.Session) {
	data, err := json.Marshal(s)
	if err == nil {
		err = v.sessions.Save(v.id(loginOf(s)), data)
	}
	if err != nil {
		v.factory.UI.Warn("the session could not be kept: %v", err)
	}
}

// confirm asks Kubeflow whether a stored session still holds; nil without an
// error means that it does not.
func (v *visit) confirm(ctx context.Context, stored *session.Session) (*obtained, error) {
	if !stored.Valid(v.factory.Now(), 0) {
		return nil, nil
	}
	err := v.client.Check(ctx, stored.Cookies)
	switch {
	case err == nil:
		return &obtained{Session: stored}, nil
	case fault.ReasonOf(err) == fault.LoginNeeded:
		return nil, nil
	}
	return nil, err
}

// suffices tells whether a session has enough life left.
func (v *visit) suffices(s *session.Session) bool {
	return s.Valid(v.factory.Now(), v.flags.minValidity)
}

// left is for people: how much life a session has.
func (v *visit) left(s *session.Session) time.Duration {
	return s.Expires.Sub(v.factory.Now()).Round(time.Second)
}

// logIn gets credentials and logs in, as often as the source has tries. Without
// credentials at hand the wall is recognised first: nobody types a password for
// a Kubeflow that wants none, or another one.
func (v *visit) logIn(ctx context.Context, login string, before *session.Session, fresh bool) (*obtained, error) {
	prompt := ""
	if !v.source.ready() {
		look, err := v.client.Look(ctx)
		switch {
		case err != nil:
			return nil, err
		case look.Open:
			return nil, session.ErrOpen
		case look.Provider != "": // no password of the user's would be of use
			return nil, fault.New(fault.LoginNeeded, "log in with a browser, and hand over its cookie: kubectl kftls cookie --import",
				"the login of %s is at %s, which this program does not log in at", v.endpoint.Origin, look.Provider)
		}
		prompt = look.LoginPrompt
		v.client.Known = session.Known{Era: look.Era, Connector: look.Connector}
	}
	for attempt := 1; ; attempt++ {
		credentials, err := v.source.get(ctx, v.endpoint.Origin.String(), login, prompt)
		if err != nil {
			return nil, err
		}
		got, err := v.logInOnce(ctx, credentials, before, fresh)
		if fault.ReasonOf(err) != fault.LoginRefused || attempt >= v.source.tries() {
			return got, err
		}
		v.factory.UI.Error(err.Error(), "")
	}
}

// logInOnce logs in while no other process does so for the same user. Who had
// to wait takes what the other one got: its session, or its refusal of the same
// password, since a directory may lock an account after a few.
func (v *visit) logInOnce(ctx context.Context, k session.Credentials, before *session.Session, fresh bool) (_ *obtained, err error) {
	waiting, cancel := context.WithTimeout(ctx, loginWait)
	defer cancel()
	lock, err := v.sessions.Lock(waiting, v.id(k.Login))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	if text, refused := lock.Refusal(k.Password); refused {
		return nil, fault.New(fault.LoginRefused, refusedHint, "%s", text)
	}
	if now := v.load(k.Login); now != nil && !fresh && (before == nil || now.Obtained.After(before.Obtained)) {
		kept, err := v.confirm(ctx, now)
		if err != nil || kept != nil && v.suffices(now) {
			return kept, err
		}
	}
	made, err := v.client.Login(ctx, k)
	if err != nil {
		if fault.ReasonOf(err) == fault.LoginRefused {
			err = errors.Join(err, lock.NoteRefusal(k.Password, err.Error()))
		}
		return nil, err
	}
	v.store(made)
	got := &obtained{Session: made, LoggedIn: true}
	switch {
	case v.suffices(made):
	case v.flags.minValidityGiven:
		return nil, fault.New(fault.LoginNeeded, "ask for less, or let Kubeflow's administrator lengthen sessions (cookie_expire) and id_tokens (expiry.idTokens)",
			"a new session of %s ends in %s, sooner than --min-validity %s", k.Login, v.left(made), v.flags.minValidity)
	default:
		got.Warning = fmt.Sprintf("the new session ends in %s already", v.left(made))
	}
	return got, nil
}

const refusedHint = "check login and password; the login form in a browser takes the same ones"

// defaultURL is where clients on this computer reach Kubeflow: --url, or the
// port-forward that goes with what is served.
func (v *visit) defaultURL() string {
	switch {
	case !v.endpoint.Tunnel:
		return v.endpoint.Origin.String()
	case v.endpoint.IsTLS():
		return "https://localhost:8443"
	}
	return "http://localhost:8080"
}
