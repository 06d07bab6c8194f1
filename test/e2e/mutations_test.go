//go:build e2e && linux

package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kftls/kubectl-kftls/test/faults"
)

// TestMutations breaks one thing of a front door with HTTPS at random, again and
// again. Real clients say whether something is broken by it; a diagnosis must
// not cry where they are well, and its first finding should be one that the
// changed thing can cause. A false alarm that is not in test/faults/misses.txt
// fails the test.
//
//	KFTLS_MUTATIONS=500 KFTLS_SEED=7 go test -tags e2e ./test/e2e -run TestMutations -timeout 2h
//	go test -tags e2e ./test/e2e -run TestMutations/17      one alone
//
// KFTLS_MUTATIONS_LOG=FILE appends what was not as wanted, with the diagnoses.
func TestMutations(t *testing.T) {
	if !hasDiagnose(t) {
		fmt.Println("NOT RUN mutations: the plugin has no command diagnose")
		return
	}
	count, seed := counted(t, "KFTLS_MUTATIONS", 50), counted(t, "KFTLS_SEED", 1)
	door := openFrontDoor(t, "")
	tally := map[outcome]int{}
	var alarms, known, wrongs []string
	for i := range count {
		t.Run(strconv.Itoa(i), func(child *testing.T) {
			got := door.mutate(child, rand.New(rand.NewPCG(uint64(seed), uint64(i))))
			tally[got.outcome]++
			child.Logf("%s: %s", got.outcome, got)
			switch got.outcome {
			case falseAlarm:
				miss, err := faults.KnownMiss("mutated "+got.target, string(admin))
				if err != nil {
					child.Fatal(err)
				}
				if miss == got.said.alarm() {
					known = append(known, fmt.Sprintf("%d: %s", i, got))
				} else {
					alarms = append(alarms, fmt.Sprintf("%d: %s", i, got))
				}
			case isWrong:
				wrongs = append(wrongs, fmt.Sprintf("%d: %s", i, got))
			}
			got.keep(child, fmt.Sprintf("seed %d, mutation %d", seed, i))
		})
	}
	var all []string
	for _, each := range outcomes {
		all = append(all, fmt.Sprintf("%d %s", tally[each], each))
	}
	line := fmt.Sprintf("mutations, seed %d: %s", seed, strings.Join(all, ", "))
	fmt.Println(line)
	for _, each := range wrongs {
		t.Logf("wrong first cause: %s", each)
	}
	for _, each := range known {
		t.Logf("false alarm that is known: %s", each)
	}
	for _, each := range alarms {
		t.Errorf("false alarm: %s", each)
	}
}

func counted(t *testing.T, variable string, usual int) int {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return usual
	}
	value, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", variable, err)
	}
	return value
}

// outcome is what came of one mutation.
type outcome string

const (
	ok          outcome = "well and silent"
	falseAlarm  outcome = "false alarm"
	isRight     outcome = "right"
	isAbstained outcome = "abstained"
	isWrong     outcome = "wrong"
	unsettled   outcome = "not settled"
)

var outcomes = []outcome{ok, falseAlarm, isRight, isAbstained, isWrong, unsettled}

// mutated is a mutation and what came of it.
type mutated struct {
	outcome
	what   string // the mutation
	target string // what was changed, for the codes that it can cause
	judged []string
	said   diagnosed
}

func (m mutated) String() string {
	var causes []string
	for _, finding := range m.said.Findings {
		causes = append(causes, fmt.Sprintf("%s (%s) %s", finding.Code, finding.Severity, finding.Cause))
	}
	clients := "all clients are well"
	if len(m.judged) > 0 {
		clients = strings.Join(m.judged, "; ")
	}
	return vault.redact(fmt.Sprintf("%s %s | %s | found: %s", m.target, m.what, clients, strings.Join(causes, "; ")))
}

// keep appends what is not as wanted to a file, for who works on the diagnosis.
func (m mutated) keep(t *testing.T, which string) {
	t.Helper()
	file := os.Getenv("KFTLS_MUTATIONS_LOG")
	word := string(m.outcome)
	if m.outcome == isRight && m.strays() {
		word = "right first, and another that cannot be"
	}
	if file == "" || word == string(ok) || word == string(isRight) {
		return
	}
	log, err := os.OpenFile(filepath.Clean(file), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	fmt.Fprintf(log, "\n### %s (%s)\n%s\n%s\n", strings.ToUpper(word), which, m, m.said.shown())
}

// strays tells that a finding behind the first one cannot come of the change.
func (m mutated) strays() bool {
	for _, finding := range m.said.Findings {
		if (finding.Severity == "error" || finding.Severity == "critical") && !slices.Contains(causedBy(m.target), finding.Code) {
			return true
		}
	}
	return false
}

// compare says what came of a mutation. Where something is broken, every code that
// the changed thing can cause is right: which of them is for the eye.
func (m *mutated) compare() {
	first := m.said.first()
	switch {
	case len(m.judged) == 0 && m.said.alarm() == "":
		m.outcome = ok
	case len(m.judged) == 0:
		m.outcome = falseAlarm
	case slices.Contains(causedBy(m.target), first):
		m.outcome = isRight
	case first == "" || slices.Contains(abstentions, first):
		m.outcome = isAbstained
	default:
		m.outcome = isWrong
	}
}

// keysLimit is a little more than the minute in which istiod asks Dex for its keys
// at the latest.
const keysLimit = 70 * time.Second

// awaitKeys waits until the gateway knows the keys of a Dex that was started anew,
// which is nothing that the next mutation did.
func (s *scene) awaitKeys(ctx context.Context) {
	s.t.Helper()
	var broken []string
	if !wait(keysLimit, func() bool { broken, _ = s.everyClient(ctx); return len(broken) == 0 }) {
		s.t.Logf("not well before the mutation: %v", broken)
	}
}

// mutate makes one mutation, lets the clients and the diagnosis look, and takes it back.
func (d *frontDoor) mutate(t *testing.T, r *rand.Rand) mutated {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), faultLimit)
	defer cancel()
	d.count++
	fault := faults.Fault{Name: "mutation", Setup: "https"}
	d.prepare(ctx, t, fault)
	s := d.newScene(t, fault)
	t.Cleanup(func() {
		d.takeBack(t, s)
		d.newKeys = s.fault.Undo == "restart dex"
	})
	if d.newKeys {
		s.awaitKeys(ctx)
	}
	m := &mutated{}
	var look func() ([]string, []string)
	switch r.IntN(10) {
	case 0, 1:
		look = s.slip(ctx, r, m)
	case 2:
		s.mutateCertificate(ctx, r, m)
		look = func() ([]string, []string) { return s.everyClient(ctx) }
	default:
		s.mutateObject(ctx, r, m)
		look = func() ([]string, []string) { return s.everyClient(ctx) }
	}
	var aim []string
	for range 3 {
		m.judged, aim = look()
		var err error
		m.said, err = s.ask(ctx, admin, aim)
		s.check(err)
		if m.compare(); m.outcome == ok || m.outcome == isRight {
			return *m
		}
		// What is still on its way is no one's mistake.
		again, _ := look()
		if (len(again) == 0) == (len(m.judged) == 0) {
			return *m
		}
	}
	m.outcome = unsettled
	return *m
}
