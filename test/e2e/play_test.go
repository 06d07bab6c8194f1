//go:build e2e && linux

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
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

// String tells the whole play.
func (p *play) String() string {
	var text strings.Builder
	for _, said := range slices.Concat(p.before, p.said) {
		fmt.Fprintf(&text, "%s\n", said)
	}
	fmt.Fprintf(&text, "somebody else %s\nin this order:\n  %s\n", strings.Join(p.editor.told, ", "), strings.Join(p.conductor.played, "\n  "))
	return text.String()
}
