package cluster

import (
	"net/http"
	"sync"
	"time"
)

// serverClock learns the API server's time from the Date header of its answers.
type serverClock struct {
	now func() time.Time

	mu    sync.Mutex
	known bool
	ahead time.Duration
}

// watch wraps a transport so that the first answer tells the time.
func (s *serverClock) watch(next http.RoundTripper) http.RoundTripper {
	return &clockTransport{next: next, clock: s}
}

type clockTransport struct {
	next  http.RoundTripper
	clock *serverClock
}

// WrappedRoundTripper implements k8s.io/apimachinery's net.RoundTripperWrapper.
// client-go cancels requests by the transport inside, and logs that it cannot
// where there is none.
func (t *clockTransport) WrappedRoundTripper() http.RoundTripper { return t.next }

// RoundTrip implements http.RoundTripper.
func (t *clockTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	sent := t.clock.now()
	answer, err := t.next.RoundTrip(r)
	if err == nil {
		t.clock.learn(answer.Header.Get("Date"), sent, t.clock.now())
	}
	return answer, err
}

// learn compares a Date header, which is cut to whole seconds, with the middle
// of the exchange. Half a second is added for what the cut took away.
func (s *serverClock) learn(date string, sent, received time.Time) {
	server, err := http.ParseTime(date)
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known {
		return
	}
	middle := sent.Add(received.Sub(sent) / 2)
	s.known, s.ahead = true, server.Add(500*time.Millisecond).Sub(middle)
}

func (s *serverClock) offset() (time.Duration, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ahead, s.known
}
