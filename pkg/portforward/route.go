package portforward

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

const (
	// routeAge is from when on the pods are looked up again, beside the
	// connection that is being made.
	routeAge = 2 * time.Second
	// coolDown is how long a pod that failed is passed over while others are
	// ready.
	coolDown = 5 * time.Second
	// podPatience is how long one pod may take to be reached before another is
	// tried: the API server itself waits longer for a node that is away.
	podPatience = 4 * time.Second
	// firstRetry and lastRetry bound the pauses of a dial that found no pod.
	firstRetry = 100 * time.Millisecond
	lastRetry  = time.Second
)

// RouteOptions say where a Route leads.
type RouteOptions struct {
	// Resolve looks the Service and its pods up.
	Resolve func(context.Context) (*Service, error)
	// Known is what was found before, if anything.
	Known *Service
	// Dialer opens the connections. The Route does not close it.
	Dialer Dialer
	// Port is a port of the Service by number or name, or of its pods; see
	// Service.Target.
	Port string
	// Logf takes one line for each change of pod; nil means none.
	Logf func(format string, args ...any)
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Route leads to a port of whichever pod of a Service is ready. It stays with
// one pod while that works. Its methods may be called by several goroutines.
type Route struct {
	o RouteOptions

	mu         sync.Mutex
	known      *Service
	readAt     time.Time
	refreshing bool
	using      types.UID
	failed     map[types.UID]time.Time
}

// NewRoute makes a Route. It asks nothing yet.
func NewRoute(o RouteOptions) *Route {
	if o.Logf == nil {
		o.Logf = func(string, ...any) {}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	r := &Route{o: o, known: o.Known, failed: map[types.UID]time.Time{}}
	if o.Known != nil {
		r.readAt = o.Now()
	}
	return r
}

// Dial opens a connection to a ready pod. Where there is none, or it cannot be
// reached, it looks again until ctx ends (DefaultDialTimeout without a
// deadline): pods come back. What waiting does not mend, such as a missing
// right, is returned at once.
func (r *Route) Dial(ctx context.Context) (net.Conn, error) {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, DefaultDialTimeout)
		defer cancel()
	}
	pause := firstRetry
	for {
		conn, err := r.dialOnce(ctx)
		if err == nil || isLasting(err) {
			return conn, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(pause):
		}
		pause = min(2*pause, lastRetry)
		// What this finds, or why it fails, is seen by the next try.
		if err := r.refresh(ctx); isLasting(err) {
			return nil, err
		}
	}
}

// isLasting tells failures that the same question meets again.
func isLasting(err error) bool {
	if errors.Is(err, net.ErrClosed) {
		return true
	}
	switch fault.ReasonOf(err) {
	case fault.Forbidden, fault.Unauthorized, fault.NoServicePort, fault.Usage, fault.Interrupted:
		return true
	}
	return false
}

func (r *Route) dialOnce(ctx context.Context) (net.Conn, error) {
	pod, target, err := r.next(ctx)
	if err != nil {
		return nil, err
	}
	attempt, cancel := context.WithTimeout(ctx, podPatience)
	defer cancel()
	conn, err := r.o.Dialer.DialTarget(attempt, target)
	if err != nil {
		if ctx.Err() == nil {
			r.blame(pod)
		}
		return nil, err
	}
	if !r.hasFailed(pod) {
		r.settle(pod)
	}
	return &routedConn{Conn: conn, works: func() { r.settle(pod) }, failed: func() { r.blame(pod) }}, nil
}

// settle stays with a pod that works, and says so once.
func (r *Route) settle(pod Pod) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.failed, pod.UID)
	if r.using != pod.UID {
		r.using = pod.UID
		r.o.Logf("forwarding to pod %s/%s", pod.Namespace, pod.Name)
	}
}

func (r *Route) hasFailed(pod Pod) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.failed[pod.UID].IsZero()
}

// Target is where the next connection goes.
func (r *Route) Target(ctx context.Context) (Target, error) {
	_, target, err := r.next(ctx)
	return target, err
}

// next chooses a pod from what is known, which is looked up first if nothing
// is, and beside it if it is old.
func (r *Route) next(ctx context.Context) (Pod, Target, error) {
	r.mu.Lock()
	known, old := r.known, r.o.Now().Sub(r.readAt) > routeAge
	r.mu.Unlock()
	if known == nil {
		if err := r.refresh(ctx); err != nil {
			return Pod{}, Target{}, err
		}
	} else if old {
		r.refreshBeside(ctx)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	pod, err := r.choose()
	if err != nil {
		return Pod{}, Target{}, err
	}
	target, err := r.known.Target(pod, r.o.Port)
	return pod, target, err
}

// choose takes the pod in use as long as it is ready and has not failed, then
// any other such, then the ready one that failed longest ago, then one that
// still serves while it shuts down, as kube-proxy does
// (https://kubernetes.io/docs/reference/networking/virtual-ips/#traffic-policies).
// r.mu is held.
func (r *Route) choose() (Pod, error) {
	var best *Pod
	for i := range r.known.Pods {
		pod := &r.known.Pods[i]
		if (pod.Ready || pod.Serving) && (best == nil || r.before(pod, best)) {
			best = pod
		}
	}
	if best == nil {
		object := r.known.Object
		return Pod{}, fault.New(fault.NoReadyPod, "kubectl get pods -n "+object.Namespace,
			"no pod behind Service %s/%s is ready (%d found)", object.Namespace, object.Name, len(r.known.Pods))
	}
	return *best, nil
}

func (r *Route) before(a, b *Pod) bool {
	if a.Ready != b.Ready {
		return a.Ready
	}
	aFailed, bFailed := r.failed[a.UID], r.failed[b.UID]
	if !aFailed.Equal(bFailed) {
		return aFailed.Before(bFailed)
	}
	return a.UID == r.using
}

// blame passes a pod over for a while.
func (r *Route) blame(pod Pod) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed[pod.UID] = r.o.Now()
	r.readAt = time.Time{} // look again soon
}

// refresh looks the Service up.
func (r *Route) refresh(ctx context.Context) error {
	found, err := r.o.Resolve(ctx)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.known, r.readAt = found, r.o.Now()
	for uid, at := range r.failed {
		if r.o.Now().Sub(at) > coolDown {
			delete(r.failed, uid)
		}
	}
	return nil
}

// refreshBeside looks the Service up without holding up the connection that
// noticed its age; one such look-up runs at a time.
func (r *Route) refreshBeside(ctx context.Context) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refreshing {
		return
	}
	r.refreshing = true
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), DefaultDialTimeout)
		defer cancel()
		err := r.refresh(ctx)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.refreshing = false
		if err != nil {
			r.readAt = r.o.Now() // not at every connection
		}
	}()
}

// routedConn reports a pod that turns out to work, or to be gone or not
// listening.
type routedConn struct {
	net.Conn
	answered      sync.Once
	works, failed func()
}

func (c *routedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.answered.Do(c.works)
	}
	if remote, ok := errors.AsType[*RemoteError](err); ok && (remote.Refused() || remote.Gone()) {
		c.failed()
	}
	return n, err
}

// CloseWrite half-closes the connection below.
func (c *routedConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}
