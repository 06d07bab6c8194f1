package cmd

import (
	"crypto/x509"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kftls/kubectl-kftls/internal/testutil"
	"github.com/kftls/kubectl-kftls/pkg/ca"
	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/setup"
	"github.com/kftls/kubectl-kftls/pkg/state"
)

func (d *desk) renew(t *testing.T) *renewOptions {
	t.Helper()
	return &renewOptions{
		factory: d.factory, changeFlags: changeFlags{yes: true, dryRun: dryRunNone},
		renewal: &setup.Renewal{Setup: &setup.Setup{
			Cluster: d.api.Cluster(t), Home: d.home, Dialer: d.pods, Now: time.Now, Progress: d.factory.progress,
			Options: setup.Options{Timeout: time.Second},
		}},
	}
}

func TestRenewSaysWhatItDoes(t *testing.T) {
	atDesk(t, func(t *testing.T, d *desk) {
		if err := d.setup(t).run(t.Context()); err != nil {
			t.Fatal(err)
		}
		d.clear()
		o := d.renew(t)
		o.renewal.IfNeeded = true
		if err := o.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if out, said := d.clear(); out+said != "" {
			t.Errorf("not due, it says %q, %q", out, said)
		}

		o = d.renew(t)
		if err := o.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if out, said := d.clear(); out != "secret/istio-system/kftls-gateway configured\n" || said != "" {
			t.Errorf("with --yes, it says %q, %q", out, said)
		}

		d.api.Forget()
		o = d.renew(t)
		o.dryRun, o.diff = dryRunServer, true
		if err := o.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		out, said := d.clear()
		want(t, "stdout of a dry run", out, "+++ planned/secret/istio-system/kftls-gateway", "secret/istio-system/kftls-gateway configured (server dry run)\n")
		want(t, "stderr of a dry run", said, "Context:  test (http://api.test)\n", "Use the CA of ", "Make a certificate for localhost, 127.0.0.1, ::1: it is to be renewed\n")
		o = d.renew(t)
		o.yes = false
		if code := exitCode(t.Context(), o.run(t.Context())); code != exitUsage || len(d.api.Writes()) != 0 {
			t.Errorf("exit code %d, writes %v", code, d.api.Writes())
		}
		d.clear()

		d.pods.Late = func(pod string) bool { return pod == "gateway-b" }
		o = d.renew(t)
		if code := exitCode(t.Context(), o.run(t.Context())); code != exitTimeout {
			t.Errorf("one pod late: exit code %d", code)
		}
		out, said = d.clear()
		want(t, "one pod late", out+said, "secret/istio-system/kftls-gateway configured\n", "What is listed above was changed, and stays.\n")
	})
}

