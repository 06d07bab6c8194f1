package diagnose

import (
	"slices"
	"time"

	"github.com/kftls/kubectl-kftls/pkg/gateway"
)

// Diagnosis is the result, as it is printed. docs/diagnosis.schema.json
// describes its JSON.
type Diagnosis struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	// Expect is what was expected, "" for nothing in particular.
	Expect Expectation `json:"expect"`
	// Via are the roads that were taken.
	Via []string `json:"via"`
	// Healthy tells that a road was looked at, and that nothing observed is in the
	// way.
	Healthy bool `json:"healthy"`
	// Findings explain what was observed, the one to mend first at the beginning.
	Findings []Finding `json:"findings"`
	// AlsoNoticed explain nothing that was observed.
	AlsoNoticed []Finding `json:"alsoNoticed"`
	// Sightings are what was observed, in the order of the road.
	Sightings []Sighting `json:"sightings"`
	// Clients are the TLS clients of this computer, where a certificate was asked about.
	Clients []ClientReport `json:"clients,omitempty"`
	// Checks are all that were made.
	Checks []CheckReport `json:"checks"`
	// Seconds is how long it took.
	Seconds float64 `json:"seconds"`

	// Road is the picture of the road.
	Road []Station `json:"road"`

	facts *Facts
}

// CheckReport is how one check ended.
type CheckReport struct {
	Code   string `json:"code"`
	Title  string `json:"title"`
	Layer  Layer  `json:"layer"`
	Status Status `json:"status"`
	Detail string `json:"detail,omitempty"`
}

// Station is a hop of the road, and whether it was reached and passed.
type Station struct {
	Name string `json:"name"`
	// State is "ok", "broken", "unknown" or "beyond" (not looked at, since the
	// road is broken before it).
	State string `json:"state"`
}

func newDiagnosis(facts *Facts, outcomes []outcome, took time.Duration) *Diagnosis {
	facts.weigh(outcomes)
	result := judge(outcomes, facts.Seen)
	d := &Diagnosis{
		facts:      facts,
		APIVersion: gateway.APIVersion, Kind: "Diagnosis",
		Expect: facts.Aim.Expect, Via: facts.via(),
		Findings: notNil(result.findings), AlsoNoticed: notNil(result.alsoNoticed), Sightings: notNil(facts.Seen),
		Clients: facts.clientReports(), Checks: []CheckReport{},
		Seconds: took.Round(time.Millisecond).Seconds(), Road: facts.road(),
	}
	d.Healthy = len(facts.Roads) > 0 && !d.Worst().AtLeast(Error) &&
		!slices.ContainsFunc(facts.Seen, func(s Sighting) bool { return s.Failure })
	for _, o := range outcomes {
		d.Checks = append(d.Checks, CheckReport{
			Code: o.check.Code, Title: o.check.Title, Layer: o.check.Layer, Status: o.result.Status, Detail: o.result.Detail,
		})
	}
	return d
}

func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// Looked tells that there was something to look at: a road, or a cluster whose
// objects say what is wrong. Who may read nothing has looked at nothing.
func (d *Diagnosis) Looked() bool {
	return len(d.Via) > 0 || len(d.Findings) > 0 && !slices.ContainsFunc(d.Sightings, func(s Sighting) bool {
		return s.Symptom == NoKubeconfig || s.Symptom == NoAPIServer || s.Symptom == APIRefuses
	})
}

// Worst is the highest severity of the findings that explain something, "" for
// none.
func (d *Diagnosis) Worst() Severity {
	worst := Severity("")
	for _, f := range d.Findings {
		if f.Severity.AtLeast(worst) {
			worst = f.Severity
		}
	}
	return worst
}

// road draws the stations: passed up to the first failure, broken there.
func (f *Facts) road() []Station {
	broken := len(Hops())
	for _, s := range f.Seen {
		if s.Failure {
			broken = min(broken, s.Symptom.Hop().rank())
		}
	}
	var stations []Station
	for i, hop := range Hops() {
		station := Station{Name: f.hopName(hop), State: "ok"}
		switch {
		case i == broken:
			station.State = "broken"
		case i > broken:
			station.State = "beyond"
		case !f.reached(hop):
			station.State = "unknown"
		}
		stations = append(stations, station)
	}
	return stations
}
