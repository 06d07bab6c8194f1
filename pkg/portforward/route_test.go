package portforward_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/portforward"
)

// fleet is a Service whose pods a test changes.
type fleet struct {
	mu      sync.Mutex
	pods    []portforward.Pod
	err     error
	lookups atomic.Int32
}

func (f *fleet) set(err error, pods ...portforward.Pod) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pods, f.err = pods, err
}

func (f *fleet) resolve(context.Context) (*portforward.Service, error) {
	f.lookups.Add(1)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return nil, f.err
	}
	return &portforward.Service{Object: ingressService(), Pods: f.pods}, nil
}

func gatewayPod(name string) portforward.Pod {
	return pod(name, true, true, false, map[int32]uint16{80: 8080, 443: 8443})
}

func newRoute(f *fleet, d portforward.Dialer) *portforward.Route {
	return portforward.NewRoute(portforward.RouteOptions{Resolve: f.resolve, Dialer: d, Port: "443"})
}

// named answers with the pod's name.
func named(name string) func(net.Conn) {
	return func(conn net.Conn) {
		_, _ = conn.Read(make([]byte, 1))
		_, _ = io.WriteString(conn, name)
	}
}

// ask sends a request through the listener and returns the name of the pod.
func ask(t *testing.T, l *portforward.Listener) (string, error) {
	t.Helper()
	conn, err := net.Dial("tcp", l.Addresses()[0].String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	_, _ = io.WriteString(conn, "?")
	name := make([]byte, len("one"))
	_, err = io.ReadFull(conn, name)
	return string(name), err
}

// TestRouteLeavesDeadPods: the client never sees that the pod it was sent to
// has died, whichever way that shows.
func TestRouteLeavesDeadPods(t *testing.T) {
	for name, kill := range map[string]func(c *chain){
		"the process died":   func(c *chain) { c.forgetBackend("one", 8443) },
		"the pod is deleted": func(c *chain) { c.RemovePod("one") },
		"deleted, and the connection to its node too": func(c *chain) {
			c.RemovePod("one")
			c.relay.Cut()
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newChain(t)
			c.Backend("one", 8443, named("one"))
			c.Backend("two", 8443, named("two"))
			f := &fleet{}
			f.set(nil, gatewayPod("one"), gatewayPod("two"))
			l := listen(t, "127.0.0.1")
			reported := serve(t, l, newRoute(f, c.Dialer(portforward.Auto)).Dial)
			for _, want := range []string{"one", "one"} {
				if got, err := ask(t, l); got != want || err != nil {
					t.Fatalf("answered by %q, %v, want %q", got, err, want)
				}
			}
			kill(c)
			for range 3 {
				if got, err := ask(t, l); got != "two" || err != nil {
					t.Errorf("answered by %q, %v, want two", got, err)
				}
			}
			for len(reported) > 0 {
				// The end of a client just before the cut may be seen after it.
				if err := <-reported; !errors.Is(err, portforward.ErrLost) {
					t.Errorf("reported: %v", err)
				}
			}
		})
	}
}

// forgetBackend makes a port refuse connections.
func (c *chain) forgetBackend(pod string, port uint16) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.backends, fmt.Sprintf("%s:%d", pod, port))
}

// TestRouteWaitsForAPod: with one replica there is a moment without any.
func TestRouteWaitsForAPod(t *testing.T) {
	c := newChain(t)
	f := &fleet{}
	f.set(nil, pod("old", false, false, true, map[int32]uint16{443: 8443}))
	route := newRoute(f, c.Dialer(portforward.Auto))
	answered := make(chan error, 1)
	go func() {
		conn, err := route.Dial(t.Context())
		if err == nil {
			err = tryExchange(conn, "hello")
			_ = conn.Close()
		}
		answered <- err
	}()
	waitFor(t, func() bool { return f.lookups.Load() >= 2 })
	c.Backend("new", 8443, echo)
	f.set(nil, gatewayPod("new"))
	if err := <-answered; err != nil {
		t.Error(err)
	}
}

// waitFor looks until a condition holds.
func waitFor(t *testing.T, holds func() bool) {
	t.Helper()
	limit := time.After(20 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-limit:
			t.Fatal("waited 20 s in vain")
		case <-tick.C:
		}
	}
}

func TestRouteErrors(t *testing.T) {
	c := newChain(t)
	refuse := fault.New(fault.Forbidden, "", "you may not")
	for name, tc := range map[string]struct {
		err  error
		pods []portforward.Pod
		port string
		want fault.Reason
	}{
		"no right":    {err: refuse, port: "443", want: fault.Forbidden},
		"no port":     {pods: []portforward.Pod{gatewayPod("one")}, port: "22", want: fault.NoServicePort},
		"no pod":      {port: "443", want: fault.NoReadyPod},
		"no ready":    {pods: []portforward.Pod{pod("one", false, false, false, nil)}, port: "443", want: fault.NoReadyPod},
		"no such pod": {pods: []portforward.Pod{gatewayPod("away")}, port: "443", want: fault.NotFound},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fleet{}
			f.set(tc.err, tc.pods...)
			route := portforward.NewRoute(portforward.RouteOptions{Resolve: f.resolve, Dialer: c.Dialer(portforward.Auto), Port: tc.port})
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			defer cancel()
			if _, err := route.Dial(ctx); fault.ReasonOf(err) != tc.want {
				t.Errorf("reason %q, want %q: %v", fault.ReasonOf(err), tc.want, err)
			}
		})
	}
}

// TestRouteForbiddenAtOnce: waiting does not grant a right.
func TestRouteForbiddenAtOnce(t *testing.T) {
	c := newChain(t)
	c.answer = func(*http.Request) (int, []byte) { return 403, nil }
	f := &fleet{}
	f.set(nil, gatewayPod("one"))
	_, err := newRoute(f, c.Dialer(portforward.Auto)).Dial(t.Context())
	if fault.ReasonOf(err) != fault.Forbidden {
		t.Errorf("reason %q: %v", fault.ReasonOf(err), err)
	}
	if got := c.gets.Load() + c.posts.Load(); got != 2 {
		t.Errorf("%d requests, want one by WebSocket and one by SPDY", got)
	}
}

// TestRouteLooksBesideTheConnection: an old answer is used, and renewed.
func TestRouteLooksBesideTheConnection(t *testing.T) {
	c := newChain(t)
	c.Backend("one", 8443, named("one"))
	f := &fleet{}
	f.set(nil, gatewayPod("one"))
	var mu sync.Mutex
	now := time.Now()
	clock := func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	route := portforward.NewRoute(portforward.RouteOptions{
		Resolve: f.resolve, Dialer: c.Dialer(portforward.Auto), Port: "https", Now: clock,
	})
	for range 5 {
		target, err := route.Target(t.Context())
		if err != nil || target.Port != 8443 {
			t.Fatalf("target %v, %v", target, err)
		}
	}
	if got := f.lookups.Load(); got != 1 {
		t.Errorf("%d look-ups for 5 questions in one moment, want 1", got)
	}
	mu.Lock()
	now = now.Add(time.Minute)
	mu.Unlock()
	f.set(errors.New("the API server is away"))
	if target, err := route.Target(t.Context()); err != nil || target.Pod != "one" {
		t.Errorf("target %v, %v: an old answer is better than none", target, err)
	}
	waitFor(t, func() bool { return f.lookups.Load() == 2 })
}
