package diagnose

import "slices"

// blind tells that no road could be taken: the tunnel is refused, and no address was
// named. What the cluster's objects say is then all there is.
func (f *Facts) blind() bool {
	return f.Aim.URL == nil && f.sees(NoTunnel) && !slices.ContainsFunc(f.Roads, func(r *Road) bool {
		symptom, _ := r.connection()
		return symptom != NoTunnel
	})
}

// reach is which roads a cause blocks.
type reach int

const (
	everywhere reach = iota
	overTLS
	overPlain
	// toLogIn blocks logins alone: the front door goes on to ask for one.
	toLogIn
)

// breaks marks a finding whose objects prove by themselves that requests fail, and
// how. It speaks first where nothing could be observed. An oddity that harms nobody
// on some clusters must not be marked: nothing on the wire would clear it.
func breaks(symptom Symptom, on reach) func(*Finding) {
	return func(f *Finding) { f.proves, f.on = symptom, on }
}

// isAskedFor tells that a cause is in the way of what was asked for.
func (f *Facts) isAskedFor(on reach) bool {
	plain, tls := f.matters(&Road{}), f.matters(&Road{TLS: true})
	switch on {
	case overTLS:
		return tls
	case overPlain:
		return plain
	case toLogIn:
		return f.Aim.wantsSession() || f.Aim.Expect == ExpectNothing
	}
	return plain || tls
}

// weigh judges the outcomes of a diagnosis that saw nothing of the wire. What
// objects prove comes first and is likely, since nobody saw it happen. Where they
// prove nothing, the finding of why nothing was seen lists what may be. That nothing
// was seen passes no check of the wire.
func (f *Facts) weigh(outcomes []outcome) {
	if !f.blind() {
		return
	}
	proven := false
	for _, o := range outcomes {
		if x := o.result.Finding; x != nil && f.prove(x) {
			proven = true
		}
	}
	if !proven {
		f.addCandidates(outcomes)
	}
	for i := range outcomes {
		o := &outcomes[i]
		if o.result.Status == Passed && o.check.wantsWire() {
			o.result = Result{Status: Unknown, Detail: "no road to the front door could be taken"}
		}
	}
}

// wantsWire tells of a check that passes because nothing was seen.
func (c Check) wantsWire() bool {
	return StageWire.covers(c) && !StageCluster.covers(c) &&
		slices.Contains([]Layer{LayerTunnel, LayerTLS, LayerHTTP, LayerLogin, LayerSession, LayerPipelines}, c.Layer)
}

// prove lets a finding speak for itself, if its objects prove that what was asked
// for fails.
func (f *Facts) prove(x *Finding) bool {
	if !x.Severity.AtLeast(Error) {
		return false
	}
	if x.observed == "" && x.proves != "" && f.isAskedFor(x.on) {
		x.observed = x.proves
	}
	x.proven = x.observed != ""
	if x.proven && x.Confidence == Certain && x.observed.Hop() != HopYou { // files of this computer were seen
		x.Confidence = Likely
	}
	return x.proven
}

// mostHidden is how many causes are listed that only somebody with more rights can
// tell apart.
const mostHidden = 8

// addCandidates lists the causes that what may not be read would decide.
func (f *Facts) addCandidates(outcomes []outcome) {
	var list []Evidence
	for _, o := range outcomes {
		if o.result.Status == Unknown && o.check.Severity.AtLeast(Error) && len(list) < mostHidden {
			list = append(list, evidence("possible", o.check.Code, o.check.Title))
		}
	}
	for _, o := range outcomes {
		if x := o.result.Finding; x != nil && x.Code == "KFT204" {
			x.Evidence = append(x.Evidence, list...)
			x.Fix.Text = "an admin sees what is in the way, if anything is, with the first command; " + x.Fix.Text
			x.Fix.Commands = slices.Concat([]string{f.program() + " diagnose" + f.flags()}, x.Fix.Commands)
			return
		}
	}
}
