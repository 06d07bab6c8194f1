// Package session knows the login of a Kubeflow: what its front door answers
// to somebody who is not logged in, and what the answer is recognised by.
package session

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"
)

// Wall is what a front door answered to a request without a session.
type Wall string

// The walls, as they were seen from Kubeflow 1.3 to 26.03.
const (
	// SignIn is oauth2-proxy's page with status 403 and the title "Sign In":
	// Kubeflow 1.9.1 and later, on the paths of people.
	SignIn Wall = "sign-in page"
	// Unauthorized is oauth2-proxy's status 401 with the body {}: Kubeflow
	// 1.9.1 and later, on the paths of programs (/api/, /apis/).
	Unauthorized Wall = "401"
	// ToDex is a redirect to Dex or to the login's own start: AuthService
	// (Kubeflow 1.3 to 1.8) and Kubeflow 1.9.0.
	ToDex Wall = "redirect to the login"
	// Denied is a refusal by Istio itself ("RBAC: access denied", or the empty
	// 403 of an authorization service that is down). It lets nobody through.
	Denied Wall = "denied"
	// ToHTTPS is a redirect of the same address to https.
	ToHTTPS Wall = "redirect to https"
	// Open is an answer of what stands behind the login.
	Open Wall = "open"
	// Unknown is everything else: no route yet, an upstream that is down.
	Unknown Wall = "not recognised"
)

// Stops tells whether the wall keeps out who is not logged in.
func (w Wall) Stops() bool {
	return w == SignIn || w == Unauthorized || w == ToDex || w == Denied
}

// signInTitle is the page's title in oauth2-proxy 7.6 to 7.15
// (pkg/app/pagewriter/sign_in.html).
var signInTitle = []byte("<title>Sign In</title>")

// Classify recognises an answer to a request that carried no session: by its
// status and headers, and by the body only where they leave it open. The body
// may be cut; its first 64 KiB are enough.
func Classify(status int, header http.Header, body []byte) Wall {
	switch {
	case status == http.StatusForbidden:
		return classifyForbidden(header, body)
	case status == http.StatusUnauthorized:
		return Unauthorized
	case status >= 300 && status < 400:
		return classifyRedirect(header.Get("Location"))
	case status >= 200 && status < 300:
		return Open
	}
	return Unknown
}

func classifyForbidden(header http.Header, body []byte) Wall {
	isHTML := strings.HasPrefix(header.Get("Content-Type"), "text/html")
	if isHTML && bytes.Contains(body, signInTitle) {
		return SignIn
	}
	return Denied
}

// loginPaths are where the proxies of all eras send people to log in.
var loginPaths = []string{"/dex/auth", "/oauth2/start", "/oauth2/sign_in"}

func classifyRedirect(location string) Wall {
	target, err := url.Parse(location)
	if err != nil || location == "" {
		return Unknown
	}
	for _, path := range loginPaths {
		if target.Path == path || strings.HasPrefix(target.Path, path+"/") {
			return ToDex
		}
	}
	if target.Query().Get("client_id") != "" && target.Query().Get("response_type") == "code" {
		return ToDex // an external provider: the OAuth 2.0 request tells (RFC 6749, 4.1.1)
	}
	if target.Scheme == "https" {
		return ToHTTPS
	}
	return Unknown
}
