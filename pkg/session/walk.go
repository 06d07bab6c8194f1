package session

import (
	"context"
	"net/http"
	"net/url"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

// walk is one way through a login, from the front door to the callback. Each
// answer is recognised, and what it is decides what is asked next.
type walk struct {
	*Client
	jar jar
	// credentials are nil for a look: the walk then ends at the form.
	credentials *Credentials
	// known are the hints that have not failed yet.
	known Known

	era  Era
	wall Wall
	// authorize is Dex's authorization endpoint with the auth proxy's query.
	authorize *url.URL
	connector string
	offered   []Connector
	// jumped tells that the choice of connectors was passed over.
	jumped bool
	// direct tells that the form was posted without being fetched.
	direct bool
	// posted tells that the password was sent in this walk.
	posted   bool
	provider string
	form     form
	formURL  *url.URL
	redirect *url.URL // where the callback leads
	open     bool
	done     bool
}

// newWalk takes the hints, of which an asked connector is a command.
func (c *Client) newWalk(k *Credentials) *walk {
	w := &walk{Client: c, credentials: k, known: c.Known, era: EraUnknown}
	if c.Connector != "" {
		w.known.Connector = c.Connector
	}
	return w
}

// run walks until the login is made, the form is found (a look), or nothing
// leads on.
func (w *walk) run(ctx context.Context) error {
	next := w.start()
	for range maxSteps {
		a, err := w.fetch(ctx, *next, &w.jar)
		if err != nil {
			return err
		}
		if next, err = w.react(ctx, a); err != nil || w.done {
			return err
		}
	}
	return fault.New(fault.LoginFailed, "kubectl kftls cookie -v 1 shows the steps",
		"the login at %s goes in circles: %d requests, and no end", originOf(w.Door.Origin), maxSteps)
}

// start is the first request: where the era is known, the one that begins the
// login, else the front page, whose answer tells the era.
func (w *walk) start() *call {
	if w.known.Era == EraOAuth2Proxy {
		return w.startAt(w.path("/oauth2/start"))
	}
	return w.get(stageStart, w.path("/"))
}

// startAt begins oauth2-proxy's login; rd is where it leads back to.
func (w *walk) startAt(u *url.URL) *call {
	at := *u
	at.RawQuery = url.Values{"rd": {"/"}}.Encode()
	return w.get(stageStart, &at)
}

// path is an address at the Door.
func (c *Client) path(path string) *url.URL {
	return &url.URL{Scheme: c.Door.Origin.Scheme, Host: c.Door.Origin.Host, Path: path}
}

func (w *walk) get(s stage, u *url.URL) *call {
	return &call{stage: s, method: http.MethodGet, url: u}
}

// react decides what comes next: a request, the end (done), or an error.
func (w *walk) react(ctx context.Context, a *answer) (*call, error) {
	if w.wall == "" {
		w.wall = Classify(a.status, a.header, a.body)
	}
	switch {
	case w.hintFailed(a):
		w.known.Era, w.wall = EraUnknown, ""
		return w.start(), nil
	case w.jumpFailed(a):
		w.jumped, w.known.Connector = false, ""
		return w.get(stageAuth, w.authorize), nil
	case w.postNotUnderstood(a):
		w.direct, w.posted = false, false
		return w.get(stageForm, a.call.url), nil
	}
	switch a.kind {
	case kindRedirect:
		return w.follow(a)
	case kindSignIn, kindUnauthorized:
		return w.enter(a)
	case kindConnectors:
		return w.choose(a)
	case kindForm:
		return w.fill(a)
	case kindApproval:
		return w.approve(ctx, a)
	case kindSAML:
		return w.toSAML(a)
	}
	return w.end(ctx, a)
}

// hintFailed tells that the start which a known era promised is not there.
func (w *walk) hintFailed(a *answer) bool {
	return a.call.stage == stageStart && w.known.Era == EraOAuth2Proxy && a.kind != kindRedirect &&
		a.kind != kindTooLarge && a.call.url.Path != "/"
}

// jumpFailed tells that Dex does not start the connector that was taken without
// looking at its choice. What it says of the client is said of every connector.
func (w *walk) jumpFailed(a *answer) bool {
	return a.call.stage == stageConnector && w.jumped && a.kind == kindError &&
		!a.says("redirect_uri") && !a.says("client_id")
}

// postNotUnderstood tells that the form has to be looked at: what was posted
// unseen got an answer that is none to a login. Errors of the server (5xx) are
// answers: directories lock accounts after a few tries.
func (w *walk) postNotUnderstood(a *answer) bool {
	if a.call.stage != stagePost || !w.direct {
		return false
	}
	return a.kind == kindOpen || a.kind == kindUnauthorized || a.kind == kindError && a.status < 500
}

// enter goes from oauth2-proxy's wall to its start.
func (w *walk) enter(a *answer) (*call, error) {
	if a.call.stage != stageStart || w.era == EraOAuth2Proxy {
		return nil, w.failure(a)
	}
	w.era = EraOAuth2Proxy
	if f, ok := a.page.startForm(); ok {
		if target, err := f.target(a.call.url); err == nil && w.isHome(target) {
			return w.startAt(target), nil
		}
	}
	return w.startAt(w.path("/oauth2/start")), nil
}

// end is for answers that lead nowhere: the callback's, what stands behind the
// login, or a failure.
func (w *walk) end(ctx context.Context, a *answer) (*call, error) {
	switch {
	case a.call.stage == stageCallback && a.status < 400:
		return nil, w.finish(a)
	case a.call.stage != stageStart || a.call.url.Path != "/", !a.isBehindLogin() && a.status != http.StatusNotFound:
		return nil, w.failure(a)
	}
	switch err := w.Check(ctx, nil); {
	case fault.ReasonOf(err) == fault.LoginNeeded: // the front page alone is open
		w.wall = ""
		return w.get(stageStart, w.path(healthPath)), nil
	case err != nil:
		return nil, err
	}
	w.open, w.done = true, true
	return nil, nil
}

// finish takes the session that the callback's answer brought.
func (w *walk) finish(a *answer) error {
	if len(sessionCookies(w.jar.cookies)) == 0 {
		return fault.New(fault.LoginFailed, "kubectl kftls cookie -v 1 shows the steps",
			"the login at %s ended without a session cookie: %s answered %d", originOf(w.Door.Origin), a.call.url.Path, a.status)
	}
	w.redirect, w.done = a.location, true
	return nil
}
