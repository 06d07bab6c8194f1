package cmd

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/kftls/kubectl-kftls/internal/testutil"
	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/setup"
)

// objects runs setup with -o and returns what was printed.
func (d *desk) objects(t *testing.T, output, dryRun string, change func(o *setupOptions)) (out, said string) {
	t.Helper()
	o := d.setup(t)
	o.output, o.dryRun = output, dryRun
	if change != nil {
		change(o)
	}
	if err := o.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	return d.clear()
}

// kindsOf reads documents of YAML.
func kindsOf(t *testing.T, text string) []string {
	t.Helper()
	var kinds []string
	for document := range strings.SplitSeq(text, "\n---\n") {
		var object unstructured.Unstructured
		if err := yaml.Unmarshal([]byte(document), &object.Object); err != nil {
			t.Fatalf("%v in\n%s", err, document)
		}
		kinds = append(kinds, object.GetKind())
	}
	return kinds
}

func TestTheObjectsAreTheSameBeforeAndAfterTheChange(t *testing.T) {
	atDesk(t, func(t *testing.T, d *desk) {
		shown, said := d.objects(t, "yaml", dryRunClient, nil)
		if diff := cmp.Diff([]string{"ConfigMap", "Gateway"}, kindsOf(t, shown)); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		want(t, "stdout", shown, "# Secret istio-system/kftls-gateway is left out, since it holds a private key.", "'kubectl kftls setup' writes it")
		want(t, "stderr", said, "Make a CA for localhost", "secret/istio-system/kftls-gateway created (dry run)\n")

		again, said := d.objects(t, "yaml", dryRunServer, func(o *setupOptions) { o.diff = true })
		if again != shown {
			t.Errorf("the second dry run\n%s\nafter\n%s", again, shown)
		}
		want(t, "stderr of the second", said, "Use the CA for localhost that a dry run has prepared (SHA-256 ",
			"Use the certificate for localhost, 127.0.0.1, ::1 that a dry run has prepared: there is none\n", "+++ planned/gateway/kubeflow/kubeflow-gateway")
		if writes := d.api.Writes(); len(writes) != 0 {
			t.Errorf("writes %v", writes)
		}

		done, said := d.objects(t, "yaml", dryRunNone, nil)
		if done != shown || len(d.api.Writes()) != 3 {
			t.Errorf("writes %v; after them\n%s\nshown\n%s", d.api.Writes(), done, shown)
		}
		want(t, "stderr of the change", said, "configmap/kubeflow/kftls-ca created\n", "2 gateway pods serve it")
		if again, _ := d.objects(t, "yaml", dryRunNone, nil); again != shown || len(d.api.Writes()) != 3 {
			t.Errorf("once more\n%s", again)
		}
	})
}

func TestTheSecretIsPrintedOnDemandAlone(t *testing.T) {
	withKey := func(o *setupOptions) { o.export.key = true }
	atDesk(t, func(t *testing.T, d *desk) {
		for _, how := range []string{dryRunClient, dryRunNone} {
			without, said := d.objects(t, "json", how, nil)
			want(t, "stderr", said, "Secret istio-system/kftls-gateway is left out")
			var list unstructured.UnstructuredList
			if err := json.Unmarshal([]byte(without), &list); err != nil || list.GetKind() != "List" || len(list.Items) != 2 {
				t.Errorf("%s: %v, %s", how, err, without)
			}
			with, said := d.objects(t, "yaml", how, withKey)
			if diff := cmp.Diff([]string{"ConfigMap", "Secret", "Gateway"}, kindsOf(t, with)); diff != "" {
				t.Errorf("%s (-want +got)\n%s", how, diff)
			}
			want(t, "stderr", said, "warning: stdout holds a private key, the one of Secret istio-system/kftls-gateway")
			for _, all := range []string{without, said} {
				if strings.Contains(all, "tls.key:") || strings.Contains(all, "PRIVATE KEY") {
					t.Errorf("%s: a key was printed that was not asked for", how)
				}
			}
			if strings.Contains(with, "ca.key") {
				t.Errorf("%s: the CA's key was printed", how)
			}
		}

		synctest.Wait()
		d.api.Intercept = func(r testutil.Request) int {
			if r.Resource == "secrets" {
				return http.StatusForbidden
			}
			return 0
		}
		o := d.setup(t)
		o.output, o.export.key = "yaml", true
		if err := o.run(t.Context()); fault.ReasonOf(err) != fault.Forbidden || d.out.Len() != 0 {
			t.Errorf("%v, and %d bytes on stdout", err, d.out.Len())
		}
	})
}

