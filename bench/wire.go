package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"time"
)

// accessLine begins a line of Envoy's access log.
var accessLine = regexp.MustCompile(`(?m)^\[[^\]]+\] "[A-Z]+ (\S+) HTTP/[0-9.]+" [0-9]+ `)

// atGateway counts the requests that arrive at the gateway pods while do runs,
// in their access logs: nobody is asked how many requests he sent.
func (b *testbed) atGateway(ctx context.Context, do func(context.Context) error) (int, error) {
	if err := b.mark(ctx, "/bench-begin"); err != nil {
		return 0, err
	}
	if err := do(ctx); err != nil {
		return 0, err
	}
	if err := b.mark(ctx, "/bench-end"); err != nil {
		return 0, err
	}
	count := 0
	for _, log := range b.accessLogs {
		text, err := os.ReadFile(log)
		if err != nil {
			return 0, err
		}
		since := string(text)[strings.LastIndex(string(text), `"GET /bench-begin`):]
		count += len(accessLine.FindAllString(since, -1)) - 1 // the end's mark; the begin's is cut
	}
	return count, nil
}

// mark asks every replica for a path of its own, and waits until the access log
// shows it once more: all that was answered before stands above it.
func (b *testbed) mark(ctx context.Context, path string) error {
	ctx, cancel := context.WithTimeout(ctx, probeLimit)
	defer cancel()
	for i, address := range b.gateways {
		before, err := b.shown(i, path)
		if err != nil {
			return err
		}
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+":8080"+path, nil)
		if err != nil {
			return err
		}
		answer, err := http.DefaultTransport.RoundTrip(request)
		if err != nil {
			return err
		}
		_ = answer.Body.Close()
		for now := before; now == before; {
			select {
			case <-ctx.Done():
				return fmt.Errorf("the access log of %s does not show %s", address, path)
			case <-time.After(probePause):
			}
			if now, err = b.shown(i, path); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *testbed) shown(replica int, path string) (int, error) {
	text, err := os.ReadFile(b.accessLogs[replica])
	return strings.Count(string(text), `"GET `+path+" "), err
}
