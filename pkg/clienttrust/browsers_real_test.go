//go:build linux

package clienttrust

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/kftls/kubectl-kftls/test/browsers"
)

// TestPredictionsAgainstTheBrowsers opens the servers in the browsers of this
// machine, once with the CA file in their databases and once without.
func TestPredictionsAgainstTheBrowsers(t *testing.T) {
	list, inFile := scenarios(t)
	for _, name := range browserNames {
		t.Run(name, func(t *testing.T) {
			trusting, others := newWindow(t, name), newWindow(t, name)
			for i, e := range inFile {
				trusting.add(t, fmt.Sprint("CA ", i), writePEM(t, e))
			}
			for _, s := range list {
				w := others
				if s.trusted {
					w = trusting
				}
				if !s.core && testing.Short() {
					continue
				}
				address := "https://" + net.JoinHostPort(s.host, serve(t, s.certificate())) + "/"
				w.compare(t, s, address)
			}
		})
	}
}

// TestFixesOfTheBrowsers runs what a Fix says, as it is printed, for a user who
// has no database yet.
func TestFixesOfTheBrowsers(t *testing.T) {
	root := newCA(t, "test root", nil)
	s := scenario{name: "fixed", host: byName, served: []*entity{newLeaf(t, root), root}}
	caFile := writePEM(t, root)
	for _, name := range browserNames {
		t.Run(name, func(t *testing.T) {
			w := newWindow(t, name)
			address := "https://" + net.JoinHostPort(s.host, serve(t, s.certificate())) + "/"
			v := w.predict(t, s, caFile)
			if !v.Known || v.Accepts || v.Fix == "" {
				t.Fatalf("before: %+v", v)
			}
			fix := exec.CommandContext(t.Context(), "sh", "-c", v.Fix)
			if out, err := fix.CombinedOutput(); err != nil {
				t.Fatalf("%s: %v\n%s", v.Fix, err, out)
			}
			if v := w.predict(t, s, caFile); !v.Accepts {
				t.Errorf("after: %+v", v)
			}
			w.compare(t, s, address)
		})
	}
}

var browserNames = []string{"Chromium", "Firefox"}

// window is a browser with a home of its own. It is started at the first page,
// after what its database is to hold was put there.
type window struct {
	computer      *computer
	name          string
	program       string
	home, profile string
	open          browsers.Browser
}

func newWindow(t *testing.T, name string) *window {
	t.Helper()
	c := newComputer(t)
	w := &window{computer: c, name: name, home: c.vars["HOME"]}
	if w.client(t) == nil {
		t.Skipf("NOT RUN %s: no %s on this machine", t.Name(), name)
	}
	if _, err := exec.LookPath("certutil"); err != nil {
		t.Skipf("NOT RUN %s: no certutil (libnss3-tools) on this machine", t.Name())
	}
	for _, program := range []string{"chromium", "firefox-esr", "firefox"} {
		if path, err := exec.LookPath(program); err == nil && (name == "Chromium") == (program == "chromium") {
			w.program = path
			break
		}
	}
	if name == "Firefox" {
		w.profile = filepath.Join(w.home, "profile")
		ini := filepath.Join(w.home, ".mozilla", "firefox", "profiles.ini")
		for _, dir := range []string{w.profile, filepath.Dir(ini)} {
			if err := os.MkdirAll(dir, 0o700); err != nil {
				t.Fatal(err)
			}
		}
		text := "[Profile0]\nName=test\nIsRelative=0\nPath=" + w.profile + "\nDefault=1\n"
		if err := os.WriteFile(ini, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// client is the browser as Find sees it now, nil if it is not installed.
func (w *window) client(t *testing.T) *Client {
	t.Helper()
	f := &finder{env: w.computer.get, lookPath: exec.LookPath, files: &files{}}
	clients := f.browsers(t.Context())
	if i := slices.IndexFunc(clients, func(c Client) bool { return c.Name == w.name }); i >= 0 {
		return &clients[i]
	}
	return nil
}

// add puts a CA where the browser looks for it.
func (w *window) add(t *testing.T, name, caFile string) {
	t.Helper()
	dir := w.profile
	if dir == "" {
		dir = filepath.Join(w.home, ".pki", "nssdb")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "certutil", "-d", "sql:"+dir, "-A", "-t", "C,,", "-n", name, "-i", caFile)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("certutil: %v\n%s", err, out)
	}
}

func (w *window) predict(t *testing.T, s scenario, caFile string) Verdict {
	t.Helper()
	return Predict([]Client{*w.client(t)}, s.chain(), s.host, caFile, time.Now())[0]
}

// compare opens the address.
func (w *window) compare(t *testing.T, s scenario, address string) {
	t.Helper()
	if w.open == nil {
		w.start(t)
	}
	predicted := w.predict(t, s, "")
	code, err := w.open.Open(t.Context(), address)
	switch {
	case err != nil:
		t.Fatalf("%s: %v", s.name, err)
	case !predicted.Known:
		t.Errorf("%s: unknown: %s", s.name, predicted.Why)
	case predicted.Accepts != (code == ""), predicted.Text != code:
		t.Errorf("%s: predicted %t %q (%s), shown %q", s.name, predicted.Accepts, predicted.Text, predicted.Cause, code)
	}
}

func (w *window) start(t *testing.T) {
	t.Helper()
	var err error
	if w.name == "Firefox" {
		w.open, err = browsers.Firefox(context.Background(), w.program, w.home, w.profile)
	} else {
		w.open, err = browsers.Chromium(context.Background(), w.program, w.home, "")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.open.Close(); err != nil {
			t.Error(err)
		}
	})
}
