package session

import (
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Era is which auth proxy stands in front of a Kubeflow.
type Era string

// The eras.
const (
	// EraOAuth2Proxy is Kubeflow 1.9 and later.
	EraOAuth2Proxy Era = "oauth2-proxy"
	// EraAuthService is Kubeflow 1.3 to 1.8.
	EraAuthService Era = "oidc-authservice"
	// EraUnknown is neither, or not known.
	EraUnknown Era = "unknown"
)

// Door is the way to one origin of a Kubeflow.
type Door struct {
	// Origin is scheme, host and perhaps port, without a path. Requests go
	// here, and Location headers of this origin stay on this way.
	Origin *url.URL
	// Transport carries requests to Origin, whatever the road. It keeps
	// connections alive and follows no redirect (http.RoundTripper never does).
	Transport http.RoundTripper
	// PasswordOrigins are further origins ("https://dex.example.com") that the
	// user allowed the password to be posted to; they are reached directly,
	// through Elsewhere.
	PasswordOrigins []string
	// Elsewhere carries requests to other origins, without credentials; nil
	// means that no other origin is visited.
	Elsewhere http.RoundTripper
	// Tunnel tells that the way leads through the cluster's API server, to a port
	// that knows nothing of the scheme and port of the outside: an absolute
	// address of Origin's host stays on the way, whatever its scheme and port.
	Tunnel bool
}

// Credentials are what a login form asks for.
type Credentials struct {
	Login, Password string
}

// Cookie is one cookie of a session. The value is a secret.
type Cookie struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	// Secure tells that the server wants it sent over TLS only.
	Secure bool `json:"secure,omitempty"`
}

// Session is a login at a Kubeflow, as it is stored. It holds secrets.
type Session struct {
	// Origin is where it was made: scheme://host[:port].
	Origin string `json:"origin"`
	Era    Era    `json:"era"`
	// Login is what was typed into the form; "" for an imported session.
	Login string `json:"login,omitempty"`
	// User is who Kubeflow says it is, "" where it does not tell.
	User    string   `json:"user,omitempty"`
	Cookies []Cookie `json:"cookies"`
	// Obtained is when the login was made or the cookie imported.
	Obtained time.Time `json:"obtained"`
	// Expires is the earlier of the cookie's and the id_token's end; nil where
	// neither is known.
	Expires *time.Time `json:"expires,omitempty"`
	// Imported tells that a browser made it.
	Imported bool `json:"imported,omitempty"`
	// Known makes the next login shorter.
	Known Known `json:"known"`
	// RedirectURL is where the login led back to, and DexLoginURL the form that
	// was posted, without its query's secrets; "" where there was no login.
	RedirectURL string `json:"redirectURL,omitempty"`
	DexLoginURL string `json:"dexLoginURL,omitempty"`
}

// Known is what an earlier visit showed of a front door. It is a hint that
// makes the chain of requests shorter: an answer that does not fit it leads
// back to the long way.
type Known struct {
	Era Era `json:"era,omitempty"`
	// Connector is the id of Dex's connector, "" where it is not known.
	Connector string `json:"connector,omitempty"`
}

// Header is the value of the Cookie header: "name=value; name2=value2".
func Header(cookies []Cookie) string {
	pairs := make([]string, len(cookies))
	for i, cookie := range cookies {
		pairs[i] = cookie.Name + "=" + cookie.Value
	}
	return strings.Join(pairs, "; ")
}
