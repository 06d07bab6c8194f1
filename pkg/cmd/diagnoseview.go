package cmd

import (
	"fmt"
	"strings"

	"github.com/kftls/kubectl-kftls/pkg/diagnose"
)

// print writes a diagnosis as it was asked for.
func (o *diagnoseOptions) print(d *diagnose.Diagnosis) error {
	switch o.output {
	case "":
		diagnoseView{o.factory}.table(d)
		return nil
	case "short":
		diagnoseView{o.factory}.short(d)
		return nil
	}
	return printObject(o.factory.Streams.Out, o.output, d)
}

// diagnoseView writes a diagnosis for people, on stdout.
type diagnoseView struct{ f *Factory }

func (v diagnoseView) line(format string, args ...any) {
	fmt.Fprintf(v.f.UI.Out(), format+"\n", args...)
}

// table is the road as a picture, the findings, what was noticed beside, and a
// line on the rest.
func (v diagnoseView) table(d *diagnose.Diagnosis) {
	v.line("%s", v.road(d))
	for _, via := range d.Via {
		v.line("%s", v.f.UI.Dim("  by "+via))
	}
	v.line("")
	for i, f := range d.Findings {
		v.finding(f, i == 0)
	}
	if len(d.Findings) == 0 {
		v.well(d)
	}
	if len(d.AlsoNoticed) > 0 {
		v.line("Also noticed:")
	}
	for _, f := range d.AlsoNoticed {
		v.line("  %s %s %s", v.mark(f.Severity), f.Code, f.Cause)
		for _, command := range f.Fix.Commands {
			v.line("      %s", v.f.UI.Dim(command))
		}
	}
	v.clients(d)
	v.counts(d)
}

// clients says what the TLS clients of this computer make of the certificate.
func (v diagnoseView) clients(d *diagnose.Diagnosis) {
	if len(d.Clients) == 0 {
		return
	}
	v.line("Clients on this computer (? where their roots are not known):")
	for _, c := range d.Clients {
		mark, text := "?", c.Why
		if c.Accepts != nil {
			mark, text = v.f.UI.Green(v.f.UI.Symbol("✓", "ok")), "accepts the certificate, by "+c.RootsFrom
			if !*c.Accepts {
				mark, text = v.f.UI.Red(v.f.UI.Symbol("✗", "x")), c.Text
			}
		}
		how := ""
		if c.Predicted {
			how = " (predicted)"
		}
		v.line("  %s %s%s: %s", mark, strings.TrimSpace(c.Name+" "+c.Version), how, text)
		if c.Accepts != nil && !*c.Accepts && c.Fix != "" {
			v.line("      %s", v.f.UI.Dim(c.Fix))
		}
	}
}

// well says that nothing is in the way, or that nothing could be said.
func (v diagnoseView) well(d *diagnose.Diagnosis) {
	if len(d.Via) == 0 {
		v.line("%s %s", v.mark(diagnose.Warning), nothingSeen)
		v.line("")
	}
	if d.Healthy {
		v.line("%s Nothing is in the way.", v.f.UI.Green(v.f.UI.Symbol("✓", "ok")))
		for _, s := range d.Sightings {
			v.line("  %s: %s (%s)", s.Via, s.Symptom, s.Text)
		}
		v.line("")
	}
}

const nothingSeen = "No way to the front door could be looked at: nothing can be said about it."

// counts says how many checks passed, and names those that could not be made, by
// what was in their way: one right often hides many facts.
func (v diagnoseView) counts(d *diagnose.Diagnosis) {
	passed, unknown := 0, 0
	var reasons []string
	codes := map[string][]string{}
	for _, c := range d.Checks {
		switch c.Status {
		case diagnose.Passed:
			passed++
		case diagnose.Unknown:
			unknown++
			if codes[c.Detail] == nil {
				reasons = append(reasons, c.Detail)
			}
			codes[c.Detail] = append(codes[c.Detail], c.Code)
		}
	}
	if unknown > 0 {
		v.line("Could not be looked at:")
	}
	for _, reason := range reasons {
		v.line("%s", v.f.UI.Dim(fmt.Sprintf("  ? %s: %s", strings.Join(codes[reason], " "), reason)))
	}
	v.line("%s", v.f.UI.Dim(fmt.Sprintf("%d checks passed, %d could not be made, in %.1fs", passed, unknown, d.Seconds)))
}

// finding is cause, evidence and fix of one finding.
func (v diagnoseView) finding(f diagnose.Finding, isFirst bool) {
	head := fmt.Sprintf("%s %s %s", v.mark(f.Severity), f.Code, f.Cause)
	if f.Confidence != diagnose.Certain {
		head += " (" + string(f.Confidence) + ")"
	}
	if isFirst {
		head = v.f.UI.Bold(head)
	}
	v.line("%s", head)
	for _, e := range f.Evidence {
		source := e.Source
		if e.Field != "" {
			source += ", " + e.Field
		}
		v.line("    %s", v.f.UI.Dim(source+": "+e.Value))
	}
	v.fix(f.Fix)
	if len(f.Follows) > 0 {
		v.line("    From it follow: %s", strings.Join(f.Follows, ", "))
	}
	v.line("    More: %s diagnose --explain %s", v.f.Name, f.Code)
	v.line("")
}

var fixWords = map[diagnose.FixKind]string{
	diagnose.FixCommand: "Fix", diagnose.FixEdit: "Fix, in Git", diagnose.FixAdmin: "Fix, by an admin", diagnose.FixLocal: "Fix, on this computer",
}

func (v diagnoseView) fix(fix diagnose.Fix) {
	text := fix.Text
	if fix.Destructive {
		text += " (deletes or replaces something)"
	}
	v.line("    %s: %s", fixWords[fix.Kind], text)
	for _, command := range fix.Commands {
		v.line("        %s", command)
	}
}

func (v diagnoseView) mark(s diagnose.Severity) string {
	switch s {
	case diagnose.Critical:
		return v.f.UI.Red(v.f.UI.Symbol("‼", "!!"))
	case diagnose.Error:
		return v.f.UI.Red(v.f.UI.Symbol("✗", "x"))
	case diagnose.Warning:
		return v.f.UI.Symbol("!", "!")
	}
	return v.f.UI.Symbol("·", "-")
}

// road is the picture of the road: a line of hops, ticked up to the broken one.
func (v diagnoseView) road(d *diagnose.Diagnosis) string {
	var parts []string
	for _, s := range d.Road {
		switch s.State {
		case "ok":
			parts = append(parts, v.f.UI.Green(v.f.UI.Symbol("✓ ", "ok ")+s.Name))
		case "broken":
			parts = append(parts, v.f.UI.Red(v.f.UI.Symbol("✗ ", "x ")+s.Name))
		default:
			parts = append(parts, v.f.UI.Dim(s.Name))
		}
	}
	return strings.Join(parts, v.f.UI.Symbol(" ─ ", " - "))
}

// short is one line a finding, to paste into a chat.
func (v diagnoseView) short(d *diagnose.Diagnosis) {
	for _, f := range d.Findings {
		v.line("%s %s: %s", f.Code, f.Severity, f.Cause)
		for _, command := range f.Fix.Commands {
			v.line("  fix: %s", command)
		}
		if len(f.Fix.Commands) == 0 {
			v.line("  fix: %s", f.Fix.Text)
		}
	}
	switch {
	case len(d.Findings) > 0:
	case len(d.Via) == 0:
		v.line("%s", nothingSeen)
	default:
		v.line("nothing is in the way")
	}
}
