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
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		sent := s.now()
		answer, err := next.RoundTrip(r)
		if err == nil {
			s.learn(answer.Header.Get("Date"), sent, s.now())
		}
		return answer, err
	})
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

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
