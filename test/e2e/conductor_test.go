//go:build e2e && linux

package e2e

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kftls/kubectl-kftls/test/e2e/apiproxy"
)

// conductor lets the requests of several people pass one at a time, in an order
// that is drawn from a seed. Those that look at nothing that the others change
// pass freely.
type conductor struct {
	random *rand.Rand

	mu      sync.Mutex
	waiting map[string][]*turn // by person
	weights map[string]int     // of those who act still
	changed chan struct{}      // something came, or somebody ended
	done    chan struct{}      // of the turn that is on
	played  []string
	isOver  bool // all pass
}

// turn is a request that waits to be let through.
type turn struct {
	call   *apiproxy.Call
	mine   chan struct{} // closed when it is let through
	isGone bool          // its client has ended before
}

const (
	// patience is how long the conductor waits for somebody who has asked nothing
	// yet: what a command computes between two requests takes less.
	patience = 12 * time.Millisecond
	// longPatience is for when somebody is to come first, whatever they do
	// meanwhile: to verify a front door takes a few hundred milliseconds.
	longPatience = 400 * time.Millisecond
	// turnLimit is for a request that the API server does not answer.
	turnLimit = 40 * time.Second
)

func newConductor(random *rand.Rand) *conductor {
	return &conductor{random: random, waiting: map[string][]*turn{}, weights: map[string]int{}, changed: make(chan struct{}, 1)}
}

// seat gives somebody a place, until leave.
func (c *conductor) seat(name string) apiproxy.Hooks {
	c.weights[name] = 1
	letThrough := sync.Map{}
	return apiproxy.Hooks{
		Before: func(call *apiproxy.Call) error {
			if !isContended(call.Request) {
				return nil
			}
			own := &turn{call: call, mine: make(chan struct{})}
			if !c.enqueue(name, own) {
				return nil
			}
			select {
			case <-own.mine:
				letThrough.Store(call, true)
				return nil
			case <-call.Request.Context().Done():
				return c.giveUp(name, own)
			}
		},
		Done: func(call *apiproxy.Call) {
			if _, was := letThrough.LoadAndDelete(call); was {
				c.done <- struct{}{}
			}
		},
	}
}

func (c *conductor) enqueue(name string, own *turn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.isOver {
		return false
	}
	c.waiting[name] = append(c.waiting[name], own)
	c.tell()
	return true
}

// giveUp takes a request out whose client is gone.
func (c *conductor) giveUp(name string, own *turn) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting[name] = slices.DeleteFunc(c.waiting[name], func(other *turn) bool { return other == own })
	select {
	case <-own.mine: // it was let through at the same moment
		c.done <- struct{}{}
	default:
		own.isGone = true // it may have been chosen just now
	}
	return apiproxy.ErrCut
}

// letThrough lets a request pass, unless its client is gone.
func (c *conductor) letThrough(own *turn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if own.isGone {
		return false
	}
	c.done = make(chan struct{}, 1)
	close(own.mine)
	return true
}

// leave tells that somebody has ended.
func (c *conductor) leave(name string) {
	c.mu.Lock()
	delete(c.weights, name)
	c.mu.Unlock()
	c.tell()
}

func (c *conductor) tell() {
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

// isContended tells of a request whether its place in the order matters.
func isContended(r *http.Request) bool {
	path := r.URL.Path
	return strings.Contains(path, "/gateways") || strings.Contains(path, "/configmaps/kftls-ca") || strings.Contains(path, "/secrets/")
}

// conduct lets requests through until everybody has ended. It gives up, and lets
// all pass, where a request is not answered.
func (c *conductor) conduct() error {
	for {
		c.redraw()
		name, own := c.next()
		if own == nil {
			return nil
		}
		if !c.letThrough(own) {
			continue
		}
		c.played = append(c.played, name+" "+own.call.Request.Method+" "+shortURI(own.call.Request))
		select {
		case <-c.done:
		case <-time.After(turnLimit):
			c.letAllPass()
			return fmt.Errorf("%s was not answered within %s: %s", name, turnLimit, own.call)
		}
	}
}

func (c *conductor) letAllPass() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.isOver = true
	c.done = make(chan struct{}, 1000)
	for _, turns := range c.waiting {
		for _, own := range turns {
			close(own.mine)
		}
	}
	c.waiting = map[string][]*turn{}
}

func shortURI(r *http.Request) string {
	path := r.URL.Path[strings.LastIndex(r.URL.Path, "/namespaces/")+1:]
	if r.URL.Query().Has("dryRun") {
		path += " (dry run)"
	}
	return path
}

// redraw now and then makes somebody quick and somebody else slow.
func (c *conductor) redraw() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.random.IntN(6) > 0 {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(c.weights)) {
		c.weights[name] = []int{1, 4, 40}[c.random.IntN(3)]
	}
}

// next draws whose request comes next, and waits for it for a while. It is nil
// when everybody has ended.
func (c *conductor) next() (string, *turn) {
	wanted, limit := c.draw()
	late := time.After(limit)
	for {
		name, own, isOver := c.take(wanted)
		if own != nil || isOver {
			return name, own
		}
		select {
		case <-late:
			wanted = "" // whoever is there
		case <-c.changed:
		}
	}
}

// draw chooses somebody by weight.
func (c *conductor) draw() (name string, limit time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	total := 0
	for _, weight := range c.weights {
		total += weight
	}
	if total == 0 {
		return "", 0
	}
	limit = patience
	if c.random.IntN(12) == 0 {
		limit = longPatience
	}
	at := c.random.IntN(total)
	for _, name := range slices.Sorted(maps.Keys(c.weights)) {
		if at -= c.weights[name]; at < 0 {
			return name, limit
		}
	}
	return "", limit
}

// take takes a request of somebody, "" for anybody.
func (c *conductor) take(wanted string) (name string, own *turn, isOver bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, acts := c.weights[wanted]; !acts {
		wanted = ""
	}
	var there []string
	for _, name := range slices.Sorted(maps.Keys(c.waiting)) {
		if len(c.waiting[name]) > 0 && (wanted == "" || wanted == name) {
			there = append(there, name)
		}
	}
	if len(there) == 0 {
		return "", nil, len(c.weights) == 0
	}
	name = there[c.random.IntN(len(there))]
	i := c.random.IntN(len(c.waiting[name]))
	own = c.waiting[name][i]
	c.waiting[name] = slices.Delete(c.waiting[name], i, i+1)
	return name, own, false
}
