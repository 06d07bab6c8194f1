package portforward

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

const (
	// openPatience is how long a kept upstream may take to open a stream
	// before a fresh one is tried beside it.
	openPatience = 3 * time.Second
	// closePatience bounds Close.
	closePatience = 900 * time.Millisecond
)

// pool is the Dialer: one upstream a pod.
type pool struct {
	road *road
	logf func(string, ...any)

	mu     sync.Mutex
	closed bool
	pods   map[podName]*upstream
	all    map[*upstream]struct{} // retired ones too, until they are dead
	dials  map[podName]*dial
}

// dial is an upstream on its way, for all who wait for it.
type dial struct {
	cancel  context.CancelFunc
	waiting int           // guarded by pool.mu
	done    chan struct{} // closed when up and err are set
	up      *upstream
	err     error
}

func newPool(r *road, logf func(string, ...any)) *pool {
	return &pool{
		road: r, logf: logf,
		pods: map[podName]*upstream{}, all: map[*upstream]struct{}{}, dials: map[podName]*dial{},
	}
}

// DialTarget opens a connection; see Dialer.
func (p *pool) DialTarget(ctx context.Context, t Target) (net.Conn, error) {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, DefaultDialTimeout)
		defer cancel()
	}
	for {
		up, kept, err := p.upstream(ctx, podName{t.Namespace, t.Pod})
		if errors.Is(err, net.ErrClosed) {
			return nil, err
		}
		if err != nil {
			return nil, explainDial(err, t)
		}
		s, err := p.openOn(ctx, up, t, kept)
		if err == nil {
			return s, nil
		}
		first := up.retire()
		if !kept || ctx.Err() != nil {
			return nil, explainDial(err, t)
		}
		if first {
			p.logf("opening another connection to pod %s/%s: %v", t.Namespace, t.Pod, err)
		}
	}
}

// openOn opens a stream, with less patience on an upstream that was kept: it
// may have died unnoticed.
func (p *pool) openOn(ctx context.Context, up *upstream, t Target, kept bool) (net.Conn, error) {
	if kept {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, openPatience, errSlow)
		defer cancel()
	}
	s, err := up.open(ctx, t)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// upstream returns the pod's kept upstream (true), or waits for a fresh one.
func (p *pool) upstream(ctx context.Context, pod podName) (*upstream, bool, error) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, false, net.ErrClosed
	}
	if up := p.pods[pod]; up != nil {
		p.mu.Unlock()
		return up, true, nil
	}
	d := p.dials[pod]
	if d == nil {
		d = p.startDial(ctx, pod)
	}
	d.waiting++
	p.mu.Unlock()
	defer p.stopWaiting(d)
	select {
	case <-d.done:
		return d.up, false, d.err
	case <-ctx.Done():
		return nil, false, context.Cause(ctx)
	}
}

// startDial begins a dial that outlives the caller who asked first, as long as
// somebody waits for it. p.mu is held.
func (p *pool) startDial(first context.Context, pod podName) *dial {
	ctx, cancel := context.WithCancel(context.WithoutCancel(first))
	d := &dial{cancel: cancel, done: make(chan struct{})}
	p.dials[pod] = d
	go func() {
		defer cancel()
		w, err := p.road.open(ctx, pod)
		p.finishDial(d, pod, w, err)
	}()
	return d
}

func (p *pool) finishDial(d *dial, pod podName, w *wire, err error) {
	var up *upstream
	if err == nil {
		up, err = newUpstream(w, func(up *upstream) { p.withdraw(pod, up) })
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dials[pod] == d {
		delete(p.dials, pod)
	}
	defer close(d.done)
	if err != nil {
		d.err = err
		return
	}
	if p.closed {
		d.err = net.ErrClosed
		go up.kill()
		return
	}
	d.up = up
	p.pods[pod], p.all[up] = up, struct{}{}
	go p.bury(up)
}

func (p *pool) stopWaiting(d *dial) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if d.waiting--; d.waiting > 0 {
		return
	}
	d.cancel()
	// Who comes now must not join a cancelled dial.
	for pod, other := range p.dials {
		if other == d {
			delete(p.dials, pod)
		}
	}
}

// withdraw takes an upstream out of use.
func (p *pool) withdraw(pod podName, up *upstream) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pods[pod] == up {
		delete(p.pods, pod)
	}
}

// bury forgets an upstream when it is gone.
func (p *pool) bury(up *upstream) {
	<-up.gone
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.all, up)
}

// Close kills every upstream and ends every dial; see Dialer.
func (p *pool) Close() error {
	alive := p.shut()
	for _, up := range alive {
		up.kill()
	}
	limit := time.NewTimer(closePatience)
	defer limit.Stop()
	for _, up := range alive {
		select {
		case <-up.gone:
		case <-limit.C:
			return nil
		}
	}
	return nil
}

// shut refuses everything from now on, and returns what is still alive.
func (p *pool) shut() []*upstream {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, d := range p.dials {
		d.cancel()
	}
	alive := make([]*upstream, 0, len(p.all))
	for up := range p.all {
		alive = append(alive, up)
	}
	return alive
}
