package diagnose

import (
	"context"
	"slices"
	"time"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

// Observer is told what is found, as it is found.
type Observer interface {
	// Checked tells the end of a check.
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

// checkLimit bounds a check that names no limit of its own.
const checkLimit = time.Second

// Run gathers the facts, looks at them with every check, and puts what was found
// in order. The error is of reason Usage, or Interrupted where ctx ended; what
// cannot be reached is a finding.
func Run(ctx context.Context, o Options, watch Observer) (*Diagnosis, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	began := o.now()
	limited, cancel := context.WithTimeout(ctx, Limit)
	defer cancel()
	facts := gather(limited, o)
	if err := ctx.Err(); err != nil {
		return nil, fault.New(fault.Interrupted, "", "diagnose: %w", err)
	}
	facts.Seen = facts.observe()
	facts.deepen(limited, o)
	outcomes := look(limited, facts, o, watch)
	if err := ctx.Err(); err != nil {
		return nil, fault.New(fault.Interrupted, "", "diagnose: %w", err)
	}
	return newDiagnosis(facts, outcomes, o.now().Sub(began)), nil
}

// look runs the checks in their order.
func look(ctx context.Context, facts *Facts, o Options, watch Observer) []outcome {
	var outcomes []outcome
	ended := map[string]Status{}
	for _, check := range Checks() {
		if slices.Contains(o.Skip, check.Code) {
			continue
		}
		facts.before = outcomes
		result := run(ctx, check, facts, ended)
		if _, again := ended[check.Code]; !again || result.Status == Found {
			ended[check.Code] = result.Status
		}
		outcomes = append(outcomes, outcome{check, result})
		if watch != nil {
			watch.Checked(check, result)
		}
	}
	return outcomes
}

func run(ctx context.Context, check Check, facts *Facts, ended map[string]Status) Result {
	for _, need := range check.Needs {
		if ended[need] == Found {
			return skipped("because of " + need)
		}
	}
	limit := check.Limit
	if limit == 0 {
		limit = checkLimit
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
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
		if check.KeepsOld && f.causes == nil && facts.servesOld() {
			f.causes = append(slices.Clone(check.Causes), Untrusted, Expired, NotYetValid, WrongName, BadCertificate)
		}
	}
	result.Detail = oneLine(result.Detail)
	return result
}
