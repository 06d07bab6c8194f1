//go:build e2e && linux

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// diagnosisLimit is what a user waits for a diagnosis at most.
const diagnosisLimit = 5 * time.Second

// diagnosis is what is read of `kubectl kftls diagnose -o json`.
type diagnosis struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Findings   []struct {
		Code  string `json:"code"`
		Title string `json:"title"`
		Fix   struct {
			Kind     string   `json:"kind"`
			Commands []string `json:"commands"`
		} `json:"fix"`
	} `json:"findings"`
}

func hasDiagnose(t *testing.T) bool {
	t.Helper()
	out, err := exec.Command(builtProgram(t, "kubectl-kftls"), "diagnose", "--help").CombinedOutput()
	return err == nil && strings.Contains(string(out), "diagnose [")
}

// diagnose runs the plugin on the fault and compares what it finds first.
func (s *scene) diagnose(ctx context.Context, row *truthRow) {
	s.t.Helper()
	args := []string{"kftls", "diagnose", "-o", "json"}
	for _, arg := range s.fault.Aim {
		args = append(args, s.expand(arg))
	}
	cmd := s.shell(ctx, `exec kubectl "$@"`)
	cmd.Args = append(append(cmd.Args, "kubectl"), args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	began := time.Now()
	err := cmd.Run()
	row.took = time.Since(began)
	if cmd.ProcessState == nil {
		s.t.Fatal(err)
	}
	var said diagnosis
	if err := json.Unmarshal(stdout.Bytes(), &said); err != nil || said.Kind != "Diagnosis" {
		s.t.Fatalf("no diagnosis: %v\n%s%s", err, vault.redact(stdout.String()), vault.redact(stderr.String()))
	}
	shown := func() string { return vault.redact(stdout.String() + stderr.String()) }
	for _, finding := range said.Findings {
		row.codes = append(row.codes, finding.Code)
	}
	first := ""
	if len(said.Findings) > 0 {
		first, row.commands = said.Findings[0].Code, said.Findings[0].Fix.Commands
		row.printed = s.fault.Fix == "printed" || s.fault.Fix == "" && said.Findings[0].Fix.Kind == "command" && len(row.commands) > 0
	}
	if !s.fault.Right(first) {
		s.t.Errorf("found %v, want %s first\n%s", row.codes, s.fault.Code, shown())
	}
	if row.took > diagnosisLimit {
		s.t.Errorf("it took %s, longer than %s", row.took, diagnosisLimit)
	}
	if got := cmd.ProcessState.ExitCode(); got != s.fault.WantedExit() {
		s.t.Errorf("exit code %d, want %d\n%s", got, s.fault.WantedExit(), shown())
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
		s.run(ctx, command+"\nenv -0 >"+after)
		text, err := os.ReadFile(after)
		s.check(err)
		s.env = map[string]string{}
		for variable := range strings.SplitSeq(string(text), "\x00") {
			if name, value, ok := strings.Cut(variable, "="); ok && name != "_" && name != "PWD" && name != "SHLVL" {
				s.env[name] = value
			}
		}
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
