package main

import (
	"context"
	"fmt"
	"time"
)

// way is one way from a front door without HTTPS to one that serves it.
type way struct {
	series
	// prepare runs before the clock, do between its start and its end, and undo
	// after it.
	prepare, do, undo func(ctx context.Context) error
}

// benchSetup lets the ways take turns.
func benchSetup(ctx context.Context, bed *testbed, rounds int) error {
	bare := &bareWay{bed: bed}
	hand := &handWay{bed: bed}
	nothing := func(context.Context) error { return nil }
	ways := []*way{
		{series: series{name: "bare minimum: two writes, until every replica serves"}, prepare: bare.prepare, do: bare.do, undo: bare.undo},
		{series: series{name: "`kubectl kftls setup`, to verified"}, prepare: nothing, do: bed.setup, undo: bed.teardown},
		{series: series{name: "by hand: openssl, kubectl, curl until it answers"}, prepare: hand.prepare, do: hand.do, undo: hand.undo},
	}

	for round := range rounds {
		for _, w := range ways {
			if err := w.turn(ctx); err != nil {
				return fmt.Errorf("round %d, %s: %w", round+1, w.name, err)
			}
			if err := bed.untilRefused(ctx); err != nil {
				return err
			}
		}
	}
	first, again, err := bed.requests(ctx)
	if err != nil {
		return err
	}
	fmt.Println("## From no HTTPS to HTTPS that a client with the CA accepts")
	fmt.Println()
	fmt.Println("| way | median | least | most |")
	fmt.Println("|---|---|---|---|")
	for _, w := range ways {
		fmt.Println(w.row())
	}
	fmt.Printf("\nsetup is verified %s after the bare minimum (goal: at most 0.35s), in %.2f of the time by hand (goal: at most 0.50).\n",
		short(ways[1].median()-ways[0].median()), float64(ways[1].median())/float64(ways[2].median()))
	fmt.Printf("It asks the API server %d times; a second run, which changes nothing, %d times (goal: at most 15).\n", first, again)
	return nil
}

func (w *way) turn(ctx context.Context) error {
	if err := w.prepare(ctx); err != nil {
		return fmt.Errorf("prepare: %w", err)
	}
	begun := time.Now()
	if err := w.do(ctx); err != nil {
		return err
	}
	w.add(time.Since(begun))
	if err := w.undo(ctx); err != nil {
		return fmt.Errorf("undo: %w", err)
	}
	return nil
}
