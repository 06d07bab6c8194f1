//go:build e2e && linux

package e2e

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kftls/kubectl-kftls/test/e2e/apiproxy"
)

// cutCase is a command that is killed at each of its writes.
type cutCase struct {
	name string
	// foreign puts an HTTPS server of somebody else on our port first.
	foreign bool
	// before are run first, uncut.
	before []string
	line   string
	// files tells that it changes the state folder in a way of its own.
	files bool
	// often tells that it is cut with -short too, as in make test.
	often bool
	// takesBack tells of a command after which nothing of ours is left.
	takesBack bool
}

var cutCases = []cutCase{
	{name: "setup", line: "setup --yes", files: true, often: true},
	{name: "setup over a foreign server", foreign: true, line: "setup --force --yes"},
	{name: "setup that discards the key", line: "setup --discard-ca-key --yes", files: true},
	{name: "setup with a redirect", line: "setup --https-redirect --yes"},
	{name: "setup with a further name", before: []string{"setup --permit-dns a.example --yes"}, line: "setup --san a.example --yes"},
	{name: "a new CA is announced", before: []string{"setup --yes"}, line: "setup --new-ca --stage --yes", files: true},
	{name: "an announced CA is served", before: []string{"setup --yes", "setup --new-ca --stage --yes"}, line: "setup --new-ca --yes"},
	{name: "a new CA at once", before: []string{"setup --yes"}, line: "setup --new-ca --yes", files: true},
	{name: "an old CA is forgotten", before: []string{"setup --yes", "setup --new-ca --yes"}, line: "setup --forget-old-ca --yes"},
	{name: "renew", before: []string{"setup --yes"}, line: "renew --yes", files: true, often: true},
	{name: "teardown", before: []string{"setup --yes"}, line: "teardown --yes", takesBack: true, files: true, often: true},
	{name: "teardown of a swapped server", foreign: true, before: []string{"setup --force --yes"}, line: "teardown --yes", takesBack: true, often: true},
	{name: "teardown of a Secret with another name", before: []string{"setup --secret-name mine --yes"}, line: "teardown --yes", takesBack: true},
	{name: "teardown of a redirect", before: []string{"setup --https-redirect --yes"}, line: "teardown --yes", takesBack: true},
}

// TestCuts kills the plugin by SIGKILL at each write of what changes a front
// door: at those to the API server, before it sees one and before the plugin
// knows of the answer; and at those to the state folder. The same command must
// complete it then, and teardown must take back all of it, also at once.
//
//	go test -tags e2e ./test/e2e -run 'TestCuts/to_the_API_server/renew'
func TestCuts(t *testing.T) {
	scene, cases := newCutScene(t), cutCases
	if testing.Short() {
		cases = slices.DeleteFunc(slices.Clone(cutCases), func(c cutCase) bool { return !c.often })
		fmt.Printf("NOT RUN the cuts of %d of %d commands: they are left to make test-all\n", len(cutCases)-len(cases), len(cutCases))
	}
	t.Run("to the API server", func(t *testing.T) {
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) { scene.cutWrites(t, c) })
		}
	})
	t.Run("to the state folder", func(t *testing.T) {
		for _, c := range cases {
			if c.files {
				t.Run(c.name, func(t *testing.T) { scene.cutFiles(t, c) })
			}
		}
	})
}

// cutScene is a front door of which others have a part.
type cutScene struct {
	bed  *testbed
	pods []string
	// shipped is the file with Kubeflow's own Gateway.
	shipped string
	// before is the front door that a teardown must give back.
	before frontState
	// hasForeign tells that a server of somebody else is on our port.
	hasForeign bool
}

func newCutScene(t *testing.T) *cutScene {
	t.Helper()
	bed := openTestbed(t, "")
	whole := bed.snapshot(t)
	s := &cutScene{bed: bed, shipped: filepath.Join(t.TempDir(), "gateway.yaml")}
	t.Cleanup(func() {
		s.setForeign(t, false)
		bed.requireShipped(t, whole)
	})
	repository, err := filepath.Abs(filepath.Join("..", ".."))
	if err == nil {
		err = writeShippedGateway(repository, bed.profile, s.shipped)
	}
	if err == nil {
		s.pods, err = bed.gatewayAddresses()
	}
	if err != nil {
		t.Fatal(err)
	}
	s.before = s.look(t)
	return s
}

func (s *cutScene) look(t *testing.T) frontState {
	t.Helper()
	state, err := s.bed.frontState(context.WithoutCancel(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	return state
}

// foreignServer takes our port and hosts, and has a field that setup does not
// know. The annotation and the label stand for what others write there.
const (
	foreignServer = `[{"op":"add","path":"/spec/servers/-","value":{"port":{"name":"https-theirs","number":443,"protocol":"HTTPS"},` +
		`"hosts":["*"],"tls":{"mode":"SIMPLE","credentialName":"theirs","minProtocolVersion":"TLSV1_2"}}}]`
	foreignMarks = `{"metadata":{"labels":{"team":"theirs"},"annotations":{"example.com/note":"theirs"}}}`
	noMarks      = `{"metadata":{"labels":null,"annotations":null}}`
)

// setForeign puts somebody's HTTPS server on our port into the Gateway, or the
// Gateway back as it was shipped.
func (s *cutScene) setForeign(t *testing.T, wanted bool) {
	t.Helper()
	if s.hasForeign == wanted {
		return
	}
	patch := []string{"-n", "kubeflow", "patch", "gateways.networking.istio.io", "kubeflow-gateway"}
	if wanted {
		s.kubectl(t, append(patch, "--type=json", "-p", foreignServer)...)
		s.kubectl(t, append(patch, "--type=merge", "-p", foreignMarks)...)
	} else {
		s.kubectl(t, append(patch, "--type=merge", "-p", noMarks)...)
		s.kubectl(t, "apply", "--server-side", "--force-conflicts", "-f", s.shipped)
	}
	s.hasForeign, s.before = wanted, s.look(t)
}

func (s *cutScene) kubectl(t *testing.T, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), runLimit)
	defer cancel()
	if out, err := s.bed.kubectl(ctx, args...).CombinedOutput(); err != nil {
		t.Fatalf("kubectl %s: %v: %s", strings.Join(args, " "), err, out)
	}
}

