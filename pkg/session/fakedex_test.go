package session

import (
	"cmp"
	"embed"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"strings"
)

//go:embed testdata
var recorded embed.FS

// recordedPage fills in a page of testdata.
func recordedPage(name string, pairs ...string) string {
	data, err := recorded.ReadFile("testdata/" + name)
	if err != nil {
		panic(err)
	}
	return strings.NewReplacer(pairs...).Replace(string(data))
}

func writePage(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	w.Write([]byte(body))
}

// fakeDex answers as Dex of a release does. Its steps are those of
// server/handlers.go in 2.22.0, 2.31.2, 2.35.0 and 2.41.1, read from source; those
// of 2.41.1 were also run.
type fakeDex struct {
	release    string // "2.22", "2.31", "2.35", "2.41"
	connectors []fakeConnector
	approval   bool
	// requests are Dex's AuthRequests: the query of the client by id.
	requests map[string]url.Values
	loggedIn map[string]string
	next     int
	posts    int
	asked    []string // logins, in order
}

type fakeConnector struct {
	Connector
	prompt   string
	external string // where its provider is
	saml     bool
	down     bool
}

const (
	fakeUser     = "user@example.com"
	fakePassword = "a b&c=1?é"
)

func (d *fakeDex) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(strings.TrimPrefix(r.URL.EscapedPath(), "/dex/"), "/")
	switch {
	case parts[0] == "approval":
		d.approve(w, r)
	case len(parts) == 1:
		d.auth(w, r)
	case len(parts) == 2:
		d.start(w, r, unescaped(parts[1]))
	default:
		d.form(w, r, unescaped(parts[1]))
	}
}

// problem is Dex's error page.
func problem(w http.ResponseWriter, status int, message string) {
	writePage(w, status, recordedPage("dex-2.41.1-error.html", "@MESSAGE@", html.EscapeString(message)))
}

func (d *fakeDex) newRequest(query url.Values) string {
	if d.requests == nil {
		d.requests, d.loggedIn = make(map[string]url.Values), make(map[string]string)
	}
	d.next++
	id := fmt.Sprintf("request%d", d.next)
	d.requests[id] = query
	return id
}

func (d *fakeDex) auth(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	if d.release == "2.22" { // the request is kept first, and travels by its id
		query = url.Values{"req": {d.newRequest(query)}}
	}
	at := func(id string) string { return "/dex/auth/" + url.PathEscape(id) + "?" + query.Encode() }
	if len(d.connectors) == 1 {
		http.Redirect(w, r, at(d.connectors[0].ID), http.StatusFound)
		return
	}
	var page strings.Builder
	page.WriteString(`<title>dex</title><h2 class="theme-heading">Log in to dex </h2>`)
	for _, c := range d.connectors {
		fmt.Fprintf(&page, `<a href="%s" target="_self"><button><span class="dex-btn-text">Log in with %s</span></button></a>`,
			html.EscapeString(at(c.ID)), c.Name)
	}
	writePage(w, http.StatusOK, page.String())
}

func (d *fakeDex) start(w http.ResponseWriter, r *http.Request, id string) {
	query := r.URL.Query()
	if d.release == "2.22" {
		d.startOld(w, r, query.Get("req"))
		return
	}
	c, known := d.connector(id)
	switch {
	case r.Method != http.MethodGet:
		problem(w, http.StatusBadRequest, "Unsupported request method.")
	case query.Get("client_id") != kubeflowClient:
		problem(w, http.StatusNotFound, "Invalid client_id.")
	case !known:
		problem(w, http.StatusBadRequest, "Requested resource does not exist")
	case c.external != "":
		http.Redirect(w, r, c.external, http.StatusFound)
	case c.saml:
		writePage(w, http.StatusOK, recordedPage("dex-2.41.1-saml.html"))
	default:
		back := url.Values{"back": {""}, "state": {d.newRequest(query)}}
		http.Redirect(w, r, "/dex/auth/"+url.PathEscape(id)+"/login?"+back.Encode(), http.StatusFound)
	}
}

// startOld is 2.22's: the form has the connector's own address.
func (d *fakeDex) startOld(w http.ResponseWriter, r *http.Request, id string) {
	if d.requests[id] == nil {
		problem(w, http.StatusInternalServerError, "Requested resource does not exist")
		return
	}
	d.answerForm(w, r, d.connectors[0], id)
}

func (d *fakeDex) connector(id string) (fakeConnector, bool) {
	for _, c := range d.connectors {
		if c.ID == id {
			return c, true
		}
	}
	return fakeConnector{}, false
}

func (d *fakeDex) form(w http.ResponseWriter, r *http.Request, id string) {
	c, _ := d.connector(id)
	state := r.URL.Query().Get("state")
	if d.requests[state] == nil {
		problem(w, http.StatusBadRequest, "Requested resource does not exist.")
		return
	}
	d.answerForm(w, r, c, state)
}

func (d *fakeDex) answerForm(w http.ResponseWriter, r *http.Request, c fakeConnector, id string) {
	prompt := cmp.Or(c.prompt, "Email Address")
	if r.Method == http.MethodGet {
		writePage(w, http.StatusOK, d.passwordPage(r, prompt, ""))
		return
	}
	d.posts++
	d.asked = append(d.asked, r.FormValue("login"))
	switch {
	case c.down:
		problem(w, http.StatusInternalServerError, "Login error: failed to connect: LDAP Result Code 200")
	case r.FormValue("password") != fakePassword:
		status := http.StatusUnauthorized
		if d.release != "2.41" { // 401 since 2.36
			status = http.StatusOK
		}
		writePage(w, status, d.passwordPage(r, prompt, recordedPage("dex-2.41.1-refused.html", "@PROMPT@", prompt)))
	default:
		d.loggedIn[id] = r.FormValue("login")
		if d.release == "2.41" && !d.approval {
			d.finish(w, r, id)
			return
		}
		http.Redirect(w, r, "/dex/approval?req="+id+d.hmac(), http.StatusSeeOther)
	}
}

// hmac is in the approval's address since 2.35.
func (d *fakeDex) hmac() string {
	if d.release == "2.22" || d.release == "2.31" {
		return ""
	}
	return "&hmac=hmac"
}

func (d *fakeDex) passwordPage(r *http.Request, prompt, failure string) string {
	return recordedPage("dex-2.41.1-password.html", "@ACTION@", html.EscapeString(r.URL.String()), "@PROMPT@", prompt, "@ERROR@", failure)
}

func (d *fakeDex) approve(w http.ResponseWriter, r *http.Request) {
	id := r.URL.Query().Get("req")
	switch {
	case d.loggedIn[id] == "" || d.hmac() != "" && r.URL.Query().Get("hmac") == "":
		problem(w, http.StatusUnauthorized, "Unauthorized request")
	case !d.approval || r.Method == http.MethodPost && r.FormValue("approval") == "approve" && r.FormValue("req") == id:
		d.finish(w, r, id)
	case r.Method == http.MethodPost:
		problem(w, http.StatusInternalServerError, "Approval rejected.")
	default:
		writePage(w, http.StatusOK, recordedPage("dex-2.41.1-approval.html", "@REQ@", id))
	}
}

func (d *fakeDex) finish(w http.ResponseWriter, r *http.Request, id string) {
	query := d.requests[id]
	back := url.Values{"code": {"secret-code"}, "state": {query.Get("state")}}
	http.Redirect(w, r, query.Get("redirect_uri")+"?"+back.Encode(), http.StatusSeeOther)
}
