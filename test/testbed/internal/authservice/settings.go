package authservice

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

// callbackPath and logoutPath are below the prefix (server.go of oidc-authservice).
const (
	callbackPath = "oidc/callback"
	logoutPath   = "logout"
)

// sessionAge is how long a session lives: the default of SESSION_MAX_AGE, which Kubeflow does not set.
const sessionAge = 24 * time.Hour

// Settings are what Kubeflow's ConfigMap oidc-authservice-parameters and Secret oidc-authservice-client say.
type Settings struct {
	Provider               string // OIDC_PROVIDER, the issuer
	AuthURL                string // OIDC_AUTH_URL, where a browser logs in; "" takes the issuer's own
	ClientID, ClientSecret string
	Scopes                 []string
	Prefix                 string // AUTHSERVICE_URL_PREFIX, "" in Kubeflow 1.3 to 1.6
	RedirectURL            string // REDIRECT_URL, or the callback below the prefix
	Skip                   []string
	AfterLogoutURL         string
	UserHeader, UserPrefix string
	UserClaim, GroupsClaim string
	Audiences              []string
	SessionAge             time.Duration
}

// Legacy says that the AuthService is the one of Kubeflow 1.3 to 1.6 (28c59ef): its settings have no prefix.
func (s Settings) Legacy() bool { return s.Prefix == "" }

// Read takes the settings from a container's environment; names and defaults are the AuthService's (settings.go).
func Read(env func(name string) string) (Settings, error) {
	or := func(name, otherwise string) string {
		if value := env(name); value != "" {
			return value
		}
		return otherwise
	}
	s := Settings{
		Provider: env("OIDC_PROVIDER"), AuthURL: env("OIDC_AUTH_URL"),
		ClientID: env("CLIENT_ID"), ClientSecret: env("CLIENT_SECRET"),
		Scopes: words(or("OIDC_SCOPES", "openid email")),
		Prefix: env("AUTHSERVICE_URL_PREFIX"), RedirectURL: env("REDIRECT_URL"),
		Skip:           words(or("SKIP_AUTH_URLS", env("SKIP_AUTH_URI"))),
		AfterLogoutURL: or("AFTER_LOGOUT_URL", "/"),
		UserHeader:     or("USERID_HEADER", "kubeflow-userid"), UserPrefix: env("USERID_PREFIX"),
		UserClaim: or("USERID_CLAIM", "email"), GroupsClaim: or("GROUPS_CLAIM", "groups"),
		Audiences:  words(or("AUDIENCES", "istio-ingressgateway.istio-system.svc.cluster.local")),
		SessionAge: sessionAge,
	}
	for name, value := range map[string]string{"OIDC_PROVIDER": s.Provider, "CLIENT_ID": s.ClientID, "CLIENT_SECRET": s.ClientSecret} {
		if value == "" {
			return s, fmt.Errorf("read the settings: %s is not set", name)
		}
	}
	return s.complete()
}

// complete fills in what follows from the rest.
func (s Settings) complete() (Settings, error) {
	if !slices.Contains(s.Scopes, "openid") {
		// 1.7 put it first, earlier releases last.
		if s.Legacy() {
			s.Scopes = append(s.Scopes, "openid")
		} else {
			s.Scopes = append([]string{"openid"}, s.Scopes...)
		}
	}
	if s.Legacy() {
		if s.RedirectURL == "" {
			return s, errors.New("read the settings: neither AUTHSERVICE_URL_PREFIX nor REDIRECT_URL is set")
		}
	} else {
		s.Prefix = "/" + strings.Trim(s.Prefix, "/") + "/"
		s.Skip = append(s.Skip, s.Prefix)
		if s.RedirectURL == "" {
			s.RedirectURL = s.Prefix + callbackPath
		}
	}
	if _, err := url.Parse(s.RedirectURL); err != nil {
		return s, fmt.Errorf("read the settings: REDIRECT_URL: %w", err)
	}
	return s, nil
}

// callback is the path to which Dex sends the browser back.
func (s Settings) callback() string {
	u, err := url.Parse(s.RedirectURL)
	if err != nil {
		return s.RedirectURL // complete has parsed it
	}
	return u.Path
}

// logout is the path that ends a session.
func (s Settings) logout() string {
	if s.Legacy() {
		return "/" + logoutPath
	}
	return s.Prefix + logoutPath
}

// words splits at spaces and commas.
func words(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == ',' })
}
