package apiproxy

import (
	"net/http"
	"sync"
)

// Side is where a write is held.
type Side string

// The sides of the API server.
const (
	// Before the API server: it never sees a write whose client is killed there.
	Before Side = "before"
	// After the API server: it has written, and the client does not know.
	After Side = "after"
)

// Cut holds one write of a client, so that the client can be killed exactly
// there. With Write 0 it holds none, and only counts.
type Cut struct {
	// Write is the number of the write, from 1 on.
	Write int
	Side  Side

	mu     sync.Mutex
	writes []string
	once   sync.Once
	held   chan struct{}
}

// NewCut returns a cut at a write, of which the numbers begin with Use.
func NewCut(write int, side Side) *Cut {
	return &Cut{Write: write, Side: side, held: make(chan struct{})}
}

// Hooks are for Proxy.Use. What is held is let go by the end of its client.
func (c *Cut) Hooks() Hooks {
	return Hooks{
		Before: func(call *Call) error {
			c.count(call)
			c.hold(call, Before)
			return nil
		},
		After: func(call *Call, _ *http.Response) error {
			c.hold(call, After)
			return nil
		},
	}
}

// Held is closed once the write is held.
func (c *Cut) Held() <-chan struct{} { return c.held }

// Writes are those that came, as "METHOD URI".
func (c *Cut) Writes() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.writes...)
}

func (c *Cut) count(call *Call) {
	if call.Write == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writes = append(c.writes, call.String())
}

func (c *Cut) hold(call *Call, side Side) {
	if call.Write == 0 || call.Write != c.Write || side != c.Side {
		return
	}
	c.once.Do(func() { close(c.held) })
	<-call.Request.Context().Done()
}