func TestTheObjectsOfAManagedGatewayCarryItsPatch(t *testing.T) {
	argo := testutil.KubeflowGateway()
	argo.SetAnnotations(map[string]string{"argocd.argoproj.io/tracking-id": "kubeflow:x"})
	atDesk(t, func(t *testing.T, d *desk) {
		d.api.Put(argo, "argocd-controller")
		out, said := d.objects(t, "yaml", dryRunNone, nil)
		kindsOf(t, out)
		want(t, "stdout", out, "# Argo CD keeps this Gateway. Its source takes this object, or else this JSON patch\n",
			"without -o:\n# - op: add\n#   path: /spec/servers/-\n", "name: https-kftls")
		if strings.Contains(out, "kftls.github.io/setup") {
			t.Errorf("a record of a change that setup did not make:\n%s", out)
		}
		want(t, "stderr", said, "the server comes when Argo CD syncs the Gateway on stdout", "setup --wait")

		out, said = d.objects(t, "json", dryRunNone, nil)
		if strings.Contains(out, "#") {
			t.Errorf("stdout %s", out)
		}
		want(t, "stderr", said, "- op: add\n  path: /spec/servers/-\n")
	})
}

func TestAFrontDoorThatNeedsNothingHasNoObjects(t *testing.T) {
	atDesk(t, func(t *testing.T, d *desk) {
		o := d.setup(t)
		for output, printed := range map[string]string{"yaml": "", "json": "{\n  \"apiVersion\": \"v1\",\n  \"items\": [],\n  \"kind\": \"List\"\n}\n"} {
			o.output = output
			if err := o.printObjects(&setup.Proposal{Trusted: true}, nil); err != nil {
				t.Fatal(err)
			}
			if out, _ := d.clear(); out != printed {
				t.Errorf("%s: %q", output, out)
			}
		}
	})
}

// readFailure reads an object of kind Error.
func readFailure(t *testing.T, text string) failure {
	t.Helper()
	var read failure
	if err := json.Unmarshal([]byte(text), &read); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	if read.APIVersion != "kftls.github.io/v1alpha1" || read.Kind != "Error" || read.Changed == nil {
		t.Errorf("read %+v from %s", read, text)
	}
	return read
}

func TestAFailureIsAnObject(t *testing.T) {
	got := run(t, "setup", "-o", "json", "--port", "70000")
	if read := readFailure(t, got.out); got.code != exitUsage || read.Reason != fault.Usage || read.Message != "--port 70000 is not a port" {
		t.Errorf("exit code %d, %+v", got.code, read)
	}
	want(t, "stderr", got.err, "error: --port 70000 is not a port")
	got = run(t, "setup", "-o", "json", "--bogus")
	if read := readFailure(t, got.out); got.code != exitUsage || read.Hint == "" || !strings.Contains(read.Message, "--bogus") {
		t.Errorf("exit code %d, %+v", got.code, read)
	}
	for _, args := range [][]string{{"setup", "-o", "yaml", "--bogus"}, {"setup", "--bogus"}, {"status", "-o", "json", "--bogus"}} {
		if got := run(t, args...); got.code != exitUsage || got.out != "" {
			t.Errorf("%q: exit code %d, stdout %q", args, got.code, got.out)
		}
	}
}

func TestAFailureNamesWhatIsChanged(t *testing.T) {
	for name, test := range map[string]struct {
		rollBack bool
		want     []changedObject
	}{
		"what stays": {false, []changedObject{
			{"created", "ConfigMap", "kubeflow", "kftls-ca"},
			{"created", "Secret", "istio-system", "kftls-gateway"},
			{"server removed", "Gateway", "kubeflow", "kubeflow-gateway"},
		}},
		"nothing, where it is taken back": {true, []changedObject{}},
	} {
		t.Run(name, func(t *testing.T) {
			atDesk(t, func(t *testing.T, d *desk) {
				d.pods.Answer = func(r testutil.PodRequest) testutil.PodAnswer {
					if r.IsTLS {
						return testutil.Open(r)
					}
					return testutil.LoginWall(r)
				}
				command := newSetupCommand(d.factory)
				if err := command.ParseFlags([]string{"-o", "json"}); err != nil {
					t.Fatal(err)
				}
				o := d.setup(t)
				o.output, o.setup.Options.RollbackOnFailure = "json", test.rollBack
				err := offerForward(o.run(t.Context()))
				if err := printFailure(t.Context(), d.factory, command, err); err != nil {
					t.Fatal(err)
				}
				out, _ := d.clear()
				read := readFailure(t, out)
				if read.Reason != fault.Unguarded || read.Message != err.Error() {
					t.Errorf("read %+v of %v", read, err)
				}
				if diff := cmp.Diff(test.want, read.Changed); diff != "" {
					t.Errorf("changed (-want +got)\n%s", diff)
				}
			})
		})
	}
}
