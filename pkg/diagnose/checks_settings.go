package diagnose

import (
	"context"
	"errors"
	"strings"
)

func settingsChecks() []Check {
	return []Check{{
		Code: "KFT720", Title: "a part of the login reads an object that is not there", Layer: LayerLogin, Severity: Error,
		Causes: []Symptom{NoAuthorizer, LoginDown, DexDown, UpstreamDown, LoginBreaks}, Look: lookMissingSettings,
		Page: Page{
			Means: "Dex and the auth proxy take their settings from Secrets and ConfigMaps that their pods name. A pod whose object is missing does not start; one that runs goes on until it is restarted.",
			Shows: []Shown{{"kubectl", "CreateContainerConfigError", "read in kubelet"}},
			Heals: "Apply the part of Kubeflow's manifests again that makes the object.",
		},
	}}
}

func lookMissingSettings(_ context.Context, f *Facts) Result {
	if f.Objects == nil {
		return skipped("no cluster was asked for")
	}
	missing := f.Objects.Login.Missing
	if len(missing) == 0 {
		for _, err := range []error{f.Objects.Login.Dex.Err, f.Objects.Login.SameSecret.Err} {
			if err != nil && !errors.Is(err, errNotAsked) {
				return unknown(err)
			}
		}
		return passed("none that could be looked for is missing")
	}
	// Those of one part at a time: what breaks differs.
	part, causes := missing[0].Part, []Symptom{NoAuthorizer, LoginDown, UpstreamDown, LoginBreaks}
	if part == "dex" {
		causes = []Symptom{DexDown, UpstreamDown, LoginBreaks}
	}
	var names []string
	var ev []Evidence
	for _, m := range missing {
		if m.Part == part {
			names = append(names, m.Object)
			ev = append(ev, evidence(m.Object, "", "is not there, or empty"))
		}
	}
	return found("pods of "+part+" name "+strings.Join(names, " and ")+", which is not there or empty: without it they do not start",
		byAdmin("apply the part of Kubeflow's manifests again that makes it"), ev...).as(func(x *Finding) { x.causes = causes })
}
