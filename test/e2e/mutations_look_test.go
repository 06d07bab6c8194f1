//go:build e2e && linux

package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/kftls/kubectl-kftls/test/faults"
	"github.com/kftls/kubectl-kftls/test/faults/judge"
	"github.com/kftls/kubectl-kftls/test/faults/mutate"
)

const healthz = "/apis/v2beta1/healthz"

var (
	// anySignIn is what somebody without a session gets.
	anySignIn = judge.Sign{Says: `Sign in|(?i)location: /dex/auth`}
	// closedDoor is no answer of the pipelines API.
	closedDoor = judge.Sign{Says: `^HTTP/\S+ (401|403|302)`}
	// insideTheDoor is what the dashboard gives to who is logged in.
	insideTheDoor = judge.Sign{Says: `^HTTP/\S+ 200`}
	// pipelinesAnswer is an answer of the pipelines API.
	pipelinesAnswer = judge.Sign{Says: `(?s)^HTTP/\S+ 200.*multi_user`}
)

// everyClient lets the clients look, each through a tunnel to the ingress
// Service, and says which of them are not well, and what to ask a diagnosis.
func (s *scene) everyClient(ctx context.Context) (broken, aim []string) {
	s.t.Helper()
	looks := []struct {
		what string
		look judge.Look
	}{
		{"http", judge.Look{URL: "http://localhost/", Through: 80, Well: anySignIn}},
		{"https", judge.Look{URL: "https://localhost/", Through: 443, CA: "ca.crt", Well: anySignIn}},
		{"https by requests", judge.Look{Client: "requests", URL: "https://localhost/", Through: 443, CA: "ca.crt", Well: anySignIn}},
		{"https without a session", judge.Look{URL: "https://localhost/pipeline" + healthz, Through: 443, CA: "ca.crt", Well: closedDoor}},
		{"https with any header", judge.Look{URL: "https://localhost/pipeline" + healthz, Through: 443, CA: "ca.crt", Args: []string{"-H", "Authorization: Basic eDp5"}, Well: closedDoor}},
	}
	found := make([]string, len(looks)+1)
	var all sync.WaitGroup
	for i, each := range looks {
		all.Go(func() { found[i] = s.notWell(ctx, each.what, each.look) })
	}
	cookie := filepath.Join(s.dir, "cookie")
	all.Go(func() {
		out, err := s.shell(ctx, "timeout 20 as user@example.com kubectl kftls cookie --fresh --approve --ca-file ca.crt >cookie.new && mv cookie.new cookie").CombinedOutput()
		if err != nil {
			_ = os.Remove(cookie)
			found[len(looks)] = fmt.Sprintf("login: %v %.300q", err, out)
		}
	})
	all.Wait()
	aim = []string{"--expect", "https", "--ca-file", "ca.crt"}
	if found[0] != "" && strings.Join(found[1:], "") == "" {
		aim = []string{"--expect", "http"}
	}
	if _, err := os.Stat(cookie); err == nil {
		if found[1] == "" {
			look := judge.Look{URL: "https://localhost/pipeline" + healthz, Through: 443, CA: "ca.crt", Cookie: "cookie", Well: pipelinesAnswer}
			found = append(found, s.notWell(ctx, "https with a session", look))
			look.URL, look.Well = "https://localhost/", insideTheDoor
			found = append(found, s.notWell(ctx, "the dashboard with a session", look))
		}
		aim = append(aim, "--cookie-file", "cookie")
	}
	for _, each := range found {
		if each != "" {
			broken = append(broken, each)
		}
	}
	return broken, aim
}

// notWell is what a client shows that is not well, empty if it is.
func (s *scene) notWell(ctx context.Context, what string, look judge.Look) string {
	where := s.surroundings()
	port, err := freePort()
	if err != nil {
		return err.Error()
	}
	where.Port = port
	answer, err := look.Try(ctx, where)
	if err == nil && look.Well.Shows(answer) {
		return ""
	}
	head, body, _ := strings.Cut(answer.Text, "\r\n\r\n")
	status, _, _ := strings.Cut(head, "\r\n")
	return fmt.Sprintf("%s: exit code %d, %.160q %.120q (%v)", what, answer.Exit, strings.TrimSpace(status), strings.TrimSpace(body), err)
}

// slip changes something that the user has in hand, and gives the client that
// looks with it.
func (s *scene) slip(ctx context.Context, r *rand.Rand, m *mutated) func() ([]string, []string) {
	s.t.Helper()
	s.login(ctx)
	s.forward(ctx, 443)
	client := mutate.Client{URL: "https://localhost:$PORT", Path: "/pipeline", CA: "ca.crt", Cookie: "cookie"}
	what, steps := client.Slip(r)
	m.target, m.what = "client", what
	if client.Env != nil {
		steps = append(steps, faults.Step{Env: client.Env})
	}
	s.steps(ctx, steps)
	aim := []string{client.URL}
	if client.Path != "/pipeline" {
		aim[0] += client.Path
	}
	aim = append(aim, "--expect", "pipelines", "--cookie-file", client.Cookie)
	if client.CA != "" {
		aim = append(aim, "--ca-file", client.CA)
	}
	look := judge.Look{URL: s.expand(client.URL) + client.Path + healthz, CA: client.CA, Cookie: client.Cookie, Well: pipelinesAnswer}
	return func() ([]string, []string) {
		if broken := s.notWell(ctx, "curl", look); broken != "" {
			return []string{broken}, aim
		}
		return nil, aim
	}
}
