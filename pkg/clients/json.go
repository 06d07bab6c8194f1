package clients

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/kftls/kubectl-kftls/pkg/session"
)

// sessionCookie is the versioned JSON of a session. The snake_case names are
// those of get_istio_auth_session in Kubeflow's documentation up to 1.8, which
// scripts read.
type sessionCookie struct {
	APIVersion    string  `json:"apiVersion"`
	Kind          string  `json:"kind"`
	EndpointURL   string  `json:"endpoint_url"`
	RedirectURL   *string `json:"redirect_url"`
	DexLoginURL   *string `json:"dex_login_url"`
	IsSecured     bool    `json:"is_secured"`
	SessionCookie *string `json:"session_cookie"`
	User          *string `json:"user"`
	Expiry        *string `json:"expiry"`
}

func jsonForm(h *handover) ([]byte, error) {
	out := sessionCookie{
		APIVersion:  "kftls.github.io/v1alpha1",
		Kind:        "SessionCookie",
		EndpointURL: h.origin,
		IsSecured:   h.Secured,
	}
	if h.Session != nil {
		out.SessionCookie = orNull(session.Header(h.cookies))
		out.User = orNull(h.Session.User)
		if h.Session.Expires != nil {
			out.Expiry = orNull(h.Session.Expires.UTC().Format(time.RFC3339))
		}
		if h.LoggedIn {
			out.RedirectURL = orNull(h.Session.RedirectURL)
			out.DexLoginURL = orNull(h.Session.DexLoginURL)
		}
	}
	return encodeJSON(out)
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// encodeJSON indents, ends with a newline and leaves & as it is, as in URLs.
func encodeJSON(value any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(value); err != nil {
		return nil, fmt.Errorf("encode the session as JSON: %w", err)
	}
	return out.Bytes(), nil
}
