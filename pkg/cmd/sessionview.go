package cmd

import (
	"cmp"
	"encoding/json"
	"fmt"
	"time"

	"github.com/kftls/kubectl-kftls/pkg/endpoint"
	"github.com/kftls/kubectl-kftls/pkg/session"
	"github.com/kftls/kubectl-kftls/pkg/state"
)

// keptSession is a session on this computer. Where it cannot be read, what was
// kept beside it is all there is.
type keptSession struct {
	id      state.SessionID
	place   endpoint.Place
	session *session.Session // nil where it cannot be read
}

// keptSessions are the sessions of the places that match.
func keptSessions(store *state.Sessions, matches func(endpoint.Place) bool) ([]keptSession, error) {
	ids, err := store.List("")
	if err != nil {
		return nil, err
	}
	var kept []keptSession
	for _, id := range ids {
		if place := endpoint.ParseKey(id.Endpoint); matches(place) {
			kept = append(kept, keptSession{id: id, place: place, session: readSession(store, id)})
		}
	}
	return kept, nil
}

// readSession returns nil for what is not there or cannot be read.
func readSession(store *state.Sessions, id state.SessionID) *session.Session {
	data, err := store.Load(id)
	if err != nil {
		return nil
	}
	stored := new(session.Session)
	if json.Unmarshal(data, stored) != nil || len(stored.Cookies) == 0 {
		return nil
	}
	return stored
}

// describeSession says whose session it is, where, and until when.
func describeSession(s *session.Session, now time.Time) string {
	return fmt.Sprintf("%s at %s, %s", who(loginOf(s), s.User), s.Origin, until(s.Expires, now))
}

// who names a login, and the user behind it where Kubeflow calls them otherwise.
func who(login, user string) string {
	if user == "" || user == login {
		return cmp.Or(login, "somebody")
	}
	return login + " (" + user + ")"
}

// until is the end of a session for people.
func until(expires *time.Time, now time.Time) string {
	switch {
	case expires == nil:
		return "until an end that Kubeflow does not tell"
	case !expires.After(now):
		return "until " + expires.Local().Format(time.DateTime) + ", which is over"
	}
	return fmt.Sprintf("until %s (%s)", expires.Local().Format(time.DateTime), left(expires.Sub(now)))
}

// left is a span of time in its two largest units.
func left(span time.Duration) string {
	switch {
	case span >= time.Hour:
		return fmt.Sprintf("%dh%dm", int(span.Hours()), int(span.Minutes())%60)
	case span >= time.Minute:
		return fmt.Sprintf("%dm%ds", int(span.Minutes()), int(span.Seconds())%60)
	}
	return fmt.Sprintf("%ds", int(span.Seconds()))
}
