package main

import (
	"fmt"
	"slices"
	"time"
)

// series are the measurements of one way, in the order in which they were made.
type series struct {
	name  string
	times []time.Duration
}

func (s *series) add(took time.Duration) { s.times = append(s.times, took) }

// median is the middle measurement, or the mean of the two middle ones.
func (s *series) median() time.Duration {
	sorted := slices.Sorted(slices.Values(s.times))
	if len(sorted) == 0 {
		return 0
	}
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// row is the series as a line of a Markdown table.
func (s *series) row() string {
	return fmt.Sprintf("| %s | %s | %s | %s |", s.name, short(s.median()), short(slices.Min(s.times)), short(slices.Max(s.times)))
}

func short(d time.Duration) string {
	if d < time.Second {
		return d.Round(time.Millisecond).String()
	}
	return fmt.Sprintf("%.2fs", d.Seconds())
}
