package cmd

import (
	"context"
	"fmt"
	"strings"

	"github.com/kftls/kubectl-kftls/pkg/diagnose"
	"github.com/kftls/kubectl-kftls/pkg/ui"
)

// diagnose runs a diagnosis and shows on stderr what it finds, as it finds it.
func (o *diagnoseOptions) diagnose(ctx context.Context, options diagnose.Options) (*diagnose.Diagnosis, error) {
	p := &diagnoseProgress{ui: o.factory.UI, traces: o.factory.Verbosity > 0}
	defer p.end()
	return diagnose.Run(ctx, options, p)
}

// diagnoseProgress is one line on a terminal, gone at the end: what is waited for,
// how many checks have ended, and what they found. The result itself, in which the
// finding to mend first comes first, then has the terminal for itself. With -v
// there is a line a check, which stays.
type diagnoseProgress struct {
	ui     *ui.UI
	traces bool

	step  *ui.Step
	ended int
	codes []string // of what was found
	cause string   // of the latest
}

// Waiting implements diagnose.Observer.
func (p *diagnoseProgress) Waiting(stage diagnose.Stage) {
	p.step = p.ui.Step("Look at " + string(stage))
	p.tell()
}

// Checked implements diagnose.Observer.
func (p *diagnoseProgress) Checked(check diagnose.Check, result diagnose.Result) {
	detail := result.Detail
	if x := result.Finding; x != nil {
		detail = x.Cause
		if x.Severity.AtLeast(diagnose.Warning) {
			p.codes, p.cause = append(p.codes, x.Code), x.Cause
		}
	}
	p.ended++
	p.tell()
	if p.traces {
		p.ui.Note("%s %s (%s): %s", check.Code, result.Status, check.Title, detail)
	}
}

func (p *diagnoseProgress) tell() {
	switch {
	case len(p.codes) > 0:
		p.step.Tell(fmt.Sprintf("checks so far: %d; found: %s %s", p.ended, strings.Join(p.codes, ", "), p.cause))
	case p.ended > 0:
		p.step.Tell(fmt.Sprintf("checks so far: %d", p.ended))
	}
}

func (p *diagnoseProgress) end() {
	if p.step != nil {
		p.step.Clear()
	}
}
