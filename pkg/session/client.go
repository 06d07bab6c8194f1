package session

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ErrOpen tells that a Kubeflow answers without a login.
var ErrOpen = errors.New("this Kubeflow wants no login")

const (
	// requestTimeout bounds one request and its answer. Dex's bcrypt takes 0.3 s,
	// a directory behind it seconds.
	requestTimeout = 10 * time.Second
	// maxBody is as much of an answer as is read. Dex's pages have a few KiB.
	maxBody = 1 << 20
	// maxSteps ends a login that goes in circles. The longest known has eight.
	maxSteps = 30
)

// Client speaks with the login of one Kubeflow. Its methods may be called one
// after the other; each Login and Look walks a chain of its own, with its own
// cookies.
type Client struct {
	Door Door
	// Connector is the id of Dex's connector that was asked for. "" takes the
	// password DB ("local") where it is offered, else the only one.
	Connector string
	// Known is from the last login, and shortens the chain.
	Known Known
	// Consent answers Dex's approval page; nil refuses.
	Consent func(ctx context.Context, ask Consent) (bool, error)
	// Trace takes every request and what its answer was recognised as; nil: none.
	Trace func(Step)
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Consent is what Dex's approval page asks for.
type Consent struct {
	// Client is the name by which Dex knows who asks.
	Client string
	// Scopes are what it asks for, as OAuth names.
	Scopes []string
	// Expected tells that it is Kubeflow's own client, which asks for nothing but
	// openid, email, profile and groups.
	Expected bool
}

// Connector is a way to log in that Dex offers.
type Connector struct {
	// ID is what the manifests call it, and --connector.
	ID string
	// Name is what Dex's page calls it, "" where no page was shown.
	Name string
}

// Step is one request of a login and its answer. It holds no secret: of
// addresses there are host and path, never a query.
type Step struct {
	Method, Host, Path string
	Status             int
	// Recognised is what the answer was taken for.
	Recognised string
	// LocationHost and LocationPath are where it leads, "" for nowhere.
	LocationHost, LocationPath string
}

// String is the step as one line.
func (s Step) String() string {
	line := fmt.Sprintf("%s %s%s: %d", s.Method, s.Host, s.Path, s.Status)
	if s.LocationHost != "" {
		line += " to " + s.LocationHost + s.LocationPath
	}
	return line + ", " + s.Recognised
}

// Look is what a front door shows to somebody who is not logged in.
type Look struct {
	// Open tells that there is no login.
	Open bool
	Era  Era
	Wall Wall
	// Connectors are those that Dex offers; nil if it went straight to one, or
	// was not asked.
	Connectors []Connector
	// Connector is the one that a login takes.
	Connector string
	// Provider is who asks for the password if it is not Dex ("GitHub", "SAML",
	// "accounts.example.com"); "" for Dex's form.
	Provider string
	// LoginPrompt is what the form calls the login: "Email Address", "Username".
	LoginPrompt string
}

func (c *Client) now() time.Time {
	if c.Now == nil {
		return time.Now()
	}
	return c.Now()
}

// Valid tells whether a session has at least that much life left. One whose end
// is not known is taken for valid: asking Kubeflow tells.
func (s *Session) Valid(now time.Time, least time.Duration) bool {
	return s.Expires == nil || now.Add(least).Before(*s.Expires)
}
