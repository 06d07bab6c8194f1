//go:build e2e && linux

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/kftls/kubectl-kftls/test/e2e/clients"
)

// story is what a running script holds beside its files.
type story struct {
	bed       *testbed
	processes map[string]*process
	doubles   map[string]double
	visitors  map[string]*visitor
	mark      string // of the audit log
	wireMark  string // of the gateways' access logs
}

type storyKey struct{}

func storyOf(ts *testscript.TestScript) *story { return ts.Value(storyKey{}).(*story) }

// end stops what a story left running.
func (s *story) end() {
	for _, p := range s.processes {
		p.kill()
	}
	for _, d := range s.doubles {
		d.close()
	}
	for _, v := range s.visitors {
		_ = v.close() // the story has failed already, or has closed it
	}
}

var commands = map[string]func(ts *testscript.TestScript, neg bool, args []string){
	"code":         cmdCode,
	"until":        cmdUntil,
	"start":        cmdStart,
	"says":         cmdSays,
	"signal":       cmdSignal,
	"ended":        cmdEnded,
	"terminal":     cmdTerminal,
	"tls":          cmdTLS,
	"remember":     cmdRemember,
	"unchanged":    cmdUnchanged,
	"clients":      cmdClients,
	"reset":        cmdReset,
	"testbed":      cmdTestbed,
	"audit":        cmdAudit,
	"kubeconfig":   cmdKubeconfig,
	"apiproxy":     cmdAPIProxy,
	"held":         cmdHeld,
	"release":      cmdRelease,
	"fakeapi":      cmdFakeAPI,
	"askedfakeapi": cmdAskedFakeAPI,
	"webhook":      cmdWebhook,
	"notrun":       cmdNotRun,
	"wire":         cmdWire,
	"planted":      cmdPlanted,
	"http2":        cmdHTTP2,
}

// condition answers what scripts ask in brackets.
func condition(name string) (bool, error) {
	switch name {
	case "ipv6":
		return hasIPv6(), nil
	case "lessroot":
		return canDropRights(), nil
	case "root":
		return os.Geteuid() == 0, nil
	case "roots":
		_, err := os.Stat("/etc/ssl/certs/ca-certificates.crt")
		return err == nil, nil
	case "snapshot":
		return hasSnapshot(), nil
	}
	return false, errors.New("unknown condition")
}

// hasSnapshot tells whether dist/ holds a release of the present commit, and
// bin/ the krew that installs it.
func hasSnapshot() bool {
	root := filepath.Join("..", "..")
	said, err := os.ReadFile(filepath.Join(root, "dist", "metadata.json"))
	if err != nil {
		return false
	}
	var release struct{ Commit string }
	commit, gitErr := exec.Command("git", "-C", root, "rev-parse", "HEAD").Output()
	_, krewErr := os.Stat(filepath.Join(root, "bin", "krew"))
	return json.Unmarshal(said, &release) == nil && gitErr == nil && krewErr == nil &&
		release.Commit == strings.TrimSpace(string(commit))
}

// canDropRights tells whether root can become one for whom permissions count.
var canDropRights = sync.OnceValue(func() bool {
	return os.Geteuid() == 0 && exec.Command("setpriv", "--bounding-set", "-dac_override,-dac_read_search", "true").Run() == nil
})

var hasIPv6 = sync.OnceValue(func() bool {
	listener, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		return false
	}
	_ = listener.Close()
	return true
})

// cmdNotRun prints the line that the runner of all checks counts.
func cmdNotRun(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: notrun NAME WHY")
	}
	fmt.Printf("NOT RUN %s: %s\n", args[0], args[1])
	ts.Logf("NOT RUN %s: %s", args[0], args[1])
}

// cmdCode runs a program and compares its exit code.
func cmdCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N PROGRAM [ARG...]")
	}
	wanted := number(ts, args[0])
	err := ts.Exec(args[1], args[2:]...)
	if got := exitCode(ts, err); got != wanted {
		ts.Fatalf("exit code %d, want %d", got, wanted)
	}
}

func number(ts *testscript.TestScript, text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		ts.Fatalf("%q is not a number", text)
	}
	return n
}

// exitCode is that of a finished program, -1 when a signal ended it.
func exitCode(ts *testscript.TestScript, err error) int {
	if err == nil {
		return 0
	}
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		ts.Fatalf("%v", err)
	}
	return exit.ExitCode()
}

// cmdClients tries real clients; those that this machine lacks are named.
func cmdClients(ts *testscript.TestScript, neg bool, args []string) {
	ctx, cancel := context.WithTimeout(context.Background(), storyLimit)
	defer cancel()
	var out strings.Builder
	code := clients.Main(ctx, ts.MkAbs("."), args, &out)
	fmt.Fprint(ts.Stdout(), out.String())
	for line := range strings.Lines(out.String()) {
		if strings.HasPrefix(line, "NOT RUN ") {
			fmt.Print(line)
		}
	}
	if neg || code != 0 {
		ts.Fatalf("clients: exit code %d", code)
	}
}

// Waits look again at this pace, and give up after the limit.
const (
	pace      = 50 * time.Millisecond
	waitLimit = 20 * time.Second
)

// wait asks again and again until done says yes, and returns whether it did.
func wait(limit time.Duration, done func() bool) bool {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	ticker := time.NewTicker(pace)
	defer ticker.Stop()
	for !done() {
		select {
		case <-ctx.Done():
			return done()
		case <-ticker.C:
		}
	}
	return true
}

func cmdUntil(ts *testscript.TestScript, neg bool, args []string) {
	wantFailure := neg
	if len(args) > 0 && args[0] == "!" {
		wantFailure, args = true, args[1:]
	}
	if len(args) == 0 {
		ts.Fatalf("usage: until [!] PROGRAM [ARG...]")
	}
	began := time.Now()
	if !wait(waitLimit, func() bool { return (ts.Exec(args[0], args[1:]...) != nil) == wantFailure }) {
		ts.Fatalf("not within %s", waitLimit)
	}
	ts.Logf("after %s", time.Since(began).Round(time.Millisecond))
}

// cmdTestbed runs the testbed's program on this story's testbed.
func cmdTestbed(ts *testscript.TestScript, neg bool, args []string) {
	out, err := storyOf(ts).bed.run(args...)
	fmt.Fprint(ts.Stdout(), out)
	if (err != nil) != neg {
		ts.Fatalf("testbed %s: %v", strings.Join(args, " "), err)
	}
}

func cmdReset(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: reset")
	}
	cmdTestbed(ts, false, []string{"reset"})
}
