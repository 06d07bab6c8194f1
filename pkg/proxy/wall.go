package proxy

import (
	"bytes"
	"io"
	"net/http"
	"strings"

	"github.com/kftls/kubectl-kftls/pkg/session"
)

// loginPaths belong to the login itself, which answers there with walls to
// everybody.
var loginPaths = []string{"/oauth2/", "/dex/", "/authservice/"}

// isWall tells whether the login answered in place of what stands behind it.
// Unlike session.Classify, which judges requests without a session, it must
// not take an application's own 401 or 403 for the login's.
func isWall(response *http.Response) bool {
	for _, path := range loginPaths {
		if strings.HasPrefix(response.Request.URL.Path, path) {
			return false
		}
	}
	switch response.StatusCode {
	case http.StatusUnauthorized:
		return isWall401(response)
	case http.StatusForbidden:
		return session.Classify(response.StatusCode, response.Header, peek(response)) == session.SignIn
	}
	return session.Classify(response.StatusCode, response.Header, nil) == session.ToDex
}

// isWall401 knows oauth2-proxy's 401 by its body {}, and that of Istio's check
// of the id_token by its WWW-Authenticate (Envoy, jwt_authn/filter.cc) or its
// text ("Jwt is expired" and others, jwt_verify_lib/status.cc). A bearer token
// of the client's own is the client's own affair.
func isWall401(response *http.Response) bool {
	if response.Request.Header.Get("Authorization") != "" {
		return false
	}
	body := bytes.TrimSpace(peek(response))
	return string(body) == "{}" || bytes.HasPrefix(body, []byte("Jwt ")) || bytes.HasPrefix(body, []byte("Jwks ")) ||
		strings.Contains(response.Header.Get("WWW-Authenticate"), `error="invalid_token"`)
}

// peekLimit is how much of a body is looked at, in bytes; the sign-in page's
// title stands in the first of it.
const peekLimit = 64 << 10

// peek reads the beginning of a body, which stays whole for the client.
func peek(response *http.Response) []byte {
	if response.Header.Get("Content-Encoding") != "" {
		return nil // nothing of the login is compressed
	}
	body := response.Body
	start, err := io.ReadAll(io.LimitReader(body, peekLimit))
	rest := io.Reader(body)
	if err != nil {
		rest = failing{err}
	}
	response.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(start), rest), body}
	return start
}

// failing is a body that broke while it was looked at.
type failing struct{ err error }

// Read implements io.Reader.
func (f failing) Read([]byte) (int, error) { return 0, f.err }
