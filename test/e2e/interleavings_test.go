//go:build e2e && linux

package e2e

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
)

// TestInterleavings lets two or three people set up, renew and tear down at the
// same time, while somebody else edits the Gateway and the installer applies it
// again. Their requests pass one at a time, in an order that a seed decides. In
// the end no edit of others is lost, what is there belongs together, each run
// has done its work or says why not, and one more setup and teardown by the
// owner leave what the others wrote.
//
//	KFTLS_INTERLEAVINGS=1000 KFTLS_SEED=7 go test -tags e2e ./test/e2e -run TestInterleavings -timeout 2h
//	KFTLS_SEED=7 go test -tags e2e ./test/e2e -run TestInterleavings/17      one alone
func TestInterleavings(t *testing.T) {
	count, seed := counted(t, "KFTLS_INTERLEAVINGS", 50), counted(t, "KFTLS_SEED", 1)
	scene := newInterleavingScene(t)
	tally := map[string]int{}
	for i := range count {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			play := scene.newPlay(t, rand.New(rand.NewPCG(uint64(seed), uint64(i))))
			t.Cleanup(func() {
				if t.Failed() {
					t.Logf("again: KFTLS_SEED=%d go test -tags e2e ./test/e2e -run TestInterleavings/%d -count 20\n%s", seed, i, play)
				}
				scene.putBack(t)
			})
			play.act(t)
			play.judge(t)
			for _, said := range play.said {
				tally[outcomeOf(said)]++
			}
		})
	}
	fmt.Printf("interleavings, seed %d: %d\n", seed, count)
	for _, outcome := range slices.Sorted(maps.Keys(tally)) {
		t.Logf("%4d %s", tally[outcome], outcome)
	}
}
