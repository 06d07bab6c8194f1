package faults

import (
	_ "embed"
	"fmt"
	"strings"
)

// misses.txt lists the wrong verdicts that are known, so that the list shrinks,
// and grows only knowingly.
//
//go:embed misses.txt
var misses string

// Miss is a wrong verdict that is known: what is found first of a fault by
// somebody with few rights; "none" if nothing is.
type Miss struct {
	Fault, Rights, Found string
}

// Misses reads the list.
func Misses() ([]Miss, error) {
	var all []Miss
	for line := range strings.Lines(misses) {
		line, _, _ = strings.Cut(line, "#")
		if strings.TrimSpace(line) == "" {
			continue
		}
		fields := strings.Split(line, ",")
		if len(fields) != 3 {
			return nil, fmt.Errorf("misses.txt: %q is not FAULT, RIGHTS, CODE", line)
		}
		for i := range fields {
			fields[i] = strings.TrimSpace(fields[i])
		}
		all = append(all, Miss{fields[0], fields[1], fields[2]})
	}
	return all, nil
}

// KnownMiss is what is known to be found first, wrongly; empty if no wrong
// verdict is known.
func KnownMiss(fault, rights string) (string, error) {
	all, err := Misses()
	if err != nil {
		return "", err
	}
	for _, miss := range all {
		if miss.Fault == fault && miss.Rights == rights {
			return miss.Found, nil
		}
	}
	return "", nil
}
