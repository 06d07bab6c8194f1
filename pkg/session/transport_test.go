package session

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

// roundTrip is a road that fails.
type roundTrip struct{ err error }

func (r roundTrip) RoundTrip(*http.Request) (*http.Response, error) { return nil, r.err }

func checkAt(t *testing.T, address string, road http.RoundTripper) error {
	t.Helper()
	origin, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	err = (&Client{Door: Door{Origin: origin, Transport: road}}).Check(context.Background(), good())
	return err
}

func TestTransportFailures(t *testing.T) {
	overTLS := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(overTLS.Close)
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	asHTTPS := strings.Replace(plain.URL, "http:", "https:", 1)
	tests := []struct {
		name    string
		address string
		road    http.RoundTripper
		want    fault.Reason
	}{
		{"unknown CA", overTLS.URL, http.DefaultTransport, fault.Certificate},
		{"no TLS", asHTTPS, http.DefaultTransport, fault.Certificate},
		{"nobody listens", gone.URL, http.DefaultTransport, fault.Unreachable},
		{"too slow", plain.URL, roundTrip{context.DeadlineExceeded}, fault.Timeout},
		{"the road's own failure", plain.URL, roundTrip{fmt.Errorf("dial: %w", fault.New(fault.NoReadyPod, "hint", "no pod"))}, fault.NoReadyPod},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := checkAt(t, test.address, test.road)
			if fault.ReasonOf(err) != test.want || fault.HintOf(err) == "" {
				t.Errorf("got %q %v (%s), want %s", fault.ReasonOf(err), err, fault.HintOf(err), test.want)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("%q tells the cookie", err)
			}
		})
	}
}

func TestEndOfTheContextIsPassedOn(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	why := errors.New("the user went away")
	cancel(why)
	origin := &url.URL{Scheme: "http", Host: "localhost"}
	err := (&Client{Door: Door{Origin: origin, Transport: roundTrip{context.Canceled}}}).Check(ctx, nil)
	if !errors.Is(err, why) {
		t.Error(err)
	}
}
