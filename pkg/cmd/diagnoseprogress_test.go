//go:build !windows

package cmd

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/kftls/kubectl-kftls/pkg/diagnose"
	"github.com/kftls/kubectl-kftls/pkg/ui"
)

// TestDiagnoseProgress: a terminal shows what is waited for and what was found
// before the end, in one line that is gone then.
func TestDiagnoseProgress(t *testing.T) {
	master, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	if err := pty.Setsize(tty, &pty.Winsize{Rows: 25, Cols: 200}); err != nil {
		t.Fatal(err)
	}
	p := &diagnoseProgress{ui: ui.New(ui.Streams{In: tty, Out: tty, Err: tty}, func(name string) string {
		return map[string]string{"TERM": "xterm", "LANG": "C.UTF-8"}[name]
	})}
	p.Waiting(diagnose.StageCluster)
	p.Checked(diagnose.Check{Code: "KFT104"}, diagnose.Result{Status: diagnose.Passed})
	found := diagnose.Finding{Code: "KFT303", Cause: "there is no Secret a/b", Severity: diagnose.Error}
	p.Checked(diagnose.Check{Code: "KFT303"}, diagnose.Result{Status: diagnose.Found, Finding: &found})
	p.Waiting(diagnose.StageWire)
	p.end()
	if _, err := tty.WriteString("the picture"); err != nil {
		t.Fatal(err)
	}
	const want = "… Look at the cluster" +
		"\r\x1b[K… Look at the cluster: checks so far: 1" +
		"\r\x1b[K… Look at the cluster: checks so far: 2; found: KFT303 there is no Secret a/b" +
		"\r\x1b[K… Look at the wire" +
		"\r\x1b[K… Look at the wire: checks so far: 2; found: KFT303 there is no Secret a/b" +
		"\r\x1b[Kthe picture"
	if got := readUntil(t, master, "the picture"); got != want {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
}

// readUntil reads what a terminal shows, up to a text.
func readUntil(t *testing.T, master *os.File, text string) string {
	t.Helper()
	if err := master.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Logf("no limit for reading: %v", err)
	}
	var all string
	buffer := make([]byte, 4096)
	for !strings.Contains(all, text) {
		n, err := master.Read(buffer)
		if err != nil {
			t.Fatalf("%v after %q", err, all)
		}
		all += string(buffer[:n])
	}
	return all
}
