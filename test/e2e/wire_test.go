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
	"time"

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
		ts.Fatalf("usage: wire mark, wire requests N[+] [REGEXP]")
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
	least, isLeast := strings.CutSuffix(args[1], "+")
	if limit := number(ts, least); len(counted) < limit || len(counted) > limit && !isLeast {
		ts.Fatalf("%d requests, want %s:\n%s", len(counted), args[1], strings.Join(seen, "\n"))
	}
}

const wireMarkPath = "/story-mark-"

// markWire sends each gateway pod a request that can be found in its access
// log, and waits until it is there. A pod that is about to go may take the
// first one: then it is sent again, to those that are there by then.
func (bed *testbed) markWire() (string, error) {
	mark := fmt.Sprintf("%s%d-%d", wireMarkPath, os.Getpid(), marks.Add(1))
	var missing string
	arrived := func() bool {
		status, err := bed.settled()
		for _, gateway := range status.Gateways {
			if err == nil {
				err = sendMark(strings.TrimSuffix(gateway, "/") + mark)
			}
		}
		if missing = fmt.Sprint(err); err != nil {
			return false
		}
		return wait(markLimit, func() bool {
			missing = logWithout(mark, status.gatewayLogs())
			return missing == ""
		})
	}
	if !wait(waitLimit, arrived) {
		return "", fmt.Errorf("the gateways do not show %s: %s", mark, missing)
	}
	return mark, nil
}

// markLimit is far above the 50 ms after which Envoy writes its log.
const markLimit = 3 * time.Second

func sendMark(url string) error {
	ctx, cancel := context.WithTimeout(context.Background(), markLimit)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	request.Close = true
	answer, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		return err
	}
	return answer.Body.Close()
}

// logWithout is the first of the logs in which the mark is not, "" for none.
func logWithout(mark string, logs []string) string {
	for _, log := range logs {
		if seen, err := os.ReadFile(log); err != nil || !bytes.Contains(seen, []byte(mark)) {
			return fmt.Sprintf("it is not in %s (%v)", log, err)
		}
	}
	return ""
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
