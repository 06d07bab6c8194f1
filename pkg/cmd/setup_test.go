package cmd

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kftls/kubectl-kftls/internal/testutil"
	"github.com/kftls/kubectl-kftls/pkg/ca"
	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/gateway"
	"github.com/kftls/kubectl-kftls/pkg/session"
	"github.com/kftls/kubectl-kftls/pkg/setup"
	"github.com/kftls/kubectl-kftls/pkg/state"
	"github.com/kftls/kubectl-kftls/pkg/ui"
)

// desk is a terminal's end of a cluster in memory: what the verbs print there.
type desk struct {
	api      *testutil.APIServer
	pods     *testutil.GatewayPods
	home     *state.Home
	factory  *Factory
	out, err *bytes.Buffer
}

// atDesk runs a test in a bubble with a Kubeflow.
func atDesk(t *testing.T, test func(t *testing.T, d *desk), objects ...*unstructured.Unstructured) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		api := testutil.NewAPIServer(t, append(testutil.Kubeflow(), objects...)...)
		home, err := state.Open(t.TempDir(), time.Now)
		if err != nil {
			t.Fatal(err)
		}
		d := &desk{api: api, pods: testutil.NewGatewayPods(t, api), home: home, out: &bytes.Buffer{}, err: &bytes.Buffer{}}
		d.factory = newFactory("kubectl-kftls", ui.Streams{In: strings.NewReader(""), Out: d.out, Err: d.err}, Environment{})
		test(t, d)
	})
}

// clear returns what was printed since the last time.
func (d *desk) clear() (out, err string) {
	out, err = d.out.String(), d.err.String()
	d.out.Reset()
	d.err.Reset()
	return out, err
}

func (d *desk) setup(t *testing.T) *setupOptions {
	t.Helper()
	return &setupOptions{
		factory: d.factory, changeFlags: changeFlags{yes: true, dryRun: dryRunNone},
		setup: &setup.Setup{
			Cluster: d.api.Cluster(t), Home: d.home, Dialer: d.pods, Now: time.Now, Progress: d.factory.progress,
			Options: setup.Options{Names: ca.DefaultNames(), Timeout: time.Second},
		},
	}
}

func (d *desk) teardown(t *testing.T) *teardownOptions {
	t.Helper()
	c := d.api.Cluster(t)
	return &teardownOptions{
		factory: d.factory, changeFlags: changeFlags{yes: true, dryRun: dryRunNone},
		teardown: &setup.Teardown{
			Cluster: c, Home: d.home, Progress: d.factory.progress,
			Writer: gateway.Writer{Cluster: c, Manager: gateway.FieldManager("teardown", "0a1b2c3d4e5f"), Now: time.Now},
		},
	}
}

// want fails the test unless a text has all parts.
func want(t *testing.T, what, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%s lacks %q:\n%s", what, part, text)
		}
	}
}

func TestSetupAndTeardownSayWhatTheyDo(t *testing.T) {
	atDesk(t, func(t *testing.T, d *desk) {
		o := d.setup(t)
		o.diff = true
		if err := o.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		out, said := d.clear()
		want(t, "stdout", out, "+++ planned/gateway/kubeflow/kubeflow-gateway",
			"configmap/kubeflow/kftls-ca created\nsecret/istio-system/kftls-gateway created\ngateway/kubeflow/kubeflow-gateway configured\n")
		want(t, "stderr", said,
			"Context:  test (http://api.test)\n", "Gateway:  kubeflow/kubeflow-gateway\n", "Pods:     gateway-a, gateway-b in namespace istio-system\n",
			"Login:    oauth2-proxy (plain HTTP answers 403: sign-in page)\n", "HTTPS:    none\n",
			"Make a CA for localhost (SHA-256 ", "Make a certificate for localhost, 127.0.0.1, ::1: there is none\n",
			"Create ConfigMap kubeflow/kftls-ca: ", "Change Gateway kubeflow/kubeflow-gateway: add the HTTPS server https-kftls\n",
			"2 gateway pods serve it in ", "and the login guards it (sign-in page).\n",
			"port-forward 8443:443 &\n", "curl --cacert "+d.home.Dir(), "https://localhost:8443/\n", "Undo it: ")
		if strings.Contains(out+said, "PRIVATE KEY") {
			t.Error("a key was printed")
		}

		if err := d.setup(t).run(t.Context()); err != nil {
			t.Fatal(err)
		}
		out, said = d.clear()
		want(t, "stdout of again", out, "gateway/kubeflow/kubeflow-gateway unchanged\n")
		want(t, "stderr of again", said, "Use the CA of 1999-12-31 (SHA-256 ", "Change nothing: all of it is there\n",
			"HTTPS:    kubeflow/kubeflow-gateway: 443/HTTPS https-kftls hosts * Secret kftls-gateway\n")

		if err := d.teardown(t).run(t.Context()); err != nil {
			t.Fatal(err)
		}
		out, said = d.clear()
		if diff := cmp.Diff("gateway/kubeflow/kubeflow-gateway configured\nsecret/istio-system/kftls-gateway deleted\nconfigmap/kubeflow/kftls-ca deleted\n", out); diff != "" {
			t.Errorf("stdout of teardown (-want +got)\n%s", diff)
		}
		want(t, "stderr of teardown", said, "Change Gateway kubeflow/kubeflow-gateway: remove the HTTPS server https-kftls\n", "Delete Secret istio-system/kftls-gateway: setup made it\n")

		if err := d.teardown(t).run(t.Context()); err != nil {
			t.Fatal(err)
		}
		out, _ = d.clear()
		want(t, "stdout of teardown again", out, "gateway/kubeflow/kubeflow-gateway unchanged: nothing of ours is there\n")
	})
}

