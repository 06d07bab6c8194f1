package upstream

import (
	"bytes"
	"html"
	"html/template"
	"net/http"
)

// UserHeader is how the gateway tells Kubeflow's programs who is asking.
const UserHeader = "kubeflow-userid"

var pageTemplate = template.Must(template.New("page").Parse(`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{{.Title}}</title>
</head>
<body>
{{if .IsDashboard}}<main-page>
{{end}}<h1>Stand-in for {{.Component}}</h1>
<p>This is a testbed: the front door before this page is real, the page is not.</p>
{{if .User}}<p>The gateway says that you are <strong id="user">{{.User}}</strong>.</p>
{{else}}<p>The gateway does not say who you are.</p>
{{end}}<table>
<tr><th scope="row">method and path</th><td>{{.Method}} {{.Path}}</td></tr>
<tr><th scope="row">host</th><td>{{.Host}}</td></tr>
{{range .Headers}}<tr><th scope="row">{{.Name}}</th><td>{{.Value}}</td></tr>
{{end}}</table>
{{if .IsDashboard}}</main-page>
{{end}}</body>
</html>
`))

// shownHeaders are those that the gateway or oauth2-proxy adds. Cookies and tokens are not among them: of these the
// page says only that they came.
var shownHeaders = []string{"kubeflow-groups", "x-auth-request-email", "x-auth-request-user", "x-forwarded-proto"}

var secretHeaders = []string{"authorization", "cookie"}

// dashboardTitle and the element main-page are by what the real dashboard's page is known
// (https://github.com/kubeflow/kubeflow/blob/v1.9.0/components/centraldashboard/public/index.html).
const dashboardTitle = "Kubeflow Central Dashboard"

type shownHeader struct{ Name, Value string }

// page shows who the gateway says is asking, and what else it added to the request.
func (o Options) page(w http.ResponseWriter, r *http.Request) {
	shown := struct {
		Component, Title, User, Method, Path, Host string
		IsDashboard                                bool
		Headers                                    []shownHeader
	}{o.Component, "Stand-in for " + o.Component, r.Header.Get(UserHeader), r.Method, r.URL.Path, r.Host, o.Component == CentralDashboard, nil}
	if shown.IsDashboard {
		shown.Title = dashboardTitle
	}
	for _, name := range shownHeaders {
		if value := r.Header.Get(name); value != "" {
			shown.Headers = append(shown.Headers, shownHeader{name, value})
		}
	}
	for _, name := range secretHeaders {
		if r.Header.Get(name) != "" {
			shown.Headers = append(shown.Headers, shownHeader{name, "(given)"})
		}
	}
	var body bytes.Buffer
	if err := pageTemplate.Execute(&body, shown); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Write(body.Bytes())
}

// notFound is the answer of an Express server to a path that it does not know
// (https://github.com/pillarjs/finalhandler: the same body and headers).
func notFound(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Security-Policy", "default-src 'none'")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(http.StatusNotFound)
	const head = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>Error</title>\n</head>\n<body>\n<pre>"
	const foot = "</pre>\n</body>\n</html>\n"
	w.Write([]byte(head + html.EscapeString("Cannot "+r.Method+" "+r.URL.EscapedPath()) + foot))
}