// reset puts the testbed back as it was shipped after a cut that went wrong, for
// the next one.
func (s *cutScene) reset(t *testing.T) {
	t.Helper()
	if _, err := s.bed.run("reset"); err != nil {
		t.Fatal(err)
	}
	s.hasForeign, s.before = false, s.look(t)
	var err error
	if s.pods, err = s.bed.gatewayAddresses(); err != nil {
		t.Fatal(err)
	}
}

// prepare is a computer and a front door on which the case's first commands ran.
func (s *cutScene) prepare(t *testing.T, c cutCase) *actor {
	t.Helper()
	t.Cleanup(func() {
		if t.Failed() {
			s.reset(t)
		}
	})
	s.setForeign(t, c.foreign)
	a := s.bed.newActor(t, c.name)
	for _, line := range c.before {
		a.must(t, line)
	}
	return a
}

// cutWrites kills a command at each of its writes to the API server.
func (s *cutScene) cutWrites(t *testing.T, c cutCase) {
	a := s.prepare(t, c)
	counting := apiproxy.NewCut(0, apiproxy.Before)
	a.proxy.Use(counting.Hooks())
	a.must(t, c.line)
	a.proxy.Use(apiproxy.Hooks{})
	writes := counting.Writes()
	if len(writes) == 0 {
		t.Fatalf("%s writes nothing", c.line)
	}
	s.takeBack(t, a)
	for i, write := range writes {
		for _, cut := range []struct {
			side     apiproxy.Side
			complete bool
		}{
			{apiproxy.Before, true},
			{apiproxy.After, true},
			{apiproxy.After, false}, // what is there before a write was there after the one before
		} {
			then := "teardown"
			if cut.complete {
				then = "again"
			}
			t.Run(fmt.Sprintf("%d of %d/%s/%s", i+1, len(writes), cut.side, then), func(t *testing.T) {
				t.Logf("%s the API server: %s", cut.side, strings.SplitN(write, "?", 2)[0])
				a := s.prepare(t, c)
				killAtWrite(t, a, c.line, i+1, cut.side)
				s.recover(t, a, c, cut.complete)
			})
		}
	}
}

// recover completes what was cut, and takes it back; or takes it back at once.
func (s *cutScene) recover(t *testing.T, a *actor, c cutCase, complete bool) {
	t.Helper()
	if complete {
		a.must(t, c.line)
		state := s.look(t)
		if c.takesBack {
			if err := state.requireGone(s.before); err != nil {
				t.Error(err)
			}
		} else if err := state.requireServed(s.pods, a.home); err != nil {
			t.Error(err)
		}
		a.requireTidy(t)
	}
	s.takeBack(t, a)
}

// takeBack runs teardown, and wants nothing to be left of what the actor did.
func (s *cutScene) takeBack(t *testing.T, a *actor) {
	t.Helper()
	said := a.must(t, "teardown --yes")
	if err := s.look(t).requireGone(s.before); err != nil {
		t.Errorf("after a teardown: %v\n%s", err, said)
	}
	a.requireTidy(t)
}

// killAtWrite runs a command and kills it while a write of it is held.
func killAtWrite(t *testing.T, a *actor, line string, write int, side apiproxy.Side) {
	t.Helper()
	cut := apiproxy.NewCut(write, side)
	a.proxy.Use(cut.Hooks())
	defer a.proxy.Use(apiproxy.Hooks{})
	ctx, cancel := context.WithTimeout(t.Context(), runLimit)
	defer cancel()
	cmd := a.command(ctx, line)
	said := &buffer{}
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case <-cut.Held():
	case err := <-ended:
		t.Fatalf("%s ended before write %d (%v):\n%s", line, write, err, said)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-ended
	requireKilled(t, cmd)
	select {
	case <-cut.Over():
	case <-time.After(waitLimit):
		t.Fatal("the proxy still holds the write of a client that is dead")
	}
}

func requireKilled(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || !status.Signaled() || status.Signal() != syscall.SIGKILL {
		t.Fatalf("it was not killed: %s", cmd.ProcessState)
	}
}

// requireTidy wants nothing in a state folder but what belongs there.
func (a *actor) requireTidy(t *testing.T) {
	t.Helper()
	for _, file := range a.files(t) {
		if strings.HasPrefix(file, ".") || strings.Contains(file, "/.") || strings.HasPrefix(file, "unproven/") {
			t.Errorf("left in the state folder: %s", file)
		}
	}
}
