package clienttrust

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"
)

// runTimeout bounds one run. A JVM that compiles its program on a busy machine
// needs seconds.
const runTimeout = 30 * time.Second

// ErrNoRun is a client that Run cannot start, such as a browser.
var ErrNoRun = errors.New("this client cannot be run from here")

// target is what a client is sent to.
type target struct{ url, host, port string }

// answer is what a client said of a certificate.
type answer struct {
	accepted bool
	text     string
}

// Run lets the client itself ask for an https URL, without a proxy and without
// the user's cookies and passwords, and returns what it said of the certificate.
// An error means that it said nothing of it: no connection, or no client.
func Run(ctx context.Context, c Client, address string) (Verdict, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" {
		return Verdict{}, fmt.Errorf("run %s: %q is no https URL", c.Name, address)
	}
	if c.behaviour.run == nil {
		return Verdict{}, fmt.Errorf("run %s: %w", c.Name, ErrNoRun)
	}
	to := target{url: u.String(), host: u.Hostname(), port: u.Port()}
	if to.port == "" {
		to.port = "443"
	}
	if net.ParseIP(to.host) == nil {
		to.host = strings.TrimSuffix(to.host, ".")
	}
	ctx, cancel := context.WithTimeout(ctx, runTimeout)
	defer cancel()
	said, err := c.behaviour.run(ctx, c, to)
	if err != nil {
		return Verdict{}, fmt.Errorf("run %s: %w", c.Name, err)
	}
	return Verdict{Client: c, Known: true, Accepts: said.accepted, Text: said.text}, nil
}

// byWord reads what a script printed: "accepted: …", "refused: …" or "failed: …".
func byWord(o output, err error) (answer, error) {
	if err != nil {
		return answer{}, err
	}
	_, text, ok := strings.Cut(strings.TrimRight(o.stdout, "\r\n"), ": ")
	switch {
	case ok && strings.HasPrefix(o.stdout, "accepted: "):
		return answer{accepted: true}, nil
	case ok && strings.HasPrefix(o.stdout, "refused: "):
		return answer{text: text}, nil
	}
	return answer{}, notAsked(o)
}

// notAsked is the error of a client that did not get to see a certificate.
func notAsked(o output) error {
	const most = 400
	text := strings.Join(strings.Fields(o.stdout+" "+o.stderr), " ")
	if len(text) > most {
		text = text[:most] + "…"
	}
	return fmt.Errorf("it did not get as far as the certificate (code %d): %s", o.code, text)
}