func TestDryRunsWriteNothing(t *testing.T) {
	for how, mode := range map[string]string{dryRunClient: " (dry run)\n", dryRunServer: " (server dry run)\n"} {
		atDesk(t, func(t *testing.T, d *desk) {
			o := d.setup(t)
			o.dryRun = how
			if err := o.run(t.Context()); err != nil {
				t.Fatal(err)
			}
			out, _ := d.clear()
			want(t, how, out, "secret/istio-system/kftls-gateway created"+mode, "gateway/kubeflow/kubeflow-gateway configured"+mode)
			tried := 0
			for _, request := range d.api.Requests() {
				if request.DryRun {
					tried++
				}
			}
			if len(d.api.Writes()) != 0 || (tried == 3) != (how == dryRunServer) {
				t.Errorf("%s: writes %v, %d tried", how, d.api.Writes(), tried)
			}
			if err := d.setup(t).run(t.Context()); err != nil {
				t.Fatal(err)
			}
			d.clear()
			d.api.Forget()
			o = d.setup(t)
			o.dryRun = how
			if err := o.run(t.Context()); err != nil {
				t.Fatal(err)
			}
			out, _ = d.clear()
			want(t, how+" again", out, "unchanged"+mode)
			down := d.teardown(t)
			down.dryRun = how
			if err := down.run(t.Context()); err != nil {
				t.Fatal(err)
			}
			out, _ = d.clear()
			want(t, how+" of teardown", out, "gateway/kubeflow/kubeflow-gateway configured"+mode, "configmap/kubeflow/kftls-ca deleted"+mode)
			if len(d.api.Writes()) != 0 {
				t.Errorf("%s: writes %v", how, d.api.Writes())
			}
		})
	}
}

func TestWithoutATerminalItTakesYes(t *testing.T) {
	atDesk(t, func(t *testing.T, d *desk) {
		o := d.setup(t)
		o.yes = false
		if code := exitCode(t.Context(), o.run(t.Context())); code != exitUsage || len(d.api.Writes()) != 0 {
			t.Errorf("exit code %d, writes %v", code, d.api.Writes())
		}
		if err := d.setup(t).run(t.Context()); err != nil {
			t.Fatal(err)
		}
		d.api.Forget()
		down := d.teardown(t)
		down.yes = false
		if code := exitCode(t.Context(), down.run(t.Context())); code != exitUsage || len(d.api.Writes()) != 0 {
			t.Errorf("exit code %d, writes %v", code, d.api.Writes())
		}
	})
}

