package session

import (
	"net/url"
	"strings"
)

// follow decides about a redirect by the place that it leads to.
func (w *walk) follow(a *answer) (*call, error) {
	to, at := a.location, placeOf(a.location)
	switch {
	case a.call.stage == stageCallback:
		return nil, w.finish(a)
	case !w.isHome(to) && at.kind != placeCallback && w.takesPassword(to) && w.Door.Elsewhere != nil:
		// the way goes on at another origin that may have the password
	case !w.isHome(to):
		return w.leave(a)
	case a.call.method == "GET" && to.String() == a.call.url.String():
		return nil, w.circle(a)
	}
	switch at.kind {
	case placeStart:
		w.era = EraOAuth2Proxy
		return w.get(stageStart, to), nil
	case placeAuth:
		return w.toAuth(to), nil
	case placeConnector:
		return w.toConnector(a, at.connector)
	case placeForm:
		return w.toForm(to, at.connector), nil
	case placeApproval:
		return w.get(stageApproval, to), nil
	case placeCallback:
		return w.get(stageCallback, to), nil
	}
	return w.get(a.call.stage, to), nil
}

// toAuth goes to Dex: past the choice of connectors where one is known.
func (w *walk) toAuth(to *url.URL) *call {
	w.authorize = to
	w.noteEra(to)
	if id := w.known.Connector; id != "" && isAuthorization(to.Query()) {
		w.jumped, w.connector = true, id
		return w.get(stageConnector, connectorOf(to, id))
	}
	return w.get(stageAuth, to)
}

// noteEra tells the auth proxy by where it takes the code.
func (w *walk) noteEra(to *url.URL) {
	back, err := url.Parse(to.Query().Get("redirect_uri"))
	if err != nil || w.era != EraUnknown {
		return
	}
	switch {
	case strings.HasSuffix(back.Path, "/oauth2/callback"):
		w.era = EraOAuth2Proxy
	case strings.HasSuffix(back.Path, "/login/oidc"), strings.HasSuffix(back.Path, "/authservice/oidc/callback"):
		w.era = EraAuthService
	}
}

// toConnector follows Dex where it goes straight to its only connector.
func (w *walk) toConnector(a *answer, id string) (*call, error) {
	w.noteEra(a.location)
	if w.authorize == nil {
		w.authorize = a.location
	}
	if w.Connector != "" && id != w.Connector {
		return nil, w.noSuchConnector([]Connector{{ID: id}})
	}
	w.connector = id
	return w.get(stageConnector, a.location), nil
}

// toForm posts the form unseen where it is the one of the connector that was
// chosen, at the Door itself; else it is fetched.
func (w *walk) toForm(to *url.URL, id string) *call {
	w.formURL = to
	if w.credentials == nil || w.posted || id != w.connector || !w.isHome(to) {
		return w.get(stageForm, to)
	}
	w.direct, w.posted = true, true
	k := *w.credentials
	return &call{stage: stagePost, method: "POST", url: to, form: url.Values{"login": {k.Login}, "password": {k.Password}}}
}
