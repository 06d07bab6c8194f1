package session

import (
	"cmp"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// answer is one response, read as far as a login needs.
type answer struct {
	call   call
	status int
	header http.Header
	body   []byte
	at     time.Time
	// location is where a redirect leads, on the Door where it stays there; nil
	// for anything else.
	location *url.URL
	kind     kind
	// page is parsed for HTML only, and never nil.
	page *page
}

// call is one request of a login.
type call struct {
	stage  stage
	method string
	url    *url.URL
	form   url.Values // of a POST
	header http.Header
}

// stage is what a request is made for. The answer decides what comes next; the
// stage is for what the same answer means at different places.
type stage string

const (
	stageStart     stage = "start the login"
	stageAuth      stage = "ask Dex for its connectors"
	stageConnector stage = "start Dex's connector"
	stageForm      stage = "fetch the login form"
	stagePost      stage = "send login and password"
	stageApproval  stage = "get Dex's approval"
	stageCallback  stage = "hand the code to the auth proxy"
	stageCheck     stage = "check the session"
	stageIDToken   stage = "ask for the id_token" //nolint:gosec // G101: words
	stageSignOut   stage = "sign out"
)

// kind is what an answer was recognised as, in words for the trace.
type kind string

const (
	kindSignIn       kind = "oauth2-proxy's sign-in page"
	kindUnauthorized kind = "not logged in"
	kindRedirect     kind = "redirect"
	kindForm         kind = "login form"
	kindConnectors   kind = "choice of connectors"
	kindApproval     kind = "approval page"
	kindSAML         kind = "request to a SAML provider"
	kindSecondFactor kind = "second factor"
	kindRBAC         kind = "denied by Istio"
	kindNoAuthorizer kind = "authorization service down"
	kindJWT          kind = "id_token refused by Istio"
	kindTooLarge     kind = "headers too large"
	kindUpstream     kind = "upstream down"
	kindError        kind = "error page"
	kindHealth       kind = "Kubeflow Pipelines"
	kindDashboard    kind = "Kubeflow's dashboard"
	kindToken        kind = "id_token"
	kindOpen         kind = "page"
	kindOther        kind = "not recognised"
)

// recognise tells what an answer is, by status, headers and structure.
func recognise(a *answer) kind {
	switch {
	case a.location != nil:
		return kindRedirect
	case a.status == http.StatusRequestHeaderFieldsTooLarge || a.status == http.StatusBadRequest && a.says("Header Or Cookie Too Large"):
		return kindTooLarge
	case a.status == http.StatusForbidden && Classify(a.status, a.header, a.body) == SignIn:
		return kindSignIn
	}
	if k := recognisePage(a); k != "" {
		return k
	}
	switch {
	case a.status == http.StatusUnauthorized && a.says("Jwt"), a.status == http.StatusForbidden && a.says("Audiences in Jwt"):
		return kindJWT
	case a.status == http.StatusUnauthorized:
		return kindUnauthorized
	case a.status == http.StatusForbidden && a.says("RBAC: access denied"):
		return kindRBAC
	case a.status == http.StatusForbidden && len(a.body) == 0:
		return kindNoAuthorizer
	case a.status >= 502 && a.status <= 504:
		return kindUpstream
	case a.status >= 400:
		return kindError
	case a.status >= 200 && a.status < 300:
		return recogniseKubeflow(a)
	}
	return kindOther
}

// recogniseKubeflow tells Kubeflow's own answers from other good ones.
func recogniseKubeflow(a *answer) kind {
	switch {
	case isHealth(a):
		return kindHealth
	case isDashboard(a):
		return kindDashboard
	case a.call.stage == stageIDToken && a.header.Get("Authorization") != "":
		return kindToken
	}
	return kindOpen
}

// isBehindLogin tells of a page that no part of the login made.
func (a *answer) isBehindLogin() bool {
	return a.kind == kindOpen || a.kind == kindHealth || a.kind == kindDashboard
}

func recognisePage(a *answer) kind {
	if _, ok := a.page.startForm(); ok && a.status == http.StatusForbidden {
		return kindSignIn
	}
	if _, ok := a.page.loginForm(); ok && (a.status == http.StatusOK || a.status == http.StatusUnauthorized) {
		return kindForm
	}
	if a.status != http.StatusOK {
		return ""
	}
	if _, ok := a.page.approvalForm(); ok {
		return kindApproval
	}
	if _, ok := a.page.samlForm(); ok {
		return kindSAML
	}
	if a.page.asksSecondFactor() {
		return kindSecondFactor
	}
	if offered, _ := a.page.connectors(a.call.url); len(offered) > 0 {
		return kindConnectors
	}
	return ""
}

func (a *answer) isHTML() bool { return a.hasType("text/html") }

func (a *answer) isJSON() bool { return a.hasType("application/json") }

func (a *answer) hasType(name string) bool {
	return strings.HasPrefix(strings.ToLower(a.header.Get("Content-Type")), name)
}

// says looks for words of a program in an answer.
func (a *answer) says(words string) bool { return strings.Contains(string(a.body), words) }

// words are what an error answer tells people, in one line.
func (a *answer) words() string {
	switch {
	case a.location != nil:
		return "" // its body repeats the Location, secrets included
	case a.isHTML():
		return cmp.Or(a.page.content, a.page.message, a.page.heading, a.page.title)
	}
	return printable(string(a.body[:min(len(a.body), 4*maxText)]))
}

// step is the answer as the trace shows it.
func (a *answer) step() Step {
	s := Step{
		Method: a.call.method, Host: a.call.url.Host, Path: a.call.url.Path,
		Status: a.status, Recognised: string(a.kind),
	}
	if a.location != nil {
		s.LocationHost, s.LocationPath = a.location.Host, a.location.Path
		s.Recognised = "redirect to " + string(placeOf(a.location).kind)
		if a.call.stage == stageCallback {
			s.Recognised = "end of the login"
		}
	}
	return s
}
