package diagnose

import (
	"cmp"
	"slices"
)

// judged is what the checks found, put in order.
type judged struct {
	findings    []Finding
	alsoNoticed []Finding
}

// judge puts the finding first that explains the first failure on the road. A
// finding whose symptoms an earlier one explains follows from that one; one that
// explains nothing observed is noticed beside it.
func judge(outcomes []outcome, seen []Sighting) judged {
	var (
		result     judged
		explaining []Finding
		healthy    = !slices.ContainsFunc(seen, func(s Sighting) bool { return s.Failure })
	)
	for _, o := range outcomes {
		if o.result.Finding == nil {
			continue
		}
		f := *o.result.Finding
		f.Symptoms = explained(f, seen)
		if f.observed != "" && !slices.Contains(f.Symptoms, f.observed) {
			f.Symptoms = append(f.Symptoms, f.observed)
		}
		if f.keepsOut(seen) {
			f.Symptoms = append(f.Symptoms, NotLoggedIn)
		}
		switch {
		case len(f.Symptoms) > 0 && f.Severity.AtLeast(Warning):
			explaining = append(explaining, f)
		default:
			if f.Severity.AtLeast(Error) { // it is in nobody's way, or not seen to be
				f.Severity = Warning
			}
			if healthy {
				f.Severity = Info
			}
			result.alsoNoticed = append(result.alsoNoticed, f)
		}
	}
	sortByRoad(explaining, seen)
	for _, f := range explaining {
		if cause := folds(result.findings, f); cause != nil {
			cause.Follows = append(cause.Follows, f.Code)
			continue
		}
		result.findings = append(result.findings, f)
	}
	return result
}

// explained are the observed symptoms that a finding accounts for.
func explained(f Finding, seen []Sighting) []Symptom {
	causes := f.causes
	if causes == nil {
		causes = f.check.Causes
	}
	symptoms := []Symptom{} // a list in JSON, too
	for _, s := range seen {
		if slices.Contains(causes, s.Symptom) && !slices.Contains(symptoms, s.Symptom) {
			symptoms = append(symptoms, s.Symptom)
		}
	}
	return symptoms
}

// sortByRoad sorts findings by the first failure that each explains, then by
// confidence; the order of the checks decides the rest. What objects prove comes
// before why nothing could be seen.
func sortByRoad(findings []Finding, seen []Sighting) {
	rank := func(f Finding) int {
		first := 2 * len(Hops())
		for _, s := range seen {
			if s.Failure && slices.Contains(f.Symptoms, s.Symptom) {
				first = min(first, 2*s.Symptom.Hop().rank())
			}
		}
		if f.observed != "" { // behind what a request ran into at the same hop
			first = min(first, 2*f.observed.Hop().rank()+1)
		}
		if f.keepsOut(seen) { // before the advice to log in
			first = min(first, 2*NotLoggedIn.Hop().rank()-1)
		}
		if f.proven { // before why nothing could be seen, and in the order of the road among themselves
			first -= 2*len(Hops()) + 1
		}
		return first
	}
	slices.SortStableFunc(findings, func(a, b Finding) int {
		return cmp.Or(
			-cmp.Compare(boolRank(a.Severity == Critical), boolRank(b.Severity == Critical)),
			cmp.Compare(boolRank(a.isGuess(seen)), boolRank(b.isGuess(seen))),
			cmp.Compare(rank(a), rank(b)),
			cmp.Compare(a.Confidence.rank(), b.Confidence.rank()),
		)
	})
}

// keepsOut tells of what breaks the login where a session is wanted and there is
// none: who tries to log in runs into it.
func (f Finding) keepsOut(seen []Sighting) bool {
	return f.observed == LoginBreaks && f.Severity.AtLeast(Error) &&
		slices.ContainsFunc(seen, func(s Sighting) bool { return s.Failure && s.Symptom == NotLoggedIn })
}

// isGuess tells of a warning that nothing which failed bears out: it comes after
// what explains a failure.
func (f Finding) isGuess(seen []Sighting) bool {
	return f.Severity == Warning && !slices.ContainsFunc(seen, func(s Sighting) bool { return s.Failure && slices.Contains(f.Symptoms, s.Symptom) })
}

func boolRank(b bool) int {
	if b {
		return 1
	}
	return 0
}

// folds returns the earlier finding that already explains all that a later one
// does.
func folds(before []Finding, f Finding) *Finding {
	for i := range before {
		if !slices.ContainsFunc(f.Symptoms, func(s Symptom) bool { return !slices.Contains(before[i].Symptoms, s) }) {
			return &before[i]
		}
	}
	return nil
}
