//go:build e2e && linux

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kftls/kubectl-kftls/test/faults"
)

// diagnosisLimit is what a user waits for a diagnosis at most.
const diagnosisLimit = 5 * time.Second

// diagnosis is what is read of `kubectl kftls diagnose -o json`.
type diagnosis struct {
	APIVersion  string    `json:"apiVersion"`
	Kind        string    `json:"kind"`
	Healthy     bool      `json:"healthy"`
	Findings    []finding `json:"findings"`
	AlsoNoticed []finding `json:"alsoNoticed"`
	Checks      []struct {
		Code   string `json:"code"`
		Status string `json:"status"`
	} `json:"checks"`
}

// finding is what is read of one.
type finding struct {
	Code     string `json:"code"`
	Severity string `json:"severity"`
	Title    string `json:"title"`
	Cause    string `json:"cause"`
	Fix      struct {
		Kind     string   `json:"kind"`
		Commands []string `json:"commands"`
	} `json:"fix"`
	// Follows are the codes of what is there because of it.
	Follows []string `json:"follows"`
}

// readDiagnosis reads one, or the one beside the meaning of a pasted text.
func readDiagnosis(object []byte) (diagnosis, error) {
	var printed struct {
		diagnosis
		Beside json.RawMessage `json:"diagnosis"`
	}
	if err := json.Unmarshal(object, &printed); err != nil {
		return diagnosis{}, err
	}
	switch {
	case printed.Kind == "Diagnosis":
		return printed.diagnosis, nil
	case printed.Kind == "PastedText" && printed.Beside != nil:
		return readDiagnosis(printed.Beside)
	}
	return diagnosis{}, fmt.Errorf("a %q was printed", printed.Kind)
}

// first is the code of the first finding, empty if there is none.
func (d diagnosis) first() string {
	if len(d.Findings) == 0 {
		return ""
	}
	return d.Findings[0].Code
}

// alarm is the code of the first finding that says that something is broken,
// which a warning does not.
func (d diagnosis) alarm() string {
	for _, finding := range d.Findings {
		if finding.Severity == "error" || finding.Severity == "critical" {
			return finding.Code
		}
	}
	return ""
}

// named is what a diagnosis says to be the fault: its first finding, or where
// nothing is broken the first one that says that something is.
func (d diagnosis) named(fault faults.Fault) string {
	if fault.Code == "" {
		return d.alarm()
	}
	return d.first()
}

// notices tells whether a finding is there with such a cause; of what follows from
// another one only the code is told.
func (d diagnosis) notices(code string, cause *regexp.Regexp) bool {
	for _, finding := range slices.Concat(d.Findings, d.AlsoNoticed) {
		if finding.Code == code && cause.MatchString(finding.Cause) {
			return true
		}
		if cause.String() == "" && slices.Contains(finding.Follows, code) {
			return true
		}
	}
	return false
}

func (d diagnosis) codes() []string {
	var all []string
	for _, finding := range d.Findings {
		all = append(all, finding.Code)
	}
	return all
}

// diagnosed is a diagnosis as a program gives it.
type diagnosed struct {
	diagnosis
	exit   int
	took   time.Duration
	stdout string
	stderr string
}

func (a diagnosed) shown() string { return vault.redact(a.stdout + a.stderr) }

func hasDiagnose(t *testing.T) bool {
	t.Helper()
	out, err := exec.Command(builtProgram(t, "kubectl-kftls"), "diagnose", "--help").CombinedOutput()
	return err == nil && strings.Contains(string(out), "diagnose [")
}

