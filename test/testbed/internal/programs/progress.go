package programs

import (
	"fmt"
	"slices"
	"strings"
)

// Progress tells how far a build is. A zero Total means that only Doing is
// known.
type Progress struct {
	// Doing is one line on what happens now.
	Doing string
	// Done and Total count Go packages to compile.
	Done, Total int
	// Left tells for each program how many of its packages are not compiled
	// yet. One package can count for several programs.
	Left map[string]int
}

// String is the one line that people read.
func (p Progress) String() string {
	if p.Total == 0 {
		return p.Doing
	}
	if p.Done >= p.Total {
		return fmt.Sprintf("compiled %d packages, linking", p.Total)
	}
	var waiting []string
	for name, left := range p.Left {
		if left > 0 {
			waiting = append(waiting, fmt.Sprintf("%s %d", name, left))
		}
	}
	slices.Sort(waiting)
	return fmt.Sprintf("compiled %d of %d packages; left: %s", p.Done, p.Total, strings.Join(waiting, ", "))
}

// counter turns the package names that `go build -v` prints into Progress.
type counter struct {
	// programsOf tells which programs wait for a package that is not compiled.
	programsOf map[string][]string
	progress   Progress
}

// newCounter takes for each program the packages that must be compiled.
func newCounter(stale map[string][]string) *counter {
	c := &counter{programsOf: map[string][]string{}}
	c.progress.Left = map[string]int{}
	for program, packages := range stale {
		c.progress.Left[program] = len(packages)
		for _, pkg := range packages {
			c.programsOf[pkg] = append(c.programsOf[pkg], program)
		}
	}
	c.progress.Total = len(c.programsOf)
	return c
}

// line takes a line of the build's output, and tells whether it was a package
// that the counter waited for.
func (c *counter) line(text string) bool {
	programs, ok := c.programsOf[text]
	if !ok {
		return false
	}
	delete(c.programsOf, text)
	c.progress.Done++
	c.progress.Doing = text
	for _, program := range programs {
		c.progress.Left[program]--
	}
	return true
}