func TestFailuresSayWhatIsLeft(t *testing.T) {
	tests := []struct {
		name     string
		rollback bool
		before   func(d *desk)
		code     int
		says     string
	}{
		{"not guarded", false, func(d *desk) {
			d.pods.Answer = func(r testutil.PodRequest) testutil.PodAnswer {
				if r.IsTLS {
					return testutil.Open(r)
				}
				return testutil.LoginWall(r)
			}
		}, exitError, "Our server was taken off the Gateway again; Secret and ConfigMap stay.\n"},
		{"not served", true, func(d *desk) { d.pods.Late = func(string) bool { return true } }, exitTimeout, "What this run changed was taken back.\n"},
		{"refused", false, func(d *desk) {
			d.api.Intercept = func(r testutil.Request) int {
				if r.DryRun {
					return 403
				}
				return 0
			}
		}, exitError, "Nothing was changed.\n"},
		{"refused later", false, func(d *desk) {
			d.api.Intercept = func(r testutil.Request) int {
				if r.IsWrite() && r.Resource == "gateways" {
					return 403
				}
				return 0
			}
		}, exitError, "What is listed above was changed, and stays.\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			atDesk(t, func(t *testing.T, d *desk) {
				test.before(d)
				o := d.setup(t)
				o.setup.Options.RollbackOnFailure = test.rollback
				err := o.run(t.Context())
				if code := exitCode(t.Context(), err); code != test.code {
					t.Errorf("exit code %d of %v, want %d", code, err, test.code)
				}
				_, said := d.clear()
				want(t, "stderr", said, test.says)
				if strings.Contains(said, "Try it:") {
					t.Errorf("it says that it works:\n%s", said)
				}
			})
		})
	}
}

func TestWhatSetupWarnsOf(t *testing.T) {
	atDesk(t, func(t *testing.T, d *desk) {
		d.api.Date = func() time.Time { return time.Now().Add(5 * time.Minute) }
		d.api.Intercept = func(r testutil.Request) int {
			if r.Verb == "list" && r.Resource == "gateways" {
				return 403
			}
			return 0
		}
		o := d.setup(t)
		o.setup.Options.Spec.Hosts = []string{"localhost"}
		if err := o.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		_, said := d.clear()
		want(t, "stderr", said, "note: other Gateways of the same pods were not checked: ",
			"warning: the clocks of this computer and of the API server differ by 5m",
			"warning: 127.0.0.1 is not put into the certificate: the server's hosts (localhost) do not admit it\n")
		if err := d.teardown(t).run(t.Context()); err != nil {
			t.Fatal(err)
		}
		_, said = d.clear()
		want(t, "stderr of teardown", said, "note: other Gateways of the same pods were not checked: ")
	})
}

func TestSetupOfAKubeflowWithoutLogin(t *testing.T) {
	atDesk(t, func(t *testing.T, d *desk) {
		d.pods.Answer = testutil.Open
		if err := d.setup(t).run(t.Context()); err != nil {
			t.Fatal(err)
		}
		_, said := d.clear()
		want(t, "stderr", said, "it is as open as plain HTTP is: this Kubeflow has no login.\n")
		if strings.Contains(said, "login guards") {
			t.Error("it says that a login guards it")
		}
	})
}

