package cmd

import (
	"sync"
	"time"

	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/session"
)

// reloadPause is how long a store is left alone after it held nothing new.
const reloadPause = time.Second

// lastingSession is the session that an endpoint adds. When it has ended, the
// one that a later login of the same user stored takes its place: nobody has to
// start the command again.
type lastingSession struct {
	visit *visit

	mu      sync.Mutex
	current *session.Session // nil: an open Kubeflow
	over    bool             // Kubeflow said so
	looked  time.Time
}

// get is the session to add.
func (l *lastingSession) get() *session.Session {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.visit.factory.Now()
	if l.current == nil || !l.over && l.current.Valid(now, 0) || now.Sub(l.looked) < reloadPause {
		return l.current
	}
	l.looked = now
	newer := l.visit.load(loginOf(l.current))
	if newer != nil && newer.Obtained.After(l.current.Obtained) {
		l.current, l.over = newer, false
	}
	return l.current
}

// refused notes what the endpoint did not pass on. That the session has ended
// is said once, and the rest with -v: the client was told.
func (l *lastingSession) refused(err error) {
	ui := l.visit.factory.UI
	if fault.ReasonOf(err) != fault.LoginNeeded {
		if l.visit.factory.Verbosity > 0 {
			ui.Note("refused: %v", err)
		}
		return
	}
	l.mu.Lock()
	isNews := !l.over
	l.over = true
	l.mu.Unlock()
	if isNews {
		ui.Warn("%v; %s", err, fault.HintOf(err))
	}
}

// loginCommand is the command that makes a new session in the place of another.
func (v *visit) loginCommand(s *session.Session) string {
	command := v.factory.Name + " login"
	if !v.endpoint.Tunnel {
		command += " --url " + shellQuoted(v.endpoint.Origin.String())
	}
	if context := *v.factory.ConfigFlags.Context; v.endpoint.Tunnel && context != "" {
		command += " --context " + shellQuoted(context)
	}
	if s != nil && s.Login != "" {
		command += " --login " + shellQuoted(s.Login)
	}
	return command
}
