package session

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

// IDToken is Dex's id_token of a session. Raw is a secret.
type IDToken struct {
	Raw          string
	User, Issuer string
	// Expires is zero where the token does not tell. It is by this computer's
	// clock.
	Expires time.Time
	Groups  []string
}

// IDToken asks the auth proxy for the session's id_token. oauth2-proxy shows it
// (set_authorization_header in Kubeflow's manifests); where there is none to be
// had, the reason is NotFound.
func (c *Client) IDToken(ctx context.Context, cookies []Cookie) (*IDToken, error) {
	k := call{stage: stageIDToken, method: http.MethodGet, url: c.path("/oauth2/auth")}
	a, err := c.fetch(ctx, k, newJar(cookies))
	if err != nil {
		return nil, err
	}
	raw, isBearer := strings.CutPrefix(a.header.Get("Authorization"), "Bearer ")
	switch {
	case a.status >= 200 && a.status < 300 && isBearer:
		return c.parseIDToken(raw, serverSkew(a.header, a.at))
	case a.status == http.StatusUnauthorized:
		return nil, c.notLoggedIn(a, cookies)
	}
	return nil, fault.New(fault.NotFound, "take the cookie instead: kubectl kftls cookie",
		"the auth proxy of %s gives no id_token: %s answers %d", originOf(c.Door.Origin), a.call.url.Path, a.status)
}

// parseIDToken reads a token whose end is by the server's clock.
func (c *Client) parseIDToken(raw string, skew time.Duration) (*IDToken, error) {
	token, ok := ParseToken(raw)
	if !ok {
		return nil, notAToken(c)
	}
	if !token.Expires.IsZero() {
		token.Expires = token.Expires.Add(-skew)
	}
	return token, nil
}

// ParseToken reads the claims of a JSON Web Token, and tells whether it is one.
// They are not verified: the gateway does that, and nothing is granted by them
// here.
func ParseToken(raw string) (token *IDToken, ok bool) {
	var claims struct {
		Issuer  string          `json:"iss"`
		Subject string          `json:"sub"`
		Email   string          `json:"email"`
		Name    string          `json:"preferred_username"`
		Expires float64         `json:"exp"`
		Groups  json.RawMessage `json:"groups"`
	}
	parts := strings.Split(raw, ".")
	if len(parts) != 3 {
		return nil, false
	}
	data, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil || json.Unmarshal(data, &claims) != nil {
		return nil, false
	}
	token = &IDToken{Raw: raw, Issuer: printable(claims.Issuer)}
	token.User = printable(cmp.Or(claims.Email, claims.Name, claims.Subject))
	if claims.Expires > 0 && claims.Expires < 1<<40 {
		token.Expires = time.Unix(int64(claims.Expires), 0)
	}
	_ = json.Unmarshal(claims.Groups, &token.Groups) // of another form: none
	return token, true
}

func notAToken(c *Client) error {
	return fault.New(fault.NotFound, "take the cookie instead: kubectl kftls cookie",
		"what the auth proxy of %s gives as id_token is not a JSON Web Token", originOf(c.Door.Origin))
}

// CheckBearer asks Kubeflow for something with a bearer token. The error tells
// in the gateway's words why it is refused, with the reason LoginRefused.
func (c *Client) CheckBearer(ctx context.Context, token string) error {
	k := call{
		stage: stageCheck, method: http.MethodGet, url: c.path(healthPath),
		header: http.Header{"Authorization": {"Bearer " + token}},
	}
	a, err := c.fetch(ctx, k, nil)
	if err != nil {
		return err
	}
	if a.kind != kindHealth && (a.status == http.StatusNotFound || a.kind == kindUpstream) {
		k.url = c.path("/")
		if a, err = c.fetch(ctx, k, nil); err != nil {
			return err
		}
	}
	door := originOf(c.Door.Origin)
	switch {
	case a.kind == kindHealth, a.kind == kindDashboard:
		return nil
	case a.kind == kindSignIn, a.kind == kindRedirect, a.status == http.StatusUnauthorized, a.status == http.StatusForbidden:
		return fault.New(fault.LoginRefused, "", "%s refuses the token: %d %s", door, a.status, cmp.Or(a.words(), "without a word"))
	}
	return c.unexpected(a)
}
