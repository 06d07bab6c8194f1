package cmd

import (
	"context"
	"time"

	"github.com/kftls/kubectl-kftls/pkg/endpoint"
	"github.com/kftls/kubectl-kftls/pkg/setup"
	"github.com/kftls/kubectl-kftls/pkg/state"
)

// statusReport is what `status -o json` prints.
type statusReport struct {
	*setup.Status

	// Sessions are those that this computer keeps for this Kubeflow and for URLs.
	Sessions []sessionStatus `json:"sessions"`
}

// sessionStatus is a session on this computer. It holds no secret.
type sessionStatus struct {
	// Login is what was typed into the form, or who a browser's session belongs
	// to; User is what Kubeflow calls them.
	Login string `json:"login"`
	User  string `json:"user,omitempty"`
	// Origin is where the session was made, and Place which Kubeflow that is.
	Origin string `json:"origin,omitempty"`
	Place  string `json:"place"`
	// Expires is null where Kubeflow did not tell, or the session cannot be read.
	Expires *time.Time `json:"expires"`
	// Expired tells that it has ended.
	Expired  bool `json:"expired"`
	Imported bool `json:"imported,omitempty"`
	// Readable is false where the keyring does not give the key out.
	Readable bool `json:"readable"`
}

// sessionsBehind are the sessions of a front door and of URLs; all of them where
// the front door is not known. That they cannot be listed is a note.
func sessionsBehind(ctx context.Context, f *Factory, home *state.Home, s *setup.Status) []sessionStatus {
	found := []sessionStatus{}
	here := state.Origin{Server: s.Server, Gateway: s.Gateway}
	store, err := home.Sessions(ctx, "", state.SystemKeyring())
	if err == nil {
		var kept []keptSession
		kept, err = keptSessions(store, func(p endpoint.Place) bool {
			return p.URL != "" || p.Cluster == here || s.State == setup.Unknown
		})
		for _, k := range kept {
			found = append(found, k.status(f.Now()))
		}
	}
	if err != nil {
		s.Notes = append(s.Notes, "sessions: "+err.Error())
	}
	return found
}

func (k keptSession) status(now time.Time) sessionStatus {
	s := sessionStatus{Login: k.id.Login, Place: k.place.String()}
	if k.session == nil {
		return s
	}
	s.Readable = true
	s.User, s.Origin, s.Expires, s.Imported = k.session.User, k.session.Origin, k.session.Expires, k.session.Imported
	s.Expired = !k.session.Valid(now, 0)
	return s
}

// line is a session for people.
func (s sessionStatus) line(now time.Time) string {
	if !s.Readable {
		return s.Login + " at " + s.Place + ", which cannot be read"
	}
	return who(s.Login, s.User) + " at " + s.Origin + ", " + until(s.Expires, now)
}
