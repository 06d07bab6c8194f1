package cluster

import (
	"errors"
	"net/http"
	"testing"
	"time"
)

func TestServerClock(t *testing.T) {
	noon := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	tests := []struct {
		name           string
		date           string
		sent, received time.Time
		want           time.Duration
		known          bool
	}{
		{"in step", "Thu, 01 Jan 2026 12:00:00 GMT", noon, noon.Add(time.Second), 0, true},
		{"the middle of the exchange counts", "Thu, 01 Jan 2026 12:00:05 GMT", noon, noon.Add(11 * time.Second), 0, true},
		{"ahead", "Thu, 01 Jan 2026 14:00:00 GMT", noon, noon.Add(time.Second), 2 * time.Hour, true},
		{"behind", "Wed, 31 Dec 2025 12:00:00 GMT", noon, noon.Add(time.Second), -24 * time.Hour, true},
		{"no Date", "", noon, noon, 0, false},
		{"no date", "yesterday", noon, noon, 0, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			clock := &serverClock{}
			clock.learn(test.date, test.sent, test.received)
			if got, known := clock.offset(); got != test.want || known != test.known {
				t.Errorf("got %s, %v", got, known)
			}
		})
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestServerClockKeepsTheFirstAnswer(t *testing.T) {
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	clock := &serverClock{now: func() time.Time { return now }}
	dates := []string{"", "Thu, 01 Jan 2026 12:00:30 GMT", "Thu, 01 Jan 2026 18:00:00 GMT"}
	client := clock.watch(roundTripper(func(*http.Request) (*http.Response, error) {
		if len(dates) == 0 {
			return nil, errors.New("no answer")
		}
		answer := &http.Response{Header: http.Header{"Date": {dates[0]}}}
		dates = dates[1:]
		return answer, nil
	}))
	for range 4 {
		_, _ = client.RoundTrip(nil)
	}
	if got, known := clock.offset(); got != 30*time.Second+500*time.Millisecond || !known {
		t.Errorf("got %s, %v", got, known)
	}
}
