package session

import (
	"net/url"
	"strings"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

// importHint is the way in where only a browser gets in.
const importHint = "log in with a browser, and hand over its cookie: kubectl kftls cookie --import"

// providers are login services by their hosts.
var providers = map[string]string{
	"github.com":                "GitHub",
	"gitlab.com":                "GitLab",
	"bitbucket.org":             "Bitbucket",
	"accounts.google.com":       "Google",
	"login.microsoftonline.com": "Microsoft",
	"login.microsoftonline.us":  "Microsoft",
	"www.linkedin.com":          "LinkedIn",
}

// providerOf names who asks for the password.
func providerOf(u *url.URL) string {
	if name, known := providers[strings.ToLower(u.Hostname())]; known {
		return name
	}
	return u.Host
}

// leave is what follows from a redirect to an origin that gets no password.
func (w *walk) leave(a *answer) (*call, error) {
	to, at := a.location, placeOf(a.location)
	isDex := at.kind == placeForm || at.kind == placeApproval ||
		(at.kind == placeAuth || at.kind == placeConnector) && strings.Contains(to.Path, "/dex/")
	switch {
	case at.kind == placeCallback:
		return nil, fault.New(fault.LoginFailed, "come by the address that its redirect URL names: --url "+originOf(to)+", or --host "+to.Hostname()+" through the tunnel",
			"the login leads back to %s, not to %s", originOf(to), originOf(w.Door.Origin))
	case Classify(a.status, a.header, nil) == ToHTTPS && strings.EqualFold(to.Hostname(), w.Door.Origin.Hostname()):
		return nil, fault.New(fault.LoginFailed, "--url "+originOf(to), "%s leads to %s, and answers nothing else",
			originOf(w.Door.Origin), originOf(to))
	case isDex:
		return nil, w.elsewhere(to)
	}
	w.noteEra(to)
	w.wall = firstWall(w.wall, ToDex)
	return w.external(a, providerOf(to))
}

func firstWall(wall, otherwise Wall) Wall {
	if wall == Unknown || wall == "" {
		return otherwise
	}
	return wall
}

// toSAML ends at the page by which Dex sends a browser to a SAML provider.
func (w *walk) toSAML(a *answer) (*call, error) { return w.external(a, "SAML") }

// external ends at a provider: a look names it, a login cannot go on.
func (w *walk) external(a *answer, name string) (*call, error) {
	w.provider = printable(name)
	if w.credentials == nil {
		w.done = true
		return nil, nil
	}
	by := ""
	if w.connector != "" {
		by = " (connector " + printable(w.connector) + ")"
	}
	return nil, fault.New(fault.LoginNeeded, importHint,
		"the login of %s is at %s%s, which this program does not log in at", originOf(a.call.url), w.provider, by)
}

// elsewhere refuses to send the password to an origin that nobody allowed.
func (w *walk) elsewhere(to *url.URL) error {
	door := originOf(w.Door.Origin)
	switch {
	case strings.HasSuffix(to.Hostname(), ".svc.cluster.local") || strings.HasSuffix(to.Hostname(), ".svc"):
		return fault.New(fault.LoginFailed, "the auth proxy's login_url has to be a path or an outside address, and skip_oidc_discovery true",
			"%s sends the login to %s, a name that only the cluster's inside knows", door, originOf(to))
	case to.Scheme != "https" && w.Door.Origin.Scheme == "https":
		return fault.New(fault.LoginNeeded, importHint,
			"the login form of %s is at %s: a password does not go from https to plain http", door, originOf(to))
	case w.takesPassword(to):
		return fault.New(fault.LoginFailed, "come by https: --url "+originOf(to),
			"the login form of %s is at %s, to which no way was opened", door, originOf(to))
	}
	return fault.New(fault.LoginNeeded, "if that is this Kubeflow's Dex: --allow-origin "+originOf(to),
		"the login form of %s is at %s; the password was not sent there", door, originOf(to))
}

// circle tells of a redirect to the very address that was asked for.
func (w *walk) circle(a *answer) error {
	if strings.HasPrefix(strings.ToLower(a.header.Get("Location")), "https:") && a.call.url.Scheme == "http" {
		return fault.New(fault.LoginFailed, "kubectl kftls setup, and come by HTTPS; or take httpsRedirect out of the Gateway",
			"the plain port of %s leads to https, and answers nothing else", w.Door.Origin.Host)
	}
	return fault.New(fault.LoginFailed, "kubectl kftls cookie -v 1 shows the steps",
		"%s leads to itself", shown(a.call.url))
}
