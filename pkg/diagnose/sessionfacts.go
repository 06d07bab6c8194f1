package diagnose

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"sync"

	"github.com/kftls/kubectl-kftls/pkg/endpoint"
	"github.com/kftls/kubectl-kftls/pkg/session"
)

// askWithSession sends the given session where the user sends it: to the URL, or
// through the tunnel. It is not sent over TLS that is not trusted, nor in the
// clear to another computer.
func (f *Facts) askWithSession(ctx context.Context, cookies []session.Cookie) *SessionFacts {
	if len(cookies) == 0 {
		return nil
	}
	s := &SessionFacts{Names: f.Computer.CookieNames, Era: session.EraOfCookie(cookies[0].Name)}
	for _, r := range f.Roads {
		if symptom, _ := r.connection(); symptom != "" {
			s.NotSent = "no connection: " + string(symptom)
			continue
		}
		if r.Handshake != nil && r.Handshake.Trust != nil {
			s.NotSent = "the certificate is not trusted: " + plain(r.Handshake.Trust.Error())
			continue
		}
		if r.Own && !r.TLS && !endpoint.IsLoopback(r.Origin.Hostname()) {
			s.NotSent = "plain HTTP to another computer would show it to the network"
			continue
		}
		s.Via = r
		break
	}
	if s.Via == nil {
		return s
	}
	s.ask(ctx, cookies)
	return s
}

func (s *SessionFacts) ask(ctx context.Context, cookies []session.Cookie) {
	client := newClient(s.Via)
	defer client.CloseIdleConnections()
	header := http.Header{"Cookie": {session.Header(cookies)}}
	var group sync.WaitGroup
	for path, into := range map[string]**Answer{frontPath: &s.Front, healthPath: &s.Health, proxyPath: &s.User} {
		group.Go(func() {
			answer := fetch(ctx, client, s.Via.Origin, path, header)
			answer.forget(cookies)
			*into = answer
		})
	}
	group.Wait()
}

// forget takes the session out of an answer: pages for debugging repeat what they
// were asked with, and answers are quoted.
func (a *Answer) forget(cookies []session.Cookie) {
	for _, cookie := range cookies {
		if cookie.Value == "" {
			continue
		}
		a.Body = bytes.ReplaceAll(a.Body, []byte(cookie.Value), []byte("…"))
		for _, values := range a.Header {
			for i := range values {
				values[i] = strings.ReplaceAll(values[i], cookie.Value, "…")
			}
		}
	}
}

// observeSession tells what became of the session.
func (f *Facts) observeSession(add func(Sighting)) {
	s := f.Session
	if s == nil || s.Via == nil {
		return
	}
	tell := func(symptom Symptom, a *Answer) {
		add(Sighting{Symptom: symptom, Via: s.Via.where(a.Path) + " with the session", Text: a.line(), Failure: true})
	}
	health := s.Health
	if health == nil || health.Err != nil {
		return
	}
	switch {
	case isKubeflow(health) && health.isType("application/json"): // the dashboard's page is not the pipelines
		return
	case health.Wall == session.ToHTTPS:
		tell(ToHTTPS, health)
	case health.Wall == session.SignIn || health.Wall == session.ToDex, health.Status == http.StatusUnauthorized && !health.says("Jw"):
		tell(SessionRefused, health)
	case health.Status == http.StatusUnauthorized:
		tell(BadToken, health)
	case health.Status == http.StatusRequestHeaderFieldsTooLarge:
		tell(TooLarge, health)
	case health.Wall == session.Denied && len(health.Body) == 0:
		tell(NoAuthorizer, health)
	case health.Wall == session.Denied:
		tell(SessionDenied, health)
	case health.Status >= 502 && health.Status <= 504:
		tell(PipelinesDown, health)
	default:
		tell(PipelinesOther, health)
	}
}