// ask runs a diagnosis with certain rights.
func (s *scene) ask(ctx context.Context, who rights, aim []string) (diagnosed, error) {
	cmd := s.shell(ctx, `exec kubectl kftls diagnose -o json "$@"`)
	cmd.Args = append(cmd.Args, "kubectl")
	for _, arg := range aim {
		cmd.Args = append(cmd.Args, s.expand(arg))
	}
	if who != admin {
		cmd.Env = append(cmd.Env, "KUBECONFIG="+s.door.kubeconfigs[who]) // the last one counts
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	began := time.Now()
	err := cmd.Run()
	said := diagnosed{took: time.Since(began), stdout: stdout.String(), stderr: stderr.String()}
	// What was pasted may be repeated; a private key never was.
	vault.keep(place{name: "the diagnosis of " + s.fault.Name, text: said.stdout + said.stderr, allowed: anything})
	if cmd.ProcessState == nil {
		return said, err
	}
	said.exit = cmd.ProcessState.ExitCode()
	if said.diagnosis, err = readDiagnosis(stdout.Bytes()); err != nil {
		return said, fmt.Errorf("no diagnosis: %w\n%s", err, said.shown())
	}
	return said, nil
}

// diagnose runs the plugin on the fault, with all rights and with fewer, side by
// side, and compares what it finds first.
func (s *scene) diagnose(ctx context.Context, row *truthRow) {
	s.t.Helper()
	asked := s.asked()
	answers, errs := make([]diagnosed, len(asked)), make([]error, len(asked))
	var all sync.WaitGroup
	for i, who := range asked {
		all.Go(func() { answers[i], errs[i] = s.ask(ctx, who, s.fault.Aim) })
	}
	all.Wait()
	row.said = map[rights]diagnosed{}
	for i, who := range asked {
		s.check(errs[i])
		row.said[who] = answers[i]
		if who != admin {
			s.judgeRights(who, answers[i])
		}
	}
	said := row.said[admin]
	if len(said.Findings) > 0 {
		row.commands = said.Findings[0].Fix.Commands
		row.printed = s.fault.Fix == "printed" || s.fault.Fix == "" && said.Findings[0].Fix.Kind == "command" && len(row.commands) > 0
	}
	if !s.fault.Right(said.named(s.fault)) {
		s.t.Errorf("found %v, want %s first\n%s", said.codes(), s.fault.Code, said.shown())
	}
	for code, cause := range s.fault.Notices {
		if !said.notices(code, regexp.MustCompile(cause)) {
			s.t.Errorf("%s is not noticed as %q\n%s", code, cause, said.shown())
		}
	}
	for _, code := range s.fault.Silent {
		if said.notices(code, regexp.MustCompile("")) {
			s.t.Errorf("%s is noticed\n%s", code, said.shown())
		}
	}
	if said.took > diagnosisLimit {
		s.t.Errorf("it took %s, longer than %s", said.took, diagnosisLimit)
	}
	if said.exit != s.fault.WantedExit() {
		s.t.Errorf("exit code %d, want %d\n%s", said.exit, s.fault.WantedExit(), said.shown())
	}
}

// follow does what the diagnosis tells the user to do, in the user's shell: what
// is exported there holds for the client afterwards. A question is answered
// beforehand, by --yes, and a port-forward stays in the background.
func (s *scene) follow(ctx context.Context, commands []string) {
	s.t.Helper()
	if len(commands) == 0 {
		s.t.Fatal("the diagnosis prints no command")
	}
	var said strings.Builder
	for _, command := range commands {
		if strings.Contains(command, "port-forward") {
			s.background(ctx, command)
			continue
		}
		for _, asks := range []string{"setup", "teardown"} {
			if strings.HasPrefix(command, "kubectl kftls "+asks) && !strings.Contains(command, "--yes") {
				command += " --yes"
			}
		}
		s.t.Logf("$ %s", command)
		after := filepath.Join(s.dir, ".env-after")
		said.WriteString(s.run(ctx, command+"\nenv -0 >"+after))
		text, err := os.ReadFile(after)
		s.check(err)
		s.env = map[string]string{}
		for variable := range strings.SplitSeq(string(text), "\x00") {
			if name, value, ok := strings.Cut(variable, "="); ok && name != "_" && name != "PWD" && name != "SHLVL" {
				s.env[name] = value
			}
		}
	}
	if !regexp.MustCompile(s.fault.Prints).MatchString(said.String()) {
		s.t.Errorf("the printed commands do not say %q:\n%s", s.fault.Prints, vault.redact(said.String()))
	}
}

// background starts a command that runs until the scene ends.
func (s *scene) background(ctx context.Context, command string) {
	s.t.Helper()
	cmd := s.shell(context.WithoutCancel(ctx), "exec "+command)
	s.check(cmd.Start())
	done := make(chan struct{})
	go func() { _ = cmd.Wait(); close(done) }()
	s.ends[command] = func() { _ = cmd.Process.Kill(); <-done }
}
