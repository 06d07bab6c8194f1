// Package diagnose finds out why a Kubeflow's front door does not do what its
// user wants, and says it with evidence and a fix.
//
// Facts are gathered once and in parallel: what this computer is like, what the
// cluster's objects say, what the wire answers. Checks are pure functions over
// them. What the wire showed (the sightings) decides which finding comes first:
// the one that explains the first failure on the road. Findings that explain
// nothing observed are noticed beside it, never before it.
//
// Nothing is changed, and no login is opened.
package diagnose

import "context"

// Layer is a stretch of the road, from the user outwards to Kubeflow.
type Layer string

// The layers, in the order of the road.
const (
	LayerComputer  Layer = "this computer"
	LayerAccess    Layer = "kubeconfig and rights"
	LayerObjects   Layer = "cluster objects"
	LayerTunnel    Layer = "tunnel"
	LayerTLS       Layer = "TLS"
	LayerHTTP      Layer = "HTTP"
	LayerLogin     Layer = "login"
	LayerSession   Layer = "session"
	LayerPipelines Layer = "pipelines API"
)

// Severity is how bad a finding is.
type Severity string

// The severities, the mildest first.
const (
	Info     Severity = "info"
	Warning  Severity = "warning"
	Error    Severity = "error"
	Critical Severity = "critical"
)

// Severities lists them, the mildest first.
func Severities() []Severity { return []Severity{Info, Warning, Error, Critical} }

// AtLeast tells whether a severity reaches a threshold.
func (s Severity) AtLeast(threshold Severity) bool { return s.rank() >= threshold.rank() }

func (s Severity) rank() int {
	for i, known := range Severities() {
		if s == known {
			return i
		}
	}
	return -1
}

// Check looks at the facts for one cause. It is a value: adding one touches the
// file of its layer alone.
type Check struct {
	// Code is stable and never given to another cause: KFT303.
	Code string
	// Title names the cause in a line.
	Title string
	Layer Layer
	// Severity is that of its finding, unless the finding says otherwise.
	Severity Severity
	// Causes are the symptoms that the cause may show on the wire.
	Causes []Symptom
	// KeepsOld tells that the gateway goes on with its old certificate where it had
	// one: then the cause explains what is wrong with that one, too.
	KeepsOld bool
	// Needs are codes of checks that must not have found anything: behind a
	// missing Secret nobody looks for its key.
	Needs []string
	// Reads is what Look judges by: it looks as soon as that is there. "" is
	// everything, which is never wrong and comes last.
	Reads Stage
	// Look judges the facts. It asks nobody and waits for nothing.
	Look func(ctx context.Context, f *Facts) Result
	// Page explains the finding to people; see Explain.
	Page Page
}

// Page is what people read about a finding: in docs/findings and from --explain.
type Page struct {
	// Means explains the cause to somebody who has never made a certificate.
	Means string
	// Shows is how users see it: what their programs print.
	Shows []Shown
	// Heals is how to mend it, in words and commands.
	Heals string
}

// Shown is what one program prints because of a finding.
type Shown struct {
	// Program is "curl", "Python requests", "Go", "browser", …
	Program string
	// Text is what it prints.
	Text string
	// Origin says with which version the text was seen, and how.
	Origin string
}

// Status is how a check ended.
type Status string

// The ends of a check.
const (
	// Passed tells that the cause was looked for and is not there.
	Passed Status = "passed"
	// Found tells that it is there.
	Found Status = "found"
	// Unknown tells that what decides could not be read.
	Unknown Status = "unknown"
	// Skipped tells that there was nothing to look at.
	Skipped Status = "skipped"
)

// Result is how a check ended, and what it found.
type Result struct {
	Status Status
	// Detail says what was seen, what could not be read, or why it was skipped.
	Detail string
	// Finding is set where the status is Found; the engine fills in what the
	// check itself says.
	Finding *Finding
}

func passed(detail string) Result { return Result{Status: Passed, Detail: detail} }

func skipped(why string) Result { return Result{Status: Skipped, Detail: why} }

func unknown(err error) Result { return Result{Status: Unknown, Detail: plain(err.Error())} }

func found(cause string, fix Fix, evidence ...Evidence) Result {
	return Result{Status: Found, Finding: &Finding{Cause: cause, Fix: fix, Evidence: evidence}}
}

// as changes the finding of a result.
func (r Result) as(change func(*Finding)) Result {
	if r.Finding != nil {
		change(r.Finding)
	}
	return r
}

// onlyInfo marks a finding as information.
func onlyInfo(f *Finding) { f.Severity = Info }

// onlyWarning marks a finding as a warning.
func onlyWarning(f *Finding) { f.Severity = Warning }

// probably marks a finding that a text or a missing fact leaves open.
func probably(f *Finding) { f.Confidence = Likely }

// Checks are all there are, in the order in which one cause comes before
// another.
func Checks() []Check {
	var all []Check
	for _, layer := range [][]Check{
		computerChecks(), proxyProtocolChecks(), localPortChecks(), givenChecks(),
		accessChecks(),
		revisionChecks(), serverChecks(), serverFieldChecks(), secretChecks(), ingressChecks(), routeChecks(), controlChecks(),
		tunnelChecks(),
		trustChecks(), certificateChecks(), servedChecks(), handshakeChecks(),
		guardChecks(), settingsChecks(), loginObjectChecks(), dexUserChecks(), providerChecks(), loginWireChecks(),
		modelChecks(),
		filterChecks(), httpChecks(),
		sessionChecks(), pipelinesChecks(),
	} {
		all = append(all, layer...)
	}
	return append(all, unrecognised())
}
