// Package clients tries a served certificate with the real clients that people
// use: curl, openssl, wget, Python, Node, Java, Go and gRPC. Each is pointed at
// the CA file in the way that its users would, dials a name, and says whether
// it accepts the certificate.
//
// What a client is made of:
//
//	curl, openssl   the distribution's packages
//	wget            the distribution's package, built with GnuTLS
//	python-ssl      python3, nothing else
//	requests, grpc  python3 with requirements.txt of this folder
//	node            node 18 or newer
//	java            a JDK from 17 (a program in source form is run)
//	go              crypto/tls of this very program
//
// What is missing is reported as not run, with the reason, and never passes.
package clients

import (
	"context"
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

// Verdict is what came of one dial.
type Verdict string

// The verdicts. Only Accepted and Refused come from a client's own check of the
// certificate.
const (
	// Accepted is a certificate taken, and an answer of the server over it.
	Accepted Verdict = "accepted"
	// Refused is a certificate not taken, by the client's own words.
	Refused Verdict = "refused"
	// Failed is everything else: no connection, a crash, a time-out.
	Failed Verdict = "failed"
	// NotRun is a client that this machine does not have.
	NotRun Verdict = "not run"
)

// dialTimeout bounds one dial of one client. A JVM that compiles its program on
// a busy machine needs seconds.
const dialTimeout = time.Minute

// Case is one dial and what is expected of it.
type Case struct {
	// Host is the DNS name or address that is dialled and verified.
	Host string
	// Address is where the server really listens.
	Address netip.AddrPort
	// CAFile holds the certificate that the client trusts.
	CAFile string
	// Want is Accepted or Refused.
	Want Verdict
	// ByConstraints says that the certificate is to be refused for the name
	// constraints of its CA alone. Clients that apply none then accept it.
	ByConstraints bool
}

// Answer is what a client said.
type Answer struct {
	Verdict Verdict
	// Text is the client's own words, or why it failed.
	Text string
}

// Client is one real client.
type Client struct {
	Name string
	// IgnoresConstraints marks clients that do not apply the name constraints
	// of a trust anchor.
	IgnoresConstraints bool
	// ConstraintText is in what the client says when it refuses a certificate
	// for the name constraints.
	ConstraintText string
	// Find returns the client's version. Its error says why it cannot run here.
	Find func(ctx context.Context) (string, error)
	// Dial dials once.
	Dial func(ctx context.Context, d Dial) Answer
}

// Result is a case as one client saw it.
type Result struct {
	Client, Version string
	Case            Case
	Answer
	// Want is what was expected of this client.
	Want Verdict
	// OK says that it came as expected. A client that was not run is not OK.
	OK bool
}

// Run tries every case with every client and returns the results in the order
// of the table, then of the cases. Clients that are missing give one Result.
func Run(ctx context.Context, table []Client, cases []Case) []Result {
	results := make([][]Result, len(table))
	slots := make(chan struct{}, runtime.NumCPU())
	var wait sync.WaitGroup
	for i, client := range table {
		wait.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			results[i] = client.run(ctx, cases)
		})
	}
	wait.Wait()
	return slices.Concat(results...)
}

func (c Client) run(ctx context.Context, cases []Case) []Result {
	version, err := c.Find(ctx)
	if err != nil {
		return []Result{{Client: c.Name, Answer: Answer{NotRun, err.Error()}}}
	}
	var out []Result
	for _, tried := range cases {
		r := Result{Client: c.Name, Version: version, Case: tried, Want: c.wants(tried)}
		r.Answer = c.try(ctx, tried)
		r.OK = r.Verdict == r.Want && c.forTheRightReason(r)
		out = append(out, r)
	}
	return out
}

func (c Client) wants(tried Case) Verdict {
	if tried.ByConstraints && c.IgnoresConstraints {
		return Accepted
	}
	return tried.Want
}

func (c Client) forTheRightReason(r Result) bool {
	return !r.Case.ByConstraints || r.Verdict != Refused || strings.Contains(r.Text, c.ConstraintText)
}

func (c Client) try(ctx context.Context, tried Case) Answer {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	d, err := prepare(ctx, tried)
	if err != nil {
		return Answer{Failed, err.Error()}
	}
	defer d.close()
	answer := c.Dial(ctx, d)
	if ctx.Err() != nil && answer.Verdict == Failed {
		answer.Text = fmt.Sprintf("%v: %s", context.Cause(ctx), answer.Text)
	}
	return answer
}

// String is the result as a line of a report.
func (r Result) String() string {
	if r.Verdict == NotRun {
		return fmt.Sprintf("NOT RUN %s: %s", r.Client, r.Text)
	}
	line := fmt.Sprintf("%s %s, %s: %s", r.Client, r.Version, r.Case.Host, r.Verdict)
	if !r.OK {
		line = "UNEXPECTED " + line + ", want " + string(r.Want)
	}
	if r.Verdict != Accepted {
		line += " (" + r.Text + ")"
	}
	return line
}
