//go:build e2e && linux

package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kftls/kubectl-kftls/test/faults"
	"github.com/kftls/kubectl-kftls/test/faults/judge"
)

// shortFaults is how many faults are made with -short.
const shortFaults = 50

// faultLimit ends a fault that hangs. brokenLimit is how long a client may take
// to become broken, wellLimit how long to become well: a gateway that lost its
// Secret is given 15 s by Envoy, and istiod looks for new keys once a minute.
const (
	faultLimit  = 2 * time.Minute
	brokenLimit = 20 * time.Second
	wellLimit   = 20 * time.Second
	// pushLimit is far above the 0.3 s in which istiod and Envoy take a change:
	// what is broken after that is not merely on its way.
	pushLimit = 2 * time.Second
)

// TestFaults makes each fault of test/faults on a testbed, one after the other.
// A real client must show that it is broken; the diagnosis must name it first,
// within five seconds; its fix must make the client well. Who may only view, or
// has no cluster, must be told the same or nothing (faults_rights_test.go). One
// alone:
//
//	go test -tags e2e ./test/e2e -run TestFaults/the-secret-is-missing
//
// With -short, as in make test, it is 50 of them, each the first of its code and
// none that is slow, drawn by KFTLS_SEED and mostly diagnosed by an admin.
// KFTLS_FAULTS=judge leaves the diagnosis out, and tries the faults themselves.
// KFTLS_TRUTH=update writes docs/truth.md of what was seen.
func TestFaults(t *testing.T) {
	all, err := faults.All()
	if err != nil {
		t.Fatal(err)
	}
	diagnoses := os.Getenv("KFTLS_FAULTS") != "judge"
	if diagnoses && !hasDiagnose(t) {
		fmt.Println("NOT RUN diagnoses of faults: the plugin has no command diagnose")
		diagnoses = false
	}
	updates := os.Getenv("KFTLS_TRUTH") == "update"
	if testing.Short() {
		some := sample(firstOfEach(all), shortFaults, counted(t, "KFTLS_SEED", 1))
		fmt.Printf("NOT RUN %d of %d faults: they are left to make test-all\n", len(all)-len(some), len(all))
		all = some
	}
	doors := map[string]*frontDoor{}
	var table truth
	for _, fault := range all {
		t.Run(fault.Name, func(child *testing.T) {
			if fault.IPv6 && !hasIPv6() {
				fmt.Printf("NOT RUN %s: this machine has no IPv6\n", child.Name())
				child.SkipNow()
			}
			door := doors[fault.Profile]
			if door == nil {
				door = openFrontDoor(t, fault.Profile)
				doors[fault.Profile] = door
			}
			row := &truthRow{fault: fault}
			table = append(table, row)
			door.try(child, row, diagnoses)
		})
	}
	for profile, door := range doors {
		t.Run("no secret is left on "+profile, func(t *testing.T) { vault.requireNone(t, door.bed) })
	}
	if diagnoses && updates {
		table.write(t)
	}
}

// firstOfEach leaves one fault for each code, and what is healthy; of both only
// what is not slow.
func firstOfEach(all []faults.Fault) []faults.Fault {
	var first []faults.Fault
	made := map[string]bool{}
	for _, fault := range all {
		if !fault.Slow && !made[fault.Code] {
			first = append(first, fault)
			made[fault.Code] = fault.Code != ""
		}
	}
	return first
}

// sample draws some faults, and leaves them in their order: those that begin on
// the same front door follow each other.
func sample(all []faults.Fault, size, seed int) []faults.Fault {
	drawn := rand.New(rand.NewPCG(uint64(seed), 0)).Perm(len(all))
	drawn = drawn[:min(size, len(all))]
	slices.Sort(drawn)
	some := make([]faults.Fault, len(drawn))
	for i, at := range drawn {
		some[i] = all[at]
	}
	return some
}

// frontDoor is a testbed that faults follow each other on, and what is kept
// from one to the next.
type frontDoor struct {
	bed      *testbed
	homes    map[string]string // by set-up, of the user; copied for each fault
	setup    string            // what was done: none or https
	baseline objects
	count    int
	newKeys  bool // of Dex, which the last mutation started anew
	// kubeconfigs are those with fewer rights.
	kubeconfigs map[rights]string
}

func openFrontDoor(t *testing.T, profile string) *frontDoor {
	bed := openTestbed(t, profile)
	door := &frontDoor{bed: bed, homes: map[string]string{"none": t.TempDir(), "https": t.TempDir()}, setup: "none"}
	if os.Getenv("E2E_TESTBED") != "" {
		bed.must(t, "reset") // whatever was tried on it before
	}
	door.remember(t)
	return door
}

func (d *frontDoor) remember(t *testing.T) {
	t.Helper()
	d.grant(t)
	var err error
	if d.baseline, err = d.bed.objects(); err != nil {
		t.Fatal(err)
	}
}

