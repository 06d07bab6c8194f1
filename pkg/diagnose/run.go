package diagnose

import (
	"context"
	"slices"
	"time"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

// Observer is told what is looked at and found while a diagnosis goes on, by one
// goroutine.
type Observer interface {
	// Waiting tells which facts are waited for now.
	Waiting(stage Stage)
	// Checked tells the end of a check. Which finding comes first is not known
	// before all have ended.
	Checked(check Check, result Result)
}

// outcome is a check and how it ended.
type outcome struct {
	check  Check
	result Result
}

// Limit bounds a whole diagnosis. Envoy waits 15 seconds for a missing Secret,
// and containerd holds a reset back for one: they are not waited for longer.
const Limit = 5 * time.Second

// Run gathers the facts, looks at them with every check as soon as those are there
// that it reads, and puts what was found in order. The error is of reason Usage, or
// Interrupted where ctx ended; what cannot be reached is a finding.
func Run(ctx context.Context, o Options, watch Observer) (*Diagnosis, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	o.ReadFile = bounded(o.ReadFile)
	began := o.now()
	limited, cancel := context.WithTimeout(ctx, Limit)
	defer cancel()
	g := begin(limited, o)
	r := newRound(g.facts, o.Skip, watch)
	for _, stage := range Stages() {
		r.wait(stage)
		g.await(stage)
		if err := ctx.Err(); err != nil {
			g.end()
			return nil, fault.New(fault.Interrupted, "", "diagnose: %w", err)
		}
		r.look(limited, stage)
	}
	return newDiagnosis(g.facts, r.outcomes(), o.now().Sub(began)), nil
}

// round is one go through all checks.
type round struct {
	facts *Facts
	watch Observer
	// checks are in the order in which one cause comes before another, and results
	// in theirs; nil for a check that has not ended.
	checks  []Check
	results []*Result
}

func newRound(facts *Facts, skip []string, watch Observer) *round {
	checks := slices.DeleteFunc(Checks(), func(c Check) bool { return slices.Contains(skip, c.Code) })
	return &round{facts: facts, watch: watch, checks: checks, results: make([]*Result, len(checks))}
}

func (r *round) wait(stage Stage) {
	if r.watch != nil {
		r.watch.Waiting(stage)
	}
}

// look runs the checks that a stage is enough for, each once. Who cannot tell
// looks again when all is there: istiod's log may say it then.
func (r *round) look(ctx context.Context, stage Stage) {
	if stage == StageWire {
		for _, o := range r.outcomes() { // those of before the wire was seen
			r.facts.keepOld(o.result.Finding)
		}
	}
	for i, check := range r.checks {
		if r.results[i] != nil || !stage.covers(check) || !r.hasAll(check.Needs) {
			continue
		}
		r.facts.before = nil
		if stage == StageWire {
			r.facts.before = r.outcomes()
		}
		result := r.run(ctx, check)
		switch {
		case stage == StageWire:
			r.facts.keepOld(result.Finding)
		case result.Status == Unknown:
			continue
		}
		r.results[i] = &result
		if r.watch != nil {
			r.watch.Checked(check, result)
		}
	}
}

// ended is how a check ended; nil for one that has not, or that is left out.
func (r *round) ended(code string) *Result {
	at := slices.IndexFunc(r.checks, func(c Check) bool { return c.Code == code })
	if at < 0 {
		return nil
	}
	return r.results[at]
}

// hasAll tells that the checks that another one needs have ended.
func (r *round) hasAll(codes []string) bool {
	for i, c := range r.checks {
		if slices.Contains(codes, c.Code) && r.results[i] == nil {
			return false
		}
	}
	return true
}

func (r *round) run(ctx context.Context, check Check) Result {
	for _, need := range check.Needs {
		if result := r.ended(need); result != nil && result.Status == Found {
			return skipped("because of " + need)
		}
	}
	return run(ctx, check, r.facts)
}

// outcomes are those of the checks that have ended, in the order of the checks.
func (r *round) outcomes() []outcome {
	var list []outcome
	for i, check := range r.checks {
		if r.results[i] != nil {
			list = append(list, outcome{check, *r.results[i]})
		}
	}
	return list
}

// keepOld lets a finding explain what is wrong with an old certificate, where the
// gateway goes on with one because of it.
func (f *Facts) keepOld(x *Finding) {
	if x != nil && x.check.KeepsOld && x.causes == nil && f.servesOld() {
		x.causes = append(slices.Clone(x.check.Causes), Untrusted, Expired, NotYetValid, WrongName, BadCertificate)
	}
}

// run lets a check look, and completes its finding by what the check itself says.
func run(ctx context.Context, check Check, facts *Facts) Result {
	result := facts.byLog(&check, check.Look(ctx, facts))
	if f := result.Finding; f != nil {
		f.Code, f.Title, f.URL, f.check = check.Code, check.Title, pageURL(check.Code), &check
		if f.Severity == "" {
			f.Severity = check.Severity
		}
		if f.Confidence == "" {
			f.Confidence = Certain
		}
		f.Cause, f.Fix.Text = plain(f.Cause), oneLine(f.Fix.Text)
		for i, command := range f.Fix.Commands {
			f.Fix.Commands[i] = oneLine(command)
		}
	}
	result.Detail = oneLine(result.Detail)
	return result
}
