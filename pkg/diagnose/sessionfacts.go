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
		if f.modelNamed(r.Origin.Hostname()) != nil {
			s.NotSent = "the name leads to an InferenceService alone"
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
	if s.Health.Err == nil && s.Health.Status == http.StatusNotFound {
		s.OldHealth = fetch(ctx, client, s.Via.Origin, oldHealthPath, header)
		s.OldHealth.forget(cookies)
	}
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

// observeSession tells what became of the session: at the pipelines, and where
// these let it in, at the dashboard.
func (f *Facts) observeSession(add func(Sighting)) {
	s := f.Session
	if s == nil || s.Via == nil {
		return
	}
	tell := func(symptom Symptom, a *Answer, failure bool) {
		add(Sighting{Symptom: symptom, Via: s.Via.where(a.Path) + " with the session", Text: a.line(), Failure: failure})
	}
	if health := s.Health; health != nil && health.Err == nil {
		if symptom := pipelinesMeaning(health); symptom != "" {
			tell(symptom, health, true)
			return
		}
	}
	if front := s.Front; front != nil && front.Err == nil {
		if symptom := dashboardMeaning(front); symptom != "" {
			tell(symptom, front, f.Aim.Expect != ExpectPipelines)
		}
	}
}

// pipelinesMeaning is what an answer to a session shows, "" where all is well.
func pipelinesMeaning(health *Answer) Symptom {
	switch {
	case isKubeflow(health) && health.isType("application/json"): // the dashboard's page is not the pipelines
		return ""
	case health.Wall == session.ToHTTPS:
		return ToHTTPS
	case health.Wall == session.SignIn || health.Wall == session.ToDex, health.Status == http.StatusUnauthorized && !health.says("Jw"):
		return SessionRefused
	case health.Status == http.StatusUnauthorized:
		return BadToken
	case health.Status == http.StatusRequestHeaderFieldsTooLarge:
		return TooLarge
	case health.Wall == session.Denied && len(health.Body) == 0:
		return NoAuthorizer
	case health.Wall == session.Denied:
		return SessionDenied
	case health.Status >= 502 && health.Status <= 504:
		return PipelinesDown
	}
	return PipelinesOther
}

// dashboardMeaning is the same of the front page. A page or a redirect is the
// dashboard's; which one need not be known.
func dashboardMeaning(front *Answer) Symptom {
	switch {
	case front.Wall == session.Denied && len(front.Body) == 0: // before anybody asked the dashboard
		return NoAuthorizer
	case front.Status >= 502 && front.Status <= 504:
		return DashboardDown
	case front.Status >= 400:
		return DashboardOther
	}
	return ""
}