// try makes one fault and takes it back.
func (d *frontDoor) try(t *testing.T, row *truthRow, diagnoses bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), faultLimit)
	defer cancel()
	fault := row.fault
	d.count++
	d.prepare(ctx, t, fault)
	s := d.newScene(t, fault)
	t.Cleanup(func() { d.takeBack(t, s) })
	began := time.Now()
	lap := func(what string) {
		t.Logf("%s: %s", what, time.Since(began).Round(10*time.Millisecond))
		began = time.Now()
	}
	var err error
	if fault.Setup == "hand" {
		s.steps(ctx, []faults.Step{{Certificate: &faults.Certificate{}}, {Secret: &faults.Secret{}}, {Server: &faults.Server{}}})
		d.bed.must(t, "wait")
		s.before, err = d.bed.objects()
		s.check(err)
	}
	if fault.Session {
		s.login(ctx)
	}
	lap("prepared")
	s.steps(ctx, fault.Make)
	s.settle()
	made := time.Now()
	lap("made")
	look := fault.Judge
	if fault.Code == "" {
		s.become(ctx, "well", look, look.WellSign(), wellLimit)
	} else {
		s.become(ctx, "broken", look, look.Broken, brokenLimit)
	}
	lap("judged")
	if diagnoses {
		s.diagnose(ctx, row)
		lap("diagnosed")
	}
	if fault.Code != "" && fault.MayBeOnItsWay() {
		s.stay(ctx, look, made.Add(pushLimit))
		lap("still broken")
	}
	if fault.Code == "" {
		return
	}
	switch {
	case row.printed:
		s.follow(ctx, row.commands)
		if look := look.With(fault.Healed); look.CA != "" && slices.ContainsFunc(row.commands, func(c string) bool { return strings.Contains(c, "kftls setup") }) {
			s.run(ctx, `kubectl kftls ca >"`+look.CA+`"`) // a new certificate has a new CA
		}
	case fault.Heals != nil:
		s.steps(ctx, fault.Heals)
	default:
		s.restore(ctx)
	}
	s.steps(ctx, fault.Then)
	look = look.With(fault.Healed)
	s.become(ctx, "well", look, look.WellSign(), wellLimit)
	lap("healed")
	row.healed = true
}

// home is that of the set-up that is in force.
func (d *frontDoor) home() string { return d.homes[d.setup] }

// prepare brings the front door to how the fault wants it.
func (d *frontDoor) prepare(ctx context.Context, t *testing.T, fault faults.Fault) {
	t.Helper()
	wanted := fault.Setup
	if wanted == "hand" {
		wanted = "none" // by hand is done anew for each
	}
	if d.setup == wanted {
		return
	}
	if d.setup != "none" {
		d.bed.must(t, "reset")
	}
	if d.setup = "none"; wanted == "https" {
		s, home := d.newScene(t, fault), d.homes["https"]
		s.env["HOME"], s.env["KFTLS_HOME"] = home, filepath.Join(home, "kftls")
		s.steps(ctx, []faults.Step{{Run: `kubectl kftls setup --yes && kubectl kftls ca >"$HOME/ca.crt"`}})
		d.setup = "https"
	}
	d.remember(t)
}

// takeBack undoes the fault, whatever came of it: by hand if that is enough,
// else by a reset.
func (d *frontDoor) takeBack(t *testing.T, s *scene) {
	s.end()
	// The test's own context is over.
	ctx, cancel := context.WithTimeout(context.Background(), faultLimit)
	defer cancel()
	began := time.Now()
	defer func() { t.Logf("taken back: %s", time.Since(began).Round(10*time.Millisecond)) }()
	if s.fault.Undo != "reset" && !t.Failed() {
		var err error
		if s.fault.Undo == "variant" { // it looks itself what it changed
			_, err = d.bed.run("variant")
		}
		s.steps(ctx, s.fault.After)
		if err == nil {
			err = d.bed.putBack(ctx, d.baseline)
		}
		if err == nil && strings.HasPrefix(s.fault.Undo, "restart ") {
			_, err = d.bed.run(strings.Fields(s.fault.Undo)...)
		}
		if err == nil {
			_, err = d.bed.run("wait")
		}
		if err == nil {
			_, err = d.bed.settled()
		}
		if err == nil {
			return
		}
		t.Logf("the objects cannot be put back, so all is reset: %v", err)
	}
	d.bed.must(t, "reset")
	d.setup = "none"
	d.remember(t)
}

// stay wants a client to be as broken until a certain time as it was at first.
func (s *scene) stay(ctx context.Context, look judge.Look, until time.Time) {
	s.t.Helper()
	look.URL = s.expand(look.URL)
	for {
		answer, err := look.Try(ctx, s.surroundings())
		if s.check(err); !look.Broken.Shows(answer) {
			s.t.Fatalf("the client is broken only for a while: exit code %d\n%s", answer.Exit, vault.redact(answer.Text))
		}
		if time.Now().After(until) {
			first, _, _ := strings.Cut(strings.TrimSpace(answer.Text), "\n")
			s.t.Logf("still broken: exit code %d, %.200q", answer.Exit, vault.redact(first))
			return
		}
		wait(pushLimit/10, func() bool { return false }) // nothing tells that nothing comes
	}
}

// become tries a client until it shows the sign.
func (s *scene) become(ctx context.Context, what string, look judge.Look, sign judge.Sign, limit time.Duration) {
	s.t.Helper()
	look.URL = s.expand(look.URL)
	var answer judge.Answer
	var err error
	shows := func() bool {
		answer, err = look.Try(ctx, s.surroundings())
		return err == nil && sign.Shows(answer)
	}
	if !wait(limit, shows) {
		s.t.Fatalf("the client %s is not %s after %s: exit code %d, want %v and %q (%v)\n%s",
			look.Client, what, limit, answer.Exit, sign.Exit, sign.Says, err, vault.redact(answer.Text))
	}
	first, _, _ := strings.Cut(strings.TrimSpace(answer.Text), "\n")
	s.t.Logf("%s: exit code %d, %.200q", what, answer.Exit, vault.redact(first))
}
