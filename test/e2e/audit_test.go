//go:build e2e && linux

package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/rogpeppe/go-internal/testscript"
	"k8s.io/client-go/rest"
)

// The user agents in the audit log: the plugin's, and this harness's.
const (
	pluginAgent  = "kubectl-kftls/"
	harnessAgent = "kftls-stories"
)

// auditEvent is what is read of an event
// (https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/).
type auditEvent struct {
	AuditID    string
	Stage      string
	RequestURI string
	Verb       string
	UserAgent  string
	ObjectRef  struct{ Resource, Subresource, APIGroup string }
	// RequestObject is there for deletions.
	RequestObject struct{ DryRun []string }
}

func (e auditEvent) isDryRun() bool {
	return strings.Contains(e.RequestURI, "dryRun=All") || len(e.RequestObject.DryRun) > 0
}

// writes tells requests that change what the cluster keeps. Opening a tunnel
// and asking for one's rights and name are POSTs, but change nothing.
func (e auditEvent) writes() bool {
	return slices.Contains([]string{"create", "update", "patch", "delete", "deletecollection"}, e.Verb) &&
		e.ObjectRef.Subresource != "portforward" && e.ObjectRef.APIGroup != "authorization.k8s.io" && e.ObjectRef.APIGroup != "authentication.k8s.io"
}

func cmdAudit(ts *testscript.TestScript, neg bool, args []string) {
	s := storyOf(ts)
	if !neg && len(args) == 1 && args[0] == "mark" {
		mark, err := s.bed.markAudit()
		ts.Check(err)
		s.mark = mark
		return
	}
	if neg || len(args) != 2 {
		ts.Fatalf("usage: audit mark, audit requests|writes|tries N")
	}
	asked, err := s.bed.askedSince(s.mark)
	ts.Check(err)
	limit := number(ts, args[1])
	counted := slices.DeleteFunc(asked, func(e auditEvent) bool {
		switch args[0] {
		case "writes":
			return !e.writes() || e.isDryRun()
		case "tries":
			return !e.writes() || !e.isDryRun()
		}
		return false
	})
	for _, e := range counted {
		fmt.Fprintf(ts.Stdout(), "%s %s\n", e.Verb, e.RequestURI)
	}
	if n := len(counted); n > limit || args[0] != "requests" && n != limit {
		ts.Fatalf("%d %s, want %d", n, args[0], limit)
	}
}

var marks atomic.Int64

// markAudit sends a request that can be found in the audit log, and waits until
// it is there: all that was answered before stands above it.
func (bed *testbed) markAudit() (string, error) {
	client, err := rest.HTTPClientFor(bed.config)
	if err != nil {
		return "", err
	}
	mark := fmt.Sprintf("mark-%d-%d", os.Getpid(), marks.Add(1))
	ctx, cancel := context.WithTimeout(context.Background(), waitLimit)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, bed.server+"/version?story="+mark, nil)
	if err != nil {
		return "", err
	}
	answer, err := client.Do(request)
	if err != nil {
		return "", err
	}
	_ = answer.Body.Close()
	var readErr error
	found := wait(waitLimit, func() bool {
		text, err := os.ReadFile(bed.audit)
		readErr = err
		return bytes.Contains(text, []byte(mark))
	})
	if !found {
		return "", fmt.Errorf("the audit log %s does not show the request with %s: %w", bed.audit, mark, readErr)
	}
	return mark, nil
}

// askedSince returns what the plugin asked since the mark, each request once.
func (bed *testbed) askedSince(mark string) ([]auditEvent, error) {
	if mark == "" {
		return nil, errors.New("no audit mark in this story yet")
	}
	if _, err := bed.markAudit(); err != nil {
		return nil, err
	}
	file, err := os.Open(bed.audit)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var asked []auditEvent
	seen, begun := map[string]bool{}, false
	lines := bufio.NewReader(file)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			break // the last line may be under way
		}
		var e auditEvent
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, fmt.Errorf("audit log: %w", err)
		}
		if strings.Contains(e.RequestURI, "story="+mark) {
			begun, asked = true, nil
			continue
		}
		if begun && strings.HasPrefix(e.UserAgent, pluginAgent) && !seen[e.AuditID] {
			seen[e.AuditID] = true
			asked = append(asked, e)
		}
	}
	if !begun {
		return nil, fmt.Errorf("the mark %s is not in the audit log", mark)
	}
	return asked, nil
}
