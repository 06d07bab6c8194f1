//go:build e2e && linux

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/yaml"

	"github.com/kftls/kubectl-kftls/test/e2e/apiproxy"
)

// interleavingScene is the front door of all plays.
type interleavingScene struct {
	bed     *testbed
	pods    []string
	shipped *unstructured.Unstructured
}

func newInterleavingScene(t *testing.T) *interleavingScene {
	t.Helper()
	bed := openTestbed(t, "")
	whole := bed.snapshot(t)
	t.Cleanup(func() { bed.requireShipped(t, whole) })
	s := &interleavingScene{bed: bed, shipped: &unstructured.Unstructured{}}
	file := filepath.Join(t.TempDir(), "gateway.yaml")
	repository, err := filepath.Abs(filepath.Join("..", ".."))
	if err == nil {
		err = writeShippedGateway(repository, bed.profile, file)
	}
	var text []byte
	if err == nil {
		text, err = os.ReadFile(file)
	}
	if err == nil {
		err = yaml.Unmarshal(text, &s.shipped.Object)
	}
	if err == nil {
		s.pods, err = bed.gatewayAddresses()
	}
	if err != nil {
		t.Fatal(err)
	}
	// What JSON and the API server make of numbers.
	if text, err = json.Marshal(s.shipped.Object); err == nil {
		err = s.shipped.UnmarshalJSON(text)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// putBack gives the next play the Gateway as it was shipped; a testbed on which
// more is left is reset.
func (s *interleavingScene) putBack(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), runLimit)
	defer cancel()
	state, err := s.bed.frontState(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if len(state.marked) > 0 || t.Failed() {
		if _, err := s.bed.run("reset"); err != nil {
			t.Fatal(err)
		}
		if s.pods, err = s.bed.gatewayAddresses(); err != nil {
			t.Fatal(err)
		}
		return
	}
	client, err := dynamic.NewForConfig(s.bed.config)
	if err != nil {
		t.Fatal(err)
	}
	door := appliedBy(client, s.shipped)
	_, err = door.Patch(ctx, s.shipped.GetName(), types.MergePatchType, []byte(`{"metadata":{"annotations":null}}`), metav1.PatchOptions{})
	if err == nil {
		_, err = door.Apply(ctx, s.shipped.GetName(), s.shipped, metav1.ApplyOptions{FieldManager: "kubectl", Force: true})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// part is what somebody does in a play.
type part struct {
	who *actor
	// lines are run at the same time, as in several windows.
	lines []string
	delay time.Duration
}

// play is one interleaving.
type play struct {
	scene     *interleavingScene
	random    *rand.Rand // of the conductor and the editor, once it has begun
	conductor *conductor
	before    []told
	parts     []part
	editor    *editor
	edits     int

	mu     sync.Mutex
	said   []told
	failed error
}

// The commands that are drawn from. Who is disturbed gives up soon.
const (
	plainSetup = "setup --yes"
	quickSetup = plainSetup + " --timeout 2s"
	newCA      = quickSetup + " --new-ca"
)

var (
	ownLines   = []string{"renew --yes --timeout 2s", "teardown --yes", quickSetup, newCA, newCA + " --stage"}
	otherLines = []string{quickSetup, quickSetup, newCA, "teardown --force --yes", "teardown --yes"}
)

func (s *interleavingScene) newPlay(t *testing.T, random *rand.Rand) *play {
	t.Helper()
	p := &play{scene: s, random: random, conductor: newConductor(rand.New(rand.NewPCG(random.Uint64(), 0)))}
	alice, bob := s.bed.newActor(t, "alice"), s.bed.newActor(t, "bob")
	delay := func() time.Duration { return time.Duration(random.IntN(120)) * time.Millisecond }
	if random.IntN(3) == 0 {
		p.parts = append(p.parts, part{alice, []string{quickSetup}, delay()}, part{bob, []string{quickSetup}, delay()})
	} else {
		p.before = append(p.before, alice.must(t, plainSetup))
		lines := []string{draw(random, ownLines)}
		if random.IntN(4) == 0 {
			lines = append(lines, draw(random, ownLines))
		}
		p.parts = append(p.parts, part{alice, lines, delay()}, part{bob, []string{draw(random, otherLines)}, delay()})
	}
	if random.IntN(4) == 0 {
		p.parts = append(p.parts, part{s.bed.newActor(t, "carol"), []string{quickSetup}, delay()})
	}
	installer := s.bed.newActor(t, "somebody else")
	installer.proxy.Use(p.conductor.seat(installer.name))
	var err error
	if p.editor, err = newEditor(installer.proxy, s.shipped); err != nil {
		t.Fatal(err)
	}
	p.edits = random.IntN(6)
	return p
}

func draw(random *rand.Rand, from []string) string { return from[random.IntN(len(from))] }

// act lets all do their parts, and ends when they have.
func (p *play) act(t *testing.T) {
	t.Helper()
	for _, part := range p.parts {
		part.who.proxy.Use(p.conductor.seat(part.who.name))
	}
	var all sync.WaitGroup
	for _, part := range p.parts {
		all.Go(func() {
			defer p.conductor.leave(part.who.name)
			<-time.After(part.delay)
			var windows sync.WaitGroup
			for _, line := range part.lines {
				windows.Go(func() { p.note(part.who.tryRun(t.Context(), line)) })
			}
			windows.Wait()
		})
	}
	all.Go(func() {
		defer p.conductor.leave("somebody else")
		for range p.edits {
			if err := p.editor.edit(t.Context(), p.random); err != nil {
				p.note(told{}, fmt.Errorf("the editor %s: %w", p.editor.told[len(p.editor.told)-1], err))
			}
		}
	})
	p.note(told{}, p.conductor.conduct())
	all.Wait()
	for _, part := range p.parts {
		part.who.proxy.Use(apiproxy.Hooks{})
	}
	if p.failed != nil {
		t.Fatal(p.failed)
	}
}

func (p *play) note(said told, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failed = errors.Join(p.failed, err)
	if said.line != "" {
		p.said = append(p.said, said)
	}
}

// judge looks at what came of it.
func (p *play) judge(t *testing.T) {
	t.Helper()
	for _, said := range p.said {
		if err := said.requireClear(); err != nil {
			t.Errorf("%v\n%s", err, said)
		}
	}
	state, err := p.scene.bed.frontState(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := p.editor.requireKept(state.gateway); err != nil {
		t.Error(err)
	}
	if state.serversOfOurs() > 0 {
		if err := state.requireConsistent(); err != nil {
			t.Errorf("our server is there, and not all that belongs to it: %v", err)
		}
	}
	if err := p.requireOneCA(state); err != nil {
		t.Error(err)
	}
	p.finish(t, state)
}

// requireClear wants a run to have done its work, or to say in one error what it
// tried, why it could not, and what to do.
func (r told) requireClear() error {
	all := r.stdout + r.stderr
	switch {
	case strings.Contains(all, "panic:"), strings.Contains(all, "goroutine "):
		return errors.New("it shows Go's own words")
	case r.code != 0 && r.code != 1 && r.code != 124: // done, an error, not verified in time
		return fmt.Errorf("exit code %d", r.code)
	case r.code != 0 && (!errorLine.MatchString(r.stderr) || !hintLine.MatchString(r.stderr)):
		return errors.New("it does not say what is wrong and what to do")
	}
	return nil
}

var (
	errorLine = regexp.MustCompile(`(?m)^error: .+`)
	hintLine  = regexp.MustCompile(`(?m)^hint: .+`)
	digits    = regexp.MustCompile(`[0-9a-f]{12,}|[0-9]+(\.[0-9]+)?(ms|s)?`)
)

// outcomeOf names how a run ended, for a summary.
func outcomeOf(r told) string {
	line := strings.Fields(r.line)[0]
	if strings.Contains(r.line, "--new-ca") {
		line += " --new-ca"
	}
	if r.code == 0 {
		return line + ": done"
	}
	return line + ": " + digits.ReplaceAllString(errorLine.FindString(r.stderr), "#")
}

// requireOneCA wants everybody who has set up, and whose work nobody undid, to
// have the CA that is in force.
func (p *play) requireOneCA(state frontState) error {
	if state.configMap == nil {
		return nil
	}
	for _, part := range p.parts {
		if slices.ContainsFunc(part.lines, func(line string) bool { return line != quickSetup }) {
			return nil // a CA that was replaced, or set up anew after a teardown
		}
	}
	for _, part := range p.parts {
		for _, said := range p.said {
			if !part.said(said) || said.code != 0 {
				continue
			}
			file := filepath.Join(part.who.home, "ca", state.fingerprint(), "ca.crt")
			if kept, err := os.ReadFile(file); err != nil || !bytes.Equal(kept, state.bundle()) {
				return fmt.Errorf("%s has set up, and does not have the CA in force: %w", part.who.name, err)
			}
		}
	}
	return nil
}

func (p part) said(said told) bool { return said.who == p.who.name }

// finish lets the owner set up and tear down once more: what is left is what the
// others wrote.
func (p *play) finish(t *testing.T, state frontState) {
	t.Helper()
	owner := p.owner(state)
	said := owner.must(t, plainSetup)
	state, err := p.scene.bed.frontState(t.Context())
	if err == nil {
		err = state.requireServed(p.scene.pods, owner.home)
	}
	if err != nil {
		t.Fatalf("after one more setup by %s: %v\n%s", owner.name, err, said)
	}
	owner.must(t, "teardown --yes")
	if state, err = p.scene.bed.frontState(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(state.marked) > 0 || state.serversOfOurs() > 0 {
		t.Errorf("left after the teardown: %v, %d servers", state.marked, state.serversOfOurs())
	}
	if err := p.editor.requireKept(state.gateway); err != nil {
		t.Errorf("after the teardown: %v", err)
	}
	for _, manager := range ownersOfServers(state.gateway) {
		if strings.HasPrefix(manager, "kubectl-kftls-") {
			t.Errorf("after the teardown, the servers still belong to %s", manager)
		}
	}
	owner.requireTidy(t)
}

// owner is who has set up what is there, else the first.
func (p *play) owner(state frontState) *actor {
	if state.configMap != nil {
		computer := state.configMap.GetAnnotations()["kftls.github.io/computer"]
		for _, part := range p.parts {
			if id, err := os.ReadFile(filepath.Join(part.who.home, "computer-id")); err == nil && strings.TrimSpace(string(id)) == computer {
				return part.who
			}
		}
	}
	return p.parts[0].who
}

// String tells the whole play.
func (p *play) String() string {
	var text strings.Builder
	for _, said := range slices.Concat(p.before, p.said) {
		fmt.Fprintf(&text, "%s\n", said)
	}
	fmt.Fprintf(&text, "somebody else %s\nin this order:\n  %s\n", strings.Join(p.editor.told, ", "), strings.Join(p.conductor.played, "\n  "))
	return text.String()
}