func TestSetupSaysWhoseCAItUses(t *testing.T) {
	atDesk(t, func(t *testing.T, d *desk) {
		company := testutil.NewCompany(t, time.Now(), func(issuing *x509.Certificate) { issuing.KeyUsage = 0 })
		chain, key := company.Write(t, t.TempDir())
		given, err := (&givenFlags{certificates: chain, key: key}).read()
		if err != nil {
			t.Fatal(err)
		}
		o := d.setup(t)
		o.setup.Options.Given = given
		if err := o.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		out, said := d.clear()
		want(t, "stderr", said, "Use the CA CN=Example Issuing,O=Example that was given; clients trust its root CN=Example Root,O=Example (SHA-256 ",
			`warning: the certificate "Example Issuing" (`, " lacks a key usage: Python 3.13 and other strict clients will refuse what it signs\n",
			"Its key is not copied; to renew the certificate, it is read from "+key+"\n")
		status, err := d.inspector(t).Inspect(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		printStatus(d.factory, statusReport{Status: status})
		shown, _ := d.clear()
		want(t, "status", shown, "CA key:       not copied; read from "+key+"\n")
		if strings.Contains(out+said+shown, "PRIVATE KEY") {
			t.Error("a key was printed")
		}
	})
}

func TestRenewRefusesItsCommandLine(t *testing.T) {
	for name, test := range map[string]struct {
		o    renewOptions
		says string
	}{
		"a name":          {renewOptions{san: []string{"a_b"}}, "underscore"},
		"an empty name":   {renewOptions{san: []string{""}}, "is empty"},
		"a key":           {renewOptions{keyAlgorithm: "dsa"}, `"dsa" is not known`},
		"a validity":      {renewOptions{validity: "x"}, "--validity"},
		"before":          {renewOptions{beforeFlag: beforeFlag{"-1d"}}, `--before "-1d" is not a length of time`},
		"no time":         {renewOptions{timeout: -1}, "leaves no time to verify"},
		"a CA alone":      {renewOptions{givenFlags: givenFlags{certificates: "x"}}, "need each other"},
		"a CA's key only": {renewOptions{givenFlags: givenFlags{key: "x"}}, "need each other"},
	} {
		if test.o.timeout == 0 {
			test.o.timeout = time.Second
		}
		_, err := test.o.options()
		if fault.ReasonOf(err) != fault.Usage || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAuthorityFlags(t *testing.T) {
	sans, err := ca.ParseNames([]string{"localhost", "kubeflow.example.com"})
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		flags           authorityFlags
		sans            ca.Names
		names, defaults string
		says            string
	}{
		"usual":                 {authorityFlags{}, sans, "localhost kubeflow.example.com 127.0.0.1 ::1", "127.0.0.1 ::1", ""},
		"no defaults":           {authorityFlags{noDefaultSANs: true}, sans, "localhost kubeflow.example.com", "", ""},
		"nothing but defaults":  {authorityFlags{noDefaultSANs: true}, ca.Names{}, "", "", "needs a --san that is a DNS name"},
		"an address permitted":  {authorityFlags{permitDNS: []string{"a.example.com,10.0.0.1"}}, sans, "", "", "only DNS names can be permitted"},
		"contradiction":         {authorityFlags{unconstrained: true, constrainIPs: true}, sans, "", "", "both unconstrained and constrained"},
		"a given CA, widened":   {authorityFlags{givenFlags: givenFlags{certificates: "x"}, permitDNS: []string{"example.com"}}, sans, "", "", "--ca-cert gives one"},
		"a given CA, unlimited": {authorityFlags{givenFlags: givenFlags{certificates: "x"}, unconstrained: true}, sans, "", "", "--ca-cert gives one"},
	} {
		names, defaults, err := test.flags.complete(test.sans)
		if test.says != "" {
			if fault.ReasonOf(err) != fault.Usage || !strings.Contains(err.Error(), test.says) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if got := strings.Join(names.Strings(), " "); err != nil || got != test.names || strings.Join(defaults.Strings(), " ") != test.defaults {
			t.Errorf("%s: names %s, defaults %s, %v", name, got, defaults.Strings(), err)
		}
	}
}

func TestGivenFlags(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	testutil.NewCompany(t, time.Now(), nil).Write(t, dir)
	flags := authorityFlags{givenFlags: givenFlags{certificates: "chain.crt", key: "./issuing.key"}}
	given, err := flags.read()
	if err != nil || given.Authority.Key == nil || given.Source != (state.Source{Certificates: filepath.Join(dir, "chain.crt"), Key: filepath.Join(dir, "issuing.key")}) {
		t.Errorf("got %+v, %v", given, err)
	}
	flags.discardKey = true
	if given, err := flags.read(); err != nil || given.Source != (state.Source{}) {
		t.Errorf("with --discard-ca-key: %+v, %v", given, err)
	}
	if got := (&givenFlags{certificates: "chain.crt", key: os.DevNull}).source(); got != (state.Source{}) {
		t.Errorf("of what is no file: %+v", got)
	}
	if given, err := (&givenFlags{}).read(); given != nil || err != nil {
		t.Errorf("without flags: %+v, %v", given, err)
	}
}

func TestNeedsRenewal(t *testing.T) {
	due := &setup.RenewalStatus{Due: true}
	for name, test := range map[string]struct {
		status setup.Status
		code   int
	}{
		"not due":              {setup.Status{State: setup.Serving, Renewal: &setup.RenewalStatus{}}, exitDone},
		"due":                  {setup.Status{State: setup.Serving, Renewal: due}, exitRenewalDue},
		"due, and not served":  {setup.Status{State: setup.NotServing, Renewal: due}, exitRenewalDue},
		"not due nor served":   {setup.Status{State: setup.NotServing, Renewal: &setup.RenewalStatus{}}, exitError},
		"the server is gone":   {setup.Status{State: setup.ServerMissing, Renewal: &setup.RenewalStatus{}}, exitError},
		"not synced yet":       {setup.Status{State: setup.AwaitingSync, ManagedBy: "Flux", Renewal: &setup.RenewalStatus{}}, exitError},
		"not set up":           {setup.Status{State: setup.NotSetUp}, exitError},
		"no certificate known": {setup.Status{State: setup.Serving}, exitError},
	} {
		if code := exitCode(t.Context(), needsRenewal(&test.status)); code != test.code {
			t.Errorf("%s: exit code %d, want %d", name, code, test.code)
		}
	}
}

// TestStatusWithoutTheCluster shows what is kept here, and fails all the same.
func TestStatusWithoutTheCluster(t *testing.T) {
	atDesk(t, func(t *testing.T, d *desk) {
		if err := d.setup(t).run(t.Context()); err != nil {
			t.Fatal(err)
		}
		fingerprint := d.authority(t).Fingerprint()
		d.clear()
		d.factory.home = func() (*state.Home, error) { return d.home, nil }
		missing := "/none/kubeconfig"
		d.factory.ConfigFlags.KubeConfig = &missing
		o := &statusOptions{factory: d.factory}
		if code := exitCode(t.Context(), o.run(t.Context())); code != exitUsage {
			t.Errorf("exit code %d", code)
		}
		out, _ := d.clear()
		want(t, "status", out, "Computer:     ", "CA:           SHA-256 "+fingerprint+", until ", ", with its key, for kubeflow/kubeflow-gateway of http://api.test\n",
			"State:        unknown: the cluster was not asked, or did not answer\n")

		o = &statusOptions{factory: d.factory, local: true, output: "json"}
		if err := o.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		out, _ = d.clear()
		var printed setup.Status
		if err := json.Unmarshal([]byte(out), &printed); err != nil || printed.State != setup.Unknown || printed.Problem != "" ||
			printed.Kind != "Status" || printed.Local.Authorities[0].Fingerprint != fingerprint {
			t.Errorf("got %s, %v", out, err)
		}
		for _, wrong := range []statusOptions{
			{local: true, needsRenewal: true}, {local: true, targetFlags: targetFlags{gateway: "a"}}, {output: "xml"},
		} {
			if err := wrong.validate(); fault.ReasonOf(err) != fault.Usage {
				t.Errorf("%+v: %v", wrong, err)
			}
		}
	})
}

func TestStatusWithoutRightsOnSecrets(t *testing.T) {
	atDesk(t, func(t *testing.T, d *desk) {
		if err := d.setup(t).run(t.Context()); err != nil {
			t.Fatal(err)
		}
		d.clear()
		d.api.Intercept = func(r testutil.Request) int {
			if r.Resource == "secrets" {
				return http.StatusForbidden
			}
			return 0
		}
		status, err := d.inspector(t).Inspect(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		printStatus(d.factory, statusReport{Status: status})
		out, _ := d.clear()
		want(t, "status", out, "Certificate:  until 2001-01-31, for localhost, 127.0.0.1, ::1\n", "Renewal:      due from 2000-09-21\n",
			"Secret:       not checked: read Secret istio-system/kftls-gateway: ", "Set up by:    this computer", "State:        serving\n")
	})
}
