package authservice

import (
	"errors"
	"net/http"
	"strings"
)

// errExpired is a token of the API server that was good once.
var errExpired = errors.New("Token has expired") //nolint:staticcheck // the API server's own words, which are passed on

// authenticate lets a known user pass, and sends everybody else to Dex.
func (s *Server) authenticate(w http.ResponseWriter, r *http.Request) {
	user, ok, err := s.user(r)
	switch {
	case errors.Is(err, errExpired):
		answer(w, http.StatusUnauthorized, err.Error())
	case ok:
		w.Header().Set(s.Settings.UserHeader, s.Settings.UserPrefix+user.ID)
		w.Header().Set("kubeflow-groups", strings.Join(user.Groups, ","))
		w.WriteHeader(http.StatusOK)
	default:
		s.startLogin(w, r)
	}
}

// user finds whose request it is: by a session, else by a bearer token.
func (s *Server) user(r *http.Request) (User, bool, error) {
	if user, ok := s.sessions.get(s.sessionKey(r)); ok {
		return user, true, nil
	}
	token := bearer(r)
	if token == "" || s.Settings.Legacy() {
		return User{}, false, nil
	}
	if user, err := s.provider.Load().user(r.Context(), token, s.Settings); err == nil {
		return user, true, nil
	}
	if s.Review == nil {
		return User{}, false, nil
	}
	return s.Review(r.Context(), token)
}

// sessionKey is the session that a request names: in a header, else in the cookie.
func (s *Server) sessionKey(r *http.Request) string {
	key := bearer(r)
	if s.Settings.Legacy() {
		key = r.Header.Get("X-Auth-Token")
	}
	if key != "" {
		return key
	}
	return cookie(r, sessionCookie)
}

func bearer(r *http.Request) string {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return ""
	}
	return strings.TrimSpace(token)
}

func cookie(r *http.Request, name string) string {
	found, err := r.Cookie(name)
	if err != nil {
		return ""
	}
	return found.Value
}
