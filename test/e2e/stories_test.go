//go:build e2e && linux

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// storyLimit ends a story that hangs.
const storyLimit = 3 * time.Minute

func TestStories(t *testing.T) {
	bed := openTestbed(t, "")
	t.Run("no other cluster is touched", bed.testDecoys)
	bed.tell(t, "changing")
	if testing.Short() {
		fmt.Printf("NOT RUN %d long stories: they are left to make test-all\n", len(storyFiles(t, "long")))
	} else {
		bed.tell(t, "long")
	}
	t.Run("side by side", func(t *testing.T) {
		for _, file := range storyFiles(t, "looking") {
			bed.story(t, file, (*testing.T).Parallel)
		}
	})
	t.Run("no secret is left", func(t *testing.T) { vault.requireNone(t, bed) })
}

// TestReleases tells the stories of other Kubeflow releases, each on a testbed
// of its own.
func TestReleases(t *testing.T) {
	for _, profile := range []string{"kubeflow-1.9.0", "kubeflow-1.8"} {
		t.Run(profile, func(t *testing.T) {
			bed := openTestbed(t, profile)
			bed.tell(t, profile)
			t.Run("no secret is left", func(t *testing.T) { vault.requireNone(t, bed) })
		})
	}
}

// tell tells the stories of a folder one after the other, and wants each to
// leave the cluster as it was.
func (bed *testbed) tell(t *testing.T, folder string) {
	shipped := bed.snapshot(t)
	for _, file := range storyFiles(t, folder) {
		bed.story(t, file, func(t *testing.T) {
			t.Cleanup(func() { bed.requireShipped(t, shipped) })
		})
	}
	t.Cleanup(func() {
		if !t.Failed() {
			bed.requireShipped(t, shipped)
		}
	})
}

func storyFiles(t *testing.T, folder string) []string {
	files, err := filepath.Glob(filepath.Join("testdata", folder, "*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no stories in %s (%v)", folder, err)
	}
	return files
}

// story runs one script as a test of its own; begin is called in it first.
func (bed *testbed) story(t *testing.T, file string, begin func(*testing.T)) {
	testscript.RunT(stage{T: t, begin: begin}, testscript.Params{
		Files:               []string{file},
		Setup:               bed.prepare,
		Condition:           condition,
		Cmds:                commands,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Deadline:            time.Now().Add(storyLimit),
	})
}

// stage is testscript's view of a test. Unlike testscript's own, it leaves it
// to begin whether stories run side by side.
type stage struct {
	*testing.T
	begin func(*testing.T)
}

func (s stage) Parallel() { s.begin(s.T) }

// Verbose asks testscript for all that was printed: it is searched for secrets.
func (s stage) Verbose() bool { return true }

func (s stage) Run(name string, f func(testscript.T)) {
	s.T.Run(name, func(t *testing.T) { f(stage{t, s.begin}) })
}

// Log passes on what a story did, with sessions and passwords hidden, unless it
// shows a private key: nothing that the plugin prints may hold one.
func (s stage) Log(args ...any) {
	s.T.Helper()
	text := fmt.Sprint(args...)
	if showsKey(text) {
		s.T.Error("a private key was printed; the story's log is kept back")
		return
	}
	vault.keepLog(s.T.Name(), text)
	if testing.Verbose() || s.T.Failed() {
		s.T.Log(vault.redact(text))
	}
}

// keyMarks begin a private key, in PEM and as it looks in the base64 of a
// Secret: PKCS #8, SEC 1 and PKCS #1.
var keyMarks = []string{
	"PRIVATE KEY-----",
	"LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0t",
	"LS0tLS1CRUdJTiBFQyBQUklWQVRFIEtFWS0tLS0t",
	"LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVktLS0tL",
}

func showsKey(text string) bool {
	for _, mark := range keyMarks {
		if strings.Contains(text, mark) {
			return true
		}
	}
	return false
}

// prepare gives a story folders, a PATH and a kubeconfig of its own. Nothing of
// the user's environment gets in.
func (bed *testbed) prepare(env *testscript.Env) error {
	home := filepath.Join(env.WorkDir, ".home")
	if err := os.MkdirAll(home, 0o700); err != nil {
		return err
	}
	repository, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		return err
	}
	shipped := filepath.Join(env.WorkDir, ".shipped-gateway.yaml")
	if err := writeShippedGateway(repository, bed.profile, shipped); err != nil {
		return err
	}
	programs := filepath.Join(env.WorkDir, ".programs")
	if err := writePeople(programs); err != nil {
		return err
	}
	pods, err := bed.gatewayAddresses()
	if err != nil {
		return err
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	plain, err := freePort()
	if err != nil {
		return err
	}
	for _, variable := range [][2]string{
		{"HOME", home},
		{"KFTLS_HOME", filepath.Join(home, "kftls")},
		{"KUBECONFIG", bed.kubeconfig},
		{"PATH", programs + ":" + bed.path},
		{"LANG", "C.UTF-8"},
		{"TERM", "xterm"},
		{"FIRST", pods[0]},
		{"SECOND", pods[1]},
		{"SERVER", bed.server},
		{"SHIPPED", shipped},
		{"PORT", strconv.Itoa(port)},
		{"PLAIN", strconv.Itoa(plain)},
		{"REPOSITORY", repository},
	} {
		env.Setenv(variable[0], variable[1])
	}
	running := &story{bed: bed, processes: map[string]*process{}, doubles: map[string]double{}, visitors: map[string]*visitor{}}
	env.Values[storyKey{}] = running
	env.Defer(func() {
		running.end()
		vault.leave(env.WorkDir)
	})
	return nil
}

// writeShippedGateway takes the Gateway out of the profile's file, in which
// other objects stand beside it.
func writeShippedGateway(repository, release, file string) error {
	profile := filepath.Join(repository, "test", "testbed", "profiles", release, "kubeflow-gateway.yaml")
	text, err := os.ReadFile(profile)
	if err != nil {
		return err
	}
	for document := range strings.SplitSeq(string(text), "\n---\n") {
		if strings.Contains(document, "\nkind: Gateway\n") {
			return os.WriteFile(file, []byte(document), 0o600)
		}
	}
	return fmt.Errorf("no Gateway in %s", profile)
}
