// Package clients hands a session to the programs that use it: as text that
// curl, Python, a shell or kfp reads, and as the environment of a command. It
// also reads cookies the other way round, as people copy them from a browser.
package clients

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/session"
)

// Handover is a session on its way to a client.
type Handover struct {
	// URL is where the client will use it: scheme://host[:port].
	URL string
	// Session is nil for a Kubeflow without a login. Every form can be written
	// then, too, and holds no cookie.
	Session *session.Session
	// CAFile is what the client must trust, "" where the system's roots do or
	// the URL is plain HTTP.
	CAFile string
	// Secured tells whether Kubeflow wants a login.
	Secured bool
	// LoggedIn tells that the login was made just now; JSON names its form.
	LoggedIn bool
	// Namespace is the user's profile, for kfp; "" leaves it open.
	Namespace string
	// Program is how this program is called, "kubectl kftls", and Args is what
	// follows its verb `cookie` to get the same session again. Python code calls
	// that.
	Program string
	Args    []string
	// Now is the time; the zero time stands for the clock's.
	Now time.Time
}

// forms are the forms by name, in the order of the help.
var forms = []struct {
	name  string
	write func(*handover) ([]byte, error)
}{
	{"header", header},
	{"json", jsonForm},
	{"netscape", netscape},
	{"curl", curlConfig},
	{"python", python},
	{"env", environment},
	{"kfp", kfpContext},
}

// Forms are the names that Form knows, besides "".
func Forms() []string {
	names := make([]string, len(forms))
	for i, form := range forms {
		names[i] = form.name
	}
	return names
}

// Form writes a session as a client reads it. The form "" is the value of the
// Cookie header, "name=value; name2=value2", without a newline; all others end
// with one. The shell matters to "env" alone: one of Shells, "" for the first.
// What is returned is a secret, except for the form "python".
func Form(name string, h Handover, shell string) ([]byte, error) {
	full, err := complete(h, shell)
	if err != nil {
		return nil, err
	}
	if name == "" {
		return []byte(session.Header(full.cookies)), nil
	}
	for _, form := range forms {
		if form.name == name {
			return form.write(full)
		}
	}
	return nil, fault.New(fault.Usage, "one of "+strings.Join(Forms(), ", "), "there is no form %q", name)
}

// handover is a Handover that was looked through.
type handover struct {
	Handover

	origin  string // the URL without a slash at its end
	host    string // without port and brackets
	tls     bool
	cookies []session.Cookie
	shell   string
}

func complete(h Handover, shell string) (*handover, error) {
	target, err := url.Parse(h.URL)
	if err != nil || !isHost(target.Hostname()) || target.Scheme != "http" && target.Scheme != "https" {
		return nil, fault.New(fault.Usage, "such as https://localhost:8443", "%q is not the URL of a Kubeflow", h.URL)
	}
	if shell == "" {
		shell = Shells()[0]
	}
	if !slices.Contains(Shells(), shell) {
		return nil, fault.New(fault.Usage, "one of "+strings.Join(Shells(), ", "), "there is no shell %q", shell)
	}
	if h.Now.IsZero() {
		h.Now = time.Now()
	}
	full := &handover{
		Handover: h,
		origin:   target.Scheme + "://" + target.Host,
		host:     strings.ToLower(target.Hostname()),
		tls:      target.Scheme == "https",
		shell:    shell,
	}
	if h.Session != nil {
		full.cookies = h.Session.Cookies
	}
	return full, checkCookies(full.cookies)
}

// header is the line of an HTTP request.
func header(h *handover) ([]byte, error) {
	if len(h.cookies) == 0 {
		return nil, nil
	}
	return []byte("Cookie: " + session.Header(h.cookies) + "\n"), nil
}
