//go:build e2e && linux

package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

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
	if p.isSetupAlone() {
		if err := p.requireOneCA(state); err != nil {
			t.Error(err)
		}
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
	case !slices.Contains([]int{0, 1, 2, 124}, r.code): // done, an error, no use any more, not verified in time
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

// isSetupAlone tells of a play in which nobody replaces a CA or tears down.
func (p *play) isSetupAlone() bool {
	return !slices.ContainsFunc(p.parts, func(part part) bool {
		return slices.ContainsFunc(part.lines, func(line string) bool { return line != quickSetup })
	})
}

// isDisturbed tells that an installer has taken our server out, or that somebody
// did not see theirs served in time.
func (p *play) isDisturbed() bool {
	return slices.Contains(p.editor.told, asShipped) || slices.ContainsFunc(p.said, func(said told) bool { return said.code == 124 })
}

// requireOneCA wants that one has won, where all have set up and nobody undid it,
// and that everybody whose run ended well has that one's CA.
func (p *play) requireOneCA(state frontState) error {
	if state.serversOfOurs() == 0 && !p.isDisturbed() {
		return errors.New("nobody has won: all have set up, and no server of ours is there")
	}
	if state.configMap == nil {
		return nil
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
