package cmd

import (
	"context"
	"net/url"

	"github.com/kftls/kubectl-kftls/pkg/diagnose"
	"github.com/kftls/kubectl-kftls/pkg/diagnose/pasted"
	"github.com/kftls/kubectl-kftls/pkg/gateway"
)

// textReport is what a pasted text may mean, and what the checks then said.
type textReport struct {
	APIVersion string              `json:"apiVersion"`
	Kind       string              `json:"kind"`
	URL        string              `json:"url,omitempty"`
	Meanings   []textMeaning       `json:"meanings"`
	Diagnosis  *diagnose.Diagnosis `json:"diagnosis,omitempty"`
}

// textMeaning is one passage and what it may mean: a text alone is never a verdict.
type textMeaning struct {
	Program    string              `json:"program"`
	Versions   string              `json:"versions"`
	Quote      string              `json:"quote"`
	Says       string              `json:"says"`
	Codes      []string            `json:"codes"`
	Confidence diagnose.Confidence `json:"confidence"`
}

// explainText says what a pasted text may mean, then looks whether it is so.
func (o *diagnoseOptions) explainText(ctx context.Context) error {
	text, err := o.read()
	if err != nil {
		return err
	}
	reading := pasted.Read(text)
	report := textReport{APIVersion: gateway.APIVersion, Kind: "PastedText", Meanings: []textMeaning{}}
	if reading.URL != nil {
		report.URL = reading.URL.String()
	}
	for _, m := range reading.Meanings {
		report.Meanings = append(report.Meanings, textMeaning{m.Program, m.Versions, m.Quote, m.Says, m.Codes, diagnose.Possible})
	}
	if o.address == "" && reading.URL != nil {
		o.address = reading.URL.String()
	}
	var result error
	o.sentHeader = reading.Authorization
	if report.Diagnosis, err = o.look(ctx, reading.URL); err != nil {
		return err
	}
	if report.Diagnosis != nil {
		result = o.end(report.Diagnosis)
	} else if len(report.Meanings) == 0 {
		result = silentExit(exitCouldNotLook)
	}
	if o.output == "json" || o.output == "yaml" {
		if err := printObject(o.factory.Streams.Out, o.output, report); err != nil {
			return err
		}
	} else {
		o.printText(report)
	}
	if err := o.writeBundle(ctx, report.Diagnosis, &report); err != nil {
		return err
	}
	return result
}

// look diagnoses where there is something to look at: a cluster or an address.
func (o *diagnoseOptions) look(ctx context.Context, address *url.URL) (*diagnose.Diagnosis, error) {
	options, done, err := o.options(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	if options.Cluster == nil && address == nil && o.address == "" {
		return nil, nil
	}
	return o.diagnose(ctx, options)
}

func (o *diagnoseOptions) printText(report textReport) {
	v := diagnoseView{o.factory}
	if len(report.Meanings) == 0 {
		v.line("The text was not recognised.")
	}
	titles := map[string]string{}
	for _, c := range diagnose.Checks() {
		titles[c.Code] = c.Title
	}
	for _, m := range report.Meanings {
		v.line("%s: %s", v.f.UI.Bold(m.Program), m.Says)
		v.line("    %s", v.f.UI.Dim(m.Quote))
		for _, code := range m.Codes {
			if title, known := titles[code]; known {
				v.line("    possible: %s %s", code, title)
			}
		}
	}
	if report.Diagnosis == nil {
		v.line("No cluster and no address to look at: which one it is stays open.")
		return
	}
	v.line("")
	v.line("Looked at now:")
	v.table(report.Diagnosis)
}
