//go:build e2e && linux

package e2e

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/kftls/kubectl-kftls/test/faults"
	"github.com/kftls/kubectl-kftls/test/faults/judge"
)

// scene is what a fault is made in: a folder, a home, variables, and what runs.
type scene struct {
	t     *testing.T
	door  *frontDoor
	fault faults.Fault
	dir   string
	env   map[string]string
	known map[string]string // the variables that stand in the fault's texts
	// before is what the cluster held before the fault was made.
	before objects
	port   int               // for the judge's own port-forward
	ends   map[string]func() // by local port
}

func (d *frontDoor) newScene(t *testing.T, fault faults.Fault) *scene {
	t.Helper()
	s := &scene{t: t, door: d, fault: fault, dir: t.TempDir(), env: map[string]string{}, before: d.baseline, ends: map[string]func(){}}
	home := filepath.Join(s.dir, ".home")
	programs, shipped := filepath.Join(s.dir, ".programs"), filepath.Join(s.dir, ".shipped-gateway.yaml")
	repository, err := filepath.Abs(filepath.Join("..", ".."))
	s.check(err)
	s.check(copyFolder(d.home(), home))
	s.check(writePeople(programs))
	s.check(writeShippedGateway(repository, d.bed.profile, shipped))
	if text, err := os.ReadFile(filepath.Join(d.home(), "ca.crt")); err == nil {
		s.check(os.WriteFile(filepath.Join(s.dir, "ca.crt"), text, 0o600))
	}
	pods, err := d.bed.gatewayAddresses()
	s.check(err)
	ports := make([]int, 3)
	for i := range ports {
		ports[i], err = freePort()
		s.check(err)
	}
	s.port = ports[2]
	s.known = map[string]string{
		"FIRST": pods[0], "SECOND": pods[1], "SHIPPED": shipped,
		"PORT": strconv.Itoa(ports[0]), "OTHER": strconv.Itoa(ports[1]),
		"KUBECONFIG": d.bed.kubeconfig, "TESTBED": d.bed.program + " --dir " + d.bed.dir,
		// An Envoy keeps a certificate that it once had under a name.
		"SECRET": fmt.Sprintf("fault-%d-%d", os.Getpid(), d.count),
	}
	maps.Copy(s.env, s.known)
	maps.Copy(s.env, map[string]string{
		"HOME": home, "KFTLS_HOME": filepath.Join(home, "kftls"), "KUBECONFIG": d.bed.kubeconfig,
		"PATH": programs + ":" + d.bed.path, "LANG": "C.UTF-8", "TERM": "xterm",
	})
	return s
}

func (s *scene) check(err error) {
	if err != nil {
		s.t.Helper()
		s.t.Fatal(err)
	}
}

// expand puts the known variables into a text; what else looks like one stays.
func (s *scene) expand(text string) string {
	return os.Expand(text, func(name string) string {
		if value, ok := s.known[name]; ok {
			return value
		}
		return "$" + name
	})
}

func (s *scene) environment() []string {
	var all []string
	for name, value := range s.env {
		if value != "" {
			all = append(all, name+"="+value)
		}
	}
	slices.Sort(all)
	return all
}

func (s *scene) surroundings() judge.Surroundings {
	return judge.Surroundings{Dir: s.dir, Env: s.environment(), Gateway: s.known["FIRST"], Port: s.port}
}

// shell prepares a line for sh, in the scene's folder.
func (s *scene) shell(ctx context.Context, line string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "sh", "-c", line)
	cmd.Dir, cmd.Env = s.dir, s.environment()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

func (s *scene) run(ctx context.Context, line string) string {
	s.t.Helper()
	out, err := s.shell(ctx, line).CombinedOutput()
	if err != nil {
		s.t.Fatalf("%s: %v\n%s", line, err, vault.redact(string(out)))
	}
	return string(out)
}

// login writes a session's Cookie header value to the file cookie. A login that
// an earlier fault made is taken again if it still holds.
func (s *scene) login(ctx context.Context) {
	s.t.Helper()
	s.run(ctx, `as user@example.com kubectl kftls cookie >cookie`)
	s.check(copyFolder(s.env["KFTLS_HOME"], filepath.Join(s.door.home(), "kftls")))
}

// copyFolder puts a folder in place of another one. os.CopyFS makes all files
// readable by others, which the plugin refuses for keys.
func copyFolder(from, to string) error {
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	if out, err := exec.Command("cp", "-a", from, to).CombinedOutput(); err != nil {
		return fmt.Errorf("copy %s: %w: %s", from, err, out)
	}
	return nil
}

// settle waits until the fault is in force.
func (s *scene) settle() {
	s.t.Helper()
	switch how := s.fault.Settle; how {
	case "none":
	case "wait":
		s.testbed("wait")
	case "roll":
		s.testbed("gateway roll")
	default:
		s.testbed(how)
	}
}

// testbed runs the testbed's program, and looks again where the gateways are.
func (s *scene) testbed(line string) {
	s.t.Helper()
	args := strings.Fields(line)
	s.door.bed.must(s.t, args...)
	if args[0] == "wait" {
		return
	}
	pods, err := s.door.bed.gatewayAddresses()
	s.check(err)
	s.known["FIRST"], s.known["SECOND"] = pods[0], pods[1]
}

// restore puts every object back as it was before the fault, and waits until it is in force.
func (s *scene) restore(ctx context.Context) {
	s.t.Helper()
	s.check(s.door.bed.putBack(ctx, s.before))
	_, err := s.door.bed.settled()
	s.check(err)
	s.testbed("wait")
}

func (s *scene) end() {
	for _, end := range s.ends {
		end()
	}
}
