package diagnose

import (
	"net/url"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

// Expectation is what the user wants to work. Absence is a finding only against
// one: without it, a Kubeflow without HTTPS is as it was shipped.
type Expectation string

// The expectations.
const (
	ExpectNothing   Expectation = ""
	ExpectHTTP      Expectation = "http"
	ExpectHTTPS     Expectation = "https"
	ExpectCookie    Expectation = "cookie"
	ExpectPipelines Expectation = "pipelines"
)

// ParseExpectation reads the value of a flag. The error is of reason Usage.
func ParseExpectation(value string) (Expectation, error) {
	switch e := Expectation(value); e {
	case ExpectNothing, ExpectHTTP, ExpectHTTPS, ExpectCookie, ExpectPipelines:
		return e, nil
	}
	return "", fault.New(fault.Usage, "use http, https, cookie or pipelines", "expectation %q is not known", value)
}

// Aim is what is asked for, and where.
type Aim struct {
	Expect Expectation
	// URL is the user's own road, nil for the tunnel alone.
	URL *url.URL
	// Host is the name in SNI, Host header and certificate.
	Host string
	// Model is the request for an InferenceService, nil where the URL is none's.
	Model *ModelAim
	// HasSession tells that the user gave a session to test.
	HasSession bool
	// SentHeader tells that the user's request carried an Authorization header, as
	// a pasted text shows.
	SentHeader bool
}

// wantsHTTPS tells that HTTPS must work.
func (a Aim) wantsHTTPS() bool {
	return a.Expect == ExpectHTTPS || a.URL != nil && a.URL.Scheme == "https"
}

// wantsSession tells that a login must have been made.
func (a Aim) wantsSession() bool {
	return a.HasSession || a.Expect == ExpectCookie || a.Expect == ExpectPipelines
}