func TestExport(t *testing.T) {
	atDesk(t, func(t *testing.T, d *desk) {
		dir := filepath.Join(t.TempDir(), "out")
		o := d.setup(t)
		o.export = exportFlags{dir: dir, key: true}
		if err := o.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		read := func(name string) []byte {
			data, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			return data
		}
		leaf, err := ca.ParseLeaf(read("tls.crt"), read("tls.key"))
		if err != nil || len(leaf.Issuers) != 1 || !bytes.Equal(read("ca.crt"), d.authority(t).CertificatePEM()) {
			t.Errorf("exported %v, %v", leaf, err)
		}
		if info, err := os.Stat(filepath.Join(dir, "tls.key")); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("tls.key: %v, %v", info.Mode(), err)
		}
		again := d.setup(t)
		again.export = exportFlags{dir: dir, key: true}
		if err := again.run(t.Context()); err != nil {
			t.Errorf("again: %v", err)
		}
		if err := os.WriteFile(filepath.Join(dir, "ca.crt"), []byte("theirs"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := again.run(t.Context()); fault.ReasonOf(err) != fault.LocalState {
			t.Errorf("over a foreign file: %v", err)
		}
		again.export.overwrite = true
		if err := again.run(t.Context()); err != nil {
			t.Errorf("with --overwrite: %v", err)
		}
	})
}

// authority is the CA in force.
func (d *desk) authority(t *testing.T) *setup.InForce {
	t.Helper()
	found, err := d.inspector(t).Authority(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func (d *desk) inspector(t *testing.T) setup.Inspector {
	t.Helper()
	return setup.Inspector{Cluster: d.api.Cluster(t), Home: d.home, Dialer: d.pods, Now: time.Now}
}

func TestExportOfWhatMayNotBeRead(t *testing.T) {
	e := exportFlags{dir: t.TempDir()}
	if _, err := e.files(&setup.Proposal{}); fault.ReasonOf(err) != fault.Forbidden {
		t.Errorf("got %v", err)
	}
}

func TestCAOutputs(t *testing.T) {
	roots := filepath.Join(t.TempDir(), "roots.crt")
	if err := os.WriteFile(roots, []byte("roots\n\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	atDesk(t, func(t *testing.T, d *desk) {
		if err := d.setup(t).run(t.Context()); err != nil {
			t.Fatal(err)
		}
		authority := d.authority(t)
		d.factory.Env = func(name string) string { return map[string]string{"SSL_CERT_FILE": roots}[name] }
		pem := string(authority.CertificatePEM())
		for output, wanted := range map[string]string{
			"": pem, "fingerprint": authority.Fingerprint() + "\n", "bundle": "roots\n" + pem,
			"path": d.home.CertificatePath(authority.Fingerprint()) + "\n", "text": ca.Text(authority.Certificate),
		} {
			got, err := (&caOptions{output: output, factory: d.factory}).render(authority.Authority, func() (string, error) { return keep(authority, d.home) })
			if err != nil || string(got) != wanted {
				t.Errorf("%q: %q, %v", output, got, err)
			}
		}
		kept, err := d.home.AuthoritiesFor(state.Origin{Server: "http://api.test", Gateway: "kubeflow/kubeflow-gateway"})
		if err != nil || len(kept) != 1 {
			t.Errorf("kept for this front door: %v, %v", kept, err)
		}
	})
}

func TestStatusForPeople(t *testing.T) {
	atDesk(t, func(t *testing.T, d *desk) {
		show := func() string {
			status, err := d.inspector(t).Inspect(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			printStatus(d.factory, statusReport{Status: status})
			out, _ := d.clear()
			return out
		}
		want(t, "before", show(), "State:        not set up; begin with '", "Gateway:      kubeflow/kubeflow-gateway, Service istio-system/istio-ingressgateway\n")
		if err := d.setup(t).run(t.Context()); err != nil {
			t.Fatal(err)
		}
		d.clear()
		want(t, "after", show(), "HTTPS:        port 443, hosts *\n", "Certificate:  until 2001-01-", ", for localhost, 127.0.0.1, ::1\n",
			"CA key:       on this computer, beside "+d.home.Dir(), "Pod:          gateway-a: serves it\n", "State:        serving\n")
		d.pods.Late = func(pod string) bool { return pod == "gateway-b" }
		want(t, "one pod late", show(), "Pod:          gateway-b: TLS handshake for localhost: ", "State:        not all gateway pods serve the certificate; try '")
		d.api.Change("Gateway", "kubeflow", "kubeflow-gateway", "installer", func(object map[string]any) {
			_ = unstructured.SetNestedSlice(object, []any{testutil.HTTP("http", 80, "*")}, "spec", "servers")
		})
		want(t, "the server is gone", show(), "State:        the server is gone from the Gateway (an installer may have applied its own again); run '")
	})
}

func TestTeardownLocalSaysWhatItRemoves(t *testing.T) {
	atDesk(t, func(t *testing.T, d *desk) {
		down := d.teardown(t)
		if err := down.runLocal(t.Context()); err != nil {
			t.Fatal(err)
		}
		out, _ := d.clear()
		want(t, "stdout", out, "unchanged: this computer holds no CA of this cluster\n")
		if err := d.setup(t).run(t.Context()); err != nil {
			t.Fatal(err)
		}
		fingerprint := d.authority(t).Fingerprint()
		if err := down.runLocal(t.Context()); fault.ReasonOf(err) != fault.LocalState {
			t.Errorf("while it is served: %v", err)
		}
		if err := down.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		d.clear()
		down.dryRun = dryRunClient
		if err := down.runLocal(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := d.home.Authority(fingerprint); err != nil {
			t.Errorf("the dry run removed it: %v", err)
		}
		down.dryRun = dryRunNone
		if err := down.runLocal(t.Context()); err != nil {
			t.Fatal(err)
		}
		out, said := d.clear()
		want(t, "stdout", out, "ca/"+fingerprint+" removed from this computer\n")
		want(t, "stderr", said, "Remove the CA of 1999-12-31 and its key: SHA-256 "+fingerprint)
		if _, err := d.home.Authority(fingerprint); err == nil {
			t.Error("it is still there")
		}
	})
}

func TestSetupIsInterrupted(t *testing.T) {
	atDesk(t, func(t *testing.T, d *desk) {
		ctx, cancel := context.WithCancel(t.Context())
		d.api.Intercept = func(r testutil.Request) int {
			if r.IsWrite() && r.Resource == "secrets" {
				cancel()
			}
			return 0
		}
		if code := exitCode(ctx, d.setup(t).run(ctx)); code != exitInterrupted {
			t.Errorf("exit code %d", code)
		}
		_, said := d.clear()
		want(t, "stderr", said, "What is listed above was changed, and stays.\n", "Go on with '")
	})
}

func TestSetupCommandLines(t *testing.T) {
	withoutKubeconfig(t)
	tests := []struct {
		args []string
		says string
	}{
		{[]string{"--san", "https://x"}, "https://x"},
		{[]string{"--san", ""}, ""},
		{[]string{"--port", "70000"}, "--port 70000 is not a port"},
		{[]string{"--port=-1"}, "--port -1 is not a port"},
		{[]string{"--timeout", "0s"}, "--timeout 0s leaves no time to verify"},
		{[]string{"--validity", "soon"}, `--validity "soon" is not a length of time`},
		{[]string{"--validity", "-1d"}, `--validity "-1d" is not a length of time`},
		{[]string{"--key-algorithm", "dsa"}, `key algorithm "dsa" is not known`},
		{[]string{"--dry-run=maybe"}, `--dry-run "maybe" must be "none", "server", or "client"`},
		{[]string{"--export-key"}, "--export-key needs --export or -o"},
		{[]string{"--overwrite", "-o", "yaml"}, "--overwrite needs --export"},
		{[]string{"-o", "wide"}, `unknown output format "wide"`},
		{[]string{"--url", "http://x"}, `--url "http://x" is not an https address`},
		{[]string{"--url", "https://x.example.com"}, "the certificate would not have the name of --url https://x.example.com"},
		{[]string{"--gateway", "a/b/c"}, `--gateway "a/b/c" is neither NAME nor NAMESPACE/NAME`},
		{[]string{"--gateway", "/b"}, `--gateway "/b" is neither NAME nor NAMESPACE/NAME`},
		{[]string{"more"}, "setup takes no argument; given: 1"},
	}
	for _, test := range tests {
		got := run(t, append([]string{"setup"}, test.args...)...)
		if got.code != exitUsage || got.out != "" || !strings.Contains(got.err, test.says) {
			t.Errorf("%q: exit code %d, stdout %q, stderr %q", test.args, got.code, got.out, got.err)
		}
	}
}

func TestTargetResolve(t *testing.T) {
	tests := []struct{ gateway, namespace, want string }{
		{"", "", "/"},
		{"", "team", "/"}, // -n alone names no Gateway
		{"own", "", "kubeflow/own"},
		{"own", "team", "team/own"},
		{"team/own", "other", "team/own"},
	}
	for _, test := range tests {
		f := newFactory("kubectl-kftls", ui.Streams{}, Environment{})
		*f.ConfigFlags.Namespace = test.namespace
		got, err := (&targetFlags{gateway: test.gateway}).resolve(f)
		if err != nil || got.String() != test.want {
			t.Errorf("%q in %q: %s, %v", test.gateway, test.namespace, got, err)
		}
	}
}

func TestParseDays(t *testing.T) {
	for text, want := range map[string]time.Duration{"": 0, "90d": 90 * 24 * time.Hour, "720h": 720 * time.Hour, "1h30m": 90 * time.Minute} {
		if got, err := parseDays("validity", text); err != nil || got != want {
			t.Errorf("%q: %s, %v", text, got, err)
		}
	}
	for _, text := range []string{"d", "0d", "-1d", "1.5d", "100000d", "9999999999999999999d", "0s", "-1h", "x"} {
		if _, err := parseDays("validity", text); fault.ReasonOf(err) != fault.Usage {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestShellQuoted(t *testing.T) {
	for text, want := range map[string]string{
		"/home/me/.config/kftls/ca.crt": "/home/me/.config/kftls/ca.crt",
		"/home/my self/ca.crt":          "'/home/my self/ca.crt'",
		"/it's/$HOME":                   `'/it'\''s/$HOME'`,
		"~/x":                           "'~/x'",
	} {
		if got := shellQuoted(text); got != want {
			t.Errorf("%q: %s", text, got)
		}
	}
}

func TestGuardedSaysWhichWallItIs(t *testing.T) {
	unknown, page := gateway.Answer{Status: 404, Wall: session.Unknown}, gateway.Answer{Status: 403, Wall: session.SignIn}
	if got := guarded([]gateway.Answer{unknown, page}); got != "the login guards it (sign-in page)" {
		t.Errorf("got %q", got)
	}
}
