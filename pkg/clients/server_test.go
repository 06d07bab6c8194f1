package clients

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kftls/kubectl-kftls/pkg/ca"
)

// door notes the Cookie headers that it gets.
type door struct {
	*httptest.Server

	port   string
	caFile string // "" without TLS
	mu     sync.Mutex
	seen   []string
}

// newDoor serves on all loopback addresses that its certificate names, or on
// plain HTTP. /to?URL redirects.
func newDoor(t testing.TB, secure bool) *door {
	t.Helper()
	d := &door{}
	d.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.mu.Lock()
		d.seen = append(d.seen, strings.Join(r.Header.Values("Cookie"), " AND "))
		d.mu.Unlock()
		if r.URL.Path == "/to" {
			http.Redirect(w, r, r.URL.RawQuery, http.StatusFound)
			return
		}
		fmt.Fprintln(w, `{"multi_user":true}`)
	}))
	if secure {
		d.caFile = secureServer(t, d.Server)
		d.StartTLS()
	} else {
		d.Start()
	}
	t.Cleanup(d.Close)
	_, d.port, _ = net.SplitHostPort(d.Listener.Addr().String())
	return d
}

func secureServer(t testing.TB, s *httptest.Server) (caFile string) {
	t.Helper()
	authority, err := ca.NewAuthority(ca.AuthorityOptions{Permit: ca.DefaultNames()})
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := authority.NewLeaf(ca.LeafOptions{Names: ca.DefaultNames()})
	if err != nil {
		t.Fatal(err)
	}
	s.TLS = &tls.Config{Certificates: []tls.Certificate{{
		Certificate: [][]byte{leaf.Certificate.Raw}, PrivateKey: leaf.Key, Leaf: leaf.Certificate,
	}}}
	caFile = filepath.Join(t.TempDir(), "ca.crt")
	writeFile(t, caFile, string(authority.CertificatePEM()))
	return caFile
}

// at is an origin of the door under one of its names.
func (d *door) at(host string) string {
	scheme := "http"
	if d.caFile != "" {
		scheme = "https"
	}
	return scheme + "://" + net.JoinHostPort(host, d.port)
}

// took returns the Cookie headers since it was asked last.
func (d *door) took() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	seen := d.seen
	d.seen = nil
	return seen
}

// handover hands s over for the door under a name.
func (d *door) handover(host string, s string) Handover {
	session := plain()
	if s == "split" {
		session = split()
	}
	at := time.Now().Add(time.Hour)
	session.Expires = &at
	return Handover{URL: d.at(host), Session: session, CAFile: d.caFile, Secured: true, Program: "kubectl kftls"}
}

// need is the path of a program, without which a test does not run, and says so.
func need(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("NOT RUN %s: no %s on this machine", t.Name(), name)
	}
	return path
}

// needModule is Python with a module.
func needModule(t testing.TB, module string) string {
	t.Helper()
	python := need(t, "python3")
	if out, err := exec.CommandContext(t.Context(), python, "-c", "import "+module).CombinedOutput(); err != nil {
		t.Skipf("NOT RUN %s: python3 has no %s: %s", t.Name(), module, out)
	}
	return python
}

// run runs a program that must succeed, in an environment of its own: no proxy,
// no .curlrc and no .netrc of the machine's.
func run(t testing.TB, program string, args ...string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), program, args...)
	command.Env = []string{"PATH=" + os.Getenv("PATH"), "PYTHONPATH=" + os.Getenv("PYTHONPATH"), "HOME=" + t.TempDir()}
	var stderr strings.Builder
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s%s", program, args, err, out, stderr.String())
	}
	return string(out)
}
