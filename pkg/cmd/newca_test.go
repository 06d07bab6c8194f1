package cmd

import (
	"strings"
	"testing"
	"time"

	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/setup"
	"github.com/kftls/kubectl-kftls/pkg/state"
)

func TestANewCAIsShownWithTheOldOne(t *testing.T) {
	atDesk(t, func(t *testing.T, d *desk) {
		if err := d.setup(t).run(t.Context()); err != nil {
			t.Fatal(err)
		}
		d.clear()
		o := d.setup(t)
		o.setup.Options.CAChange = setup.AnnounceCA
		if err := o.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		out, said := d.clear()
		want(t, "stdout", out, "configmap/kubeflow/kftls-ca configured\n")
		want(t, "stderr", said, "Make a CA for localhost (SHA-256 ", "Announce that CA beside the one of 1999-12-31, which stays in force (SHA-256 ")

		inForce, err := setup.Inspector{Cluster: d.api.Cluster(t), Home: d.home, Dialer: d.pods, Now: time.Now}.Authority(t.Context())
		if err != nil || len(inForce.Others) != 1 {
			t.Fatalf("got %+v, %v", inForce, err)
		}
		for output, text := range map[string]string{"": "-----BEGIN CERTIFICATE-----\n", "fingerprint": inForce.Others[0].Fingerprint() + "\n"} {
			command := &caOptions{factory: d.factory, output: output}
			if got := string(command.others(inForce.Others)); !strings.HasPrefix(got, text) {
				t.Errorf("-o %q: %q", output, got)
			}
			_, said := d.clear()
			want(t, "stderr of ca --all", said, "note: this CA is not in force, and nothing that is served proves it; compare it with who made it: SHA-256 "+inForce.Others[0].Fingerprint())
		}

		o.setup.Options.CAChange = setup.ReplaceCA
		if err := o.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		_, said = d.clear()
		want(t, "stderr of the replacement", said, "It takes the place of the CA of 1999-12-31 (SHA-256 ", "stays in the ConfigMap until 'kubectl kftls setup --forget-old-ca'")
	})
}

func TestFlagsOfTheCA(t *testing.T) {
	for name, test := range map[string]struct {
		options setupOptions
		want    setup.CAChange
		reason  fault.Reason
	}{
		"none":                 {setupOptions{}, setup.KeepCA, ""},
		"new":                  {setupOptions{newCA: true}, setup.ReplaceCA, ""},
		"announced":            {setupOptions{newCA: true, stage: true}, setup.AnnounceCA, ""},
		"forgotten":            {setupOptions{forgetOldCA: true}, setup.ForgetOldCAs, ""},
		"stage without new":    {setupOptions{stage: true}, setup.AnnounceCA, fault.Usage},
		"stage and no key":     {setupOptions{newCA: true, stage: true, authorityFlags: authorityFlags{discardKey: true}}, setup.AnnounceCA, fault.Usage},
		"forgotten with a new": {setupOptions{forgetOldCA: true, newCA: true}, setup.ReplaceCA, fault.Usage},
	} {
		o := test.options
		o.dryRun, o.timeout = dryRunNone, time.Second
		if err := o.complete(); fault.ReasonOf(err) != test.reason {
			t.Errorf("%s: %v", name, err)
		}
		if got := o.caChange(); got != test.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestTeardownElsewhereWantsForce(t *testing.T) {
	atDesk(t, func(t *testing.T, d *desk) {
		if err := d.setup(t).run(t.Context()); err != nil {
			t.Fatal(err)
		}
		atAnother(t, d)
		d.clear()
		if err := d.teardown(t).run(t.Context()); fault.ReasonOf(err) != fault.NotOurs {
			t.Fatalf("got %v", err)
		}
		_, said := d.clear()
		want(t, "stderr", said, "Set up by: computer \"")
		dry := d.teardown(t)
		dry.dryRun = dryRunServer
		if err := dry.run(t.Context()); err != nil {
			t.Errorf("a dry run: %v", err)
		}
		forced := d.teardown(t)
		forced.teardown.Force = true
		if err := forced.run(t.Context()); err != nil || d.api.Get("Secret", "istio-system", "kftls-gateway") != nil {
			t.Errorf("by force: %v", err)
		}
	})
}

// atAnother moves a desk to another computer.
func atAnother(t *testing.T, d *desk) {
	t.Helper()
	home, err := state.Open(t.TempDir(), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	d.home = home
}
