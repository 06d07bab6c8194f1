package authservice

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// stateAge is how long a login may take.
const stateAge = 20 * time.Minute

// startLogin sends the browser to Dex.
func (s *Server) startLogin(w http.ResponseWriter, r *http.Request) {
	state := s.states.add(r.URL.RequestURI(), stateAge)
	if !s.Settings.Legacy() {
		// The real one takes nanoseconds for seconds: 38,000 years, which overflow to a date in 2057.
		seconds := int(stateAge)
		http.SetCookie(w, &http.Cookie{
			Name: stateCookie, Value: state, Path: "/",
			MaxAge: seconds, Expires: s.Now().Add(time.Duration(seconds) * time.Second).UTC(),
		})
	}
	http.Redirect(w, r, s.provider.Load().login(state), http.StatusFound)
}

// callback takes the code that Dex gave the browser, and makes a session of it.
func (s *Server) callback(w http.ResponseWriter, r *http.Request) {
	code, state := r.FormValue("code"), r.FormValue("state")
	if code == "" && !s.Settings.Legacy() {
		http.Redirect(w, r, "/", http.StatusFound)
		return
	}
	if s.Settings.Legacy() && (code == "" || state == "") {
		missing := "state"
		if code == "" {
			missing = "code"
		}
		answer(w, http.StatusBadRequest, "Missing url parameter: "+missing)
		return
	}
	visited, ok := s.verifyState(w, r, state)
	if !ok {
		return
	}
	token, err := s.provider.Load().exchange(r.Context(), code)
	if err != nil {
		fmt.Fprintln(s.Log, "the code exchange failed")
		answer(w, http.StatusInternalServerError, "Failed to exchange authorization code with token.")
		return
	}
	user, err := s.provider.Load().user(r.Context(), token, s.Settings)
	if err != nil {
		answer(w, http.StatusInternalServerError, "Unable to verify ID token.")
		return
	}
	s.setSession(w, s.sessions.add(user, s.Settings.SessionAge))
	http.Redirect(w, r, visited, http.StatusFound)
}

// verifyState finds the URL that was visited first, once for each state. From 1.7 on the browser must bring the state
// twice, as a parameter and as a cookie.
func (s *Server) verifyState(w http.ResponseWriter, r *http.Request, state string) (visited string, ok bool) {
	if s.Settings.Legacy() {
		if visited, ok = s.states.take(state); !ok {
			answer(w, http.StatusInternalServerError, "Failed to retrieve state.")
		}
		return visited, ok
	}
	if state != "" && cookie(r, stateCookie) == state {
		visited, ok = s.states.take(state)
	}
	if !ok {
		answer(w, http.StatusBadRequest, "CSRF check failed. This may happen if you opened the login form in more than 1 tabs. Please try to login again.")
		return "", false
	}
	http.SetCookie(w, &http.Cookie{Name: stateCookie, Path: "/", MaxAge: -1, Expires: time.Unix(1, 0)})
	return visited, true
}

// setSession hands the session to the browser.
func (s *Server) setSession(w http.ResponseWriter, key string) {
	c := &http.Cookie{
		Name: sessionCookie, Value: key, Path: "/",
		MaxAge: int(s.Settings.SessionAge.Seconds()), Expires: s.Now().Add(s.Settings.SessionAge).UTC(),
	}
	if !s.Settings.Legacy() {
		c.SameSite = http.SameSiteLaxMode
	}
	http.SetCookie(w, c)
}

// logout ends the session that the header names; the cookie alone is not enough. It says 201, because a 200 would let
// the request pass.
func (s *Server) logout(w http.ResponseWriter, r *http.Request) {
	key := bearer(r)
	if _, ok := s.sessions.take(key); !ok {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	s.dropSession(w)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	body, err := json.Marshal(map[string]string{"afterLogoutURL": s.Settings.AfterLogoutURL})
	if err != nil {
		return // two strings can always be written
	}
	w.Write(body)
}

// legacyLogout ends the session that the request names, if any, and sends the browser home.
func (s *Server) legacyLogout(w http.ResponseWriter, r *http.Request) {
	if _, ok := s.sessions.take(s.sessionKey(r)); ok {
		s.dropSession(w)
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (s *Server) dropSession(w http.ResponseWriter) {
	http.SetCookie(w, &http.Cookie{Name: sessionCookie, Path: "/", MaxAge: -1, Expires: time.Unix(1, 0)})
}
