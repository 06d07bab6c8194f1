//go:build e2e && linux

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// The access log that Envoy writes: `[time] "METHOD PATH PROTOCOL" STATUS …`.
var accessLine = regexp.MustCompile(`^\[[^\]]+\] "([A-Z]+) (\S+) HTTP/[0-9.]+" ([0-9]+) `)

// cmdWire counts what arrived at the gateway pods, whoever sent it: it is the
// gateway that says so, and not the plugin.
func cmdWire(ts *testscript.TestScript, neg bool, args []string) {
	s := storyOf(ts)
	if !neg && len(args) == 1 && args[0] == "mark" {
		mark, err := s.bed.markWire()
		ts.Check(err)
		s.wireMark = mark
		return
	}
	if neg || len(args) < 2 || len(args) > 3 || args[0] != "requests" {
		ts.Fatalf("usage: wire mark, wire requests N [REGEXP]")
	}
	wanted := regexp.MustCompile("")
	if len(args) == 3 {
		wanted = regexp.MustCompile(args[2])
	}
	seen, err := s.bed.wireSince(s.wireMark)
	ts.Check(err)
	for _, request := range seen {
		fmt.Fprintln(ts.Stdout(), request)
	}
	counted := slices.DeleteFunc(slices.Clone(seen), func(r string) bool { return !wanted.MatchString(r) })
	if limit := number(ts, args[1]); len(counted) != limit {
		ts.Fatalf("%d requests, want %d:\n%s", len(counted), limit, strings.Join(seen, "\n"))
	}
}

const wireMarkPath = "/story-mark-"

// markWire sends each gateway pod a request that can be found in its access
// log, and waits until it is there.
func (bed *testbed) markWire() (string, error) {
	status, err := bed.settled()
	if err != nil {
		return "", err
	}
	mark := fmt.Sprintf("%s%d-%d", wireMarkPath, os.Getpid(), marks.Add(1))
	ctx, cancel := context.WithTimeout(context.Background(), waitLimit)
	defer cancel()
	for _, gateway := range status.Gateways {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(gateway, "/")+mark, nil)
		if err != nil {
			return "", err
		}
		request.Close = true
		answer, err := http.DefaultTransport.RoundTrip(request)
		if err != nil {
			return "", err
		}
		_ = answer.Body.Close()
	}
	var seen []byte
	arrived := func() bool {
		for _, log := range status.gatewayLogs() {
			if seen, err = os.ReadFile(log); err != nil || !bytes.Contains(seen, []byte(mark)) {
				return false
			}
		}
		return true
	}
	if !wait(waitLimit, arrived) {
		return "", fmt.Errorf("a gateway's access log does not show %s (%w)", mark, err)
	}
	return mark, nil
}

// wireSince returns "METHOD PATH STATUS" of every request since the mark, pod by
// pod, without queries.
func (bed *testbed) wireSince(mark string) ([]string, error) {
	if mark == "" {
		return nil, errors.New("no wire mark in this story yet")
	}
	if _, err := bed.markWire(); err != nil {
		return nil, err
	}
	status, err := bed.status()
	if err != nil {
		return nil, err
	}
	var seen []string
	for _, log := range status.gatewayLogs() {
		text, err := os.ReadFile(log)
		if err != nil {
			return nil, err
		}
		begun := false
		for line := range strings.Lines(string(text)) {
			found := accessLine.FindStringSubmatch(line)
			if found == nil {
				continue
			}
			path, _, _ := strings.Cut(found[2], "?")
			switch {
			case path == mark:
				begun = true
			case begun && !strings.HasPrefix(path, wireMarkPath):
				seen = append(seen, found[1]+" "+path+" "+found[3])
			}
		}
		if !begun {
			return nil, fmt.Errorf("the mark %s is not in %s", mark, log)
		}
	}
	return seen, nil
}
