package proxy

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"strings"

	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/session"
)

// refusal is an answer of the endpoint itself.
type refusal struct {
	cause  *fault.Error
	status int
}

// Error implements error.
func (r *refusal) Error() string { return r.cause.Error() }

func refused(status int, reason fault.Reason, hint, format string, args ...any) *refusal {
	return &refusal{fault.New(reason, hint, format, args...), status}
}

// ended says that the login must be made again.
func (p *Proxy) ended(s *session.Session) *refusal {
	const status = http.StatusUnauthorized
	hint := "log in again: " + p.LoginCommand
	switch {
	case s == nil:
		return refused(status, fault.LoginNeeded, hint, "Kubeflow at %s wants a login now", p.Origin)
	case s.User == "":
		return refused(status, fault.LoginNeeded, hint, "the session at %s has ended", p.Origin)
	}
	return refused(status, fault.LoginNeeded, hint, "the session of %s at %s has ended", s.User, p.Origin)
}

func (p *Proxy) unreachable(err error) *refusal {
	return &refusal{
		fault.New(fault.ReasonOf(err), fault.HintOf(err), "Kubeflow at %s cannot be reached: %w", p.Origin, err),
		http.StatusBadGateway,
	}
}

// refuse writes an answer of the endpoint itself: text, or JSON for clients
// that take nothing else.
func (p *Proxy) refuse(w http.ResponseWriter, r *http.Request, why *refusal) {
	p.Refused(why.cause)
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	if !wantsJSON(r.Header.Get("Accept")) {
		header.Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(why.status)
		fmt.Fprint(w, why.text())
		return
	}
	body, err := json.Marshal(map[string]string{
		"error": why.Error(), "reason": string(why.cause.Reason), "hint": why.cause.Hint,
	})
	if err != nil { // strings always encode
		body = []byte("{}")
	}
	header.Set("Content-Type", "application/json")
	w.WriteHeader(why.status)
	_, _ = w.Write(append(body, '\n'))
}

func (r *refusal) text() string {
	text := "kftls: " + r.Error() + "\n"
	if r.cause.Hint != "" {
		text += "hint: " + r.cause.Hint + "\n"
	}
	return text
}

// wantsJSON tells whether JSON is all that a client accepts.
func wantsJSON(accept string) bool {
	for part := range strings.SplitSeq(accept, ",") {
		kind, _, err := mime.ParseMediaType(part)
		if err != nil || kind != "application/json" && !strings.HasSuffix(kind, "+json") {
			return false
		}
	}
	return true
}
