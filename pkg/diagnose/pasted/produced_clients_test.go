//go:build linux

package pasted_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kftls/kubectl-kftls/test/browsers"
)

// trial is one request.
type trial struct {
	url, proxy, caFile string
	// fetch lets Node take fetch, which follows redirects and reads JSON.
	fetch bool
	// bad tells that the CA file is what is wrong.
	bad bool
}

// patience is how long a client waits for an answer.
const patience = "5"

// program is a client of this machine.
type program struct {
	// table is the program whose texts it writes, and as what findings call it, if
	// not by its name.
	table, name, as string
	// measured is the version whose texts are to be those of the tables, version
	// the one that is here.
	measured, version string
	say               func(t *testing.T, x trial) string
}

// programs are those that are here; the others are named.
func programs(t *testing.T) []program {
	t.Helper()
	var found []program
	for _, p := range []struct {
		program
		command string
		args    []string
		run     func(t *testing.T, path string, x trial) string
	}{
		{program{table: "curl", name: "curl", measured: "curl 7.88"}, "curl", []string{"--version"}, sayCurl},
		{program{table: "Python", name: "Python requests", measured: "Python 3.11"}, "python3", []string{"-c", "import sys, requests; print('Python', sys.version)"}, sayPython},
		{program{table: "Node", name: "Node", measured: "v20"}, "node", []string{"--version"}, sayNode},
		{program{table: "wget or git", name: "wget", measured: "GNU Wget 1.21"}, "wget", []string{"--version"}, sayWget},
		{program{table: "wget or git", name: "git", measured: "git version 2.39"}, "git", []string{"--version"}, sayGit},
	} {
		path, err := exec.LookPath(p.command)
		var out []byte
		if err == nil {
			out, err = exec.CommandContext(t.Context(), path, p.args...).Output()
		}
		if err != nil {
			t.Logf("NOT RUN %s with %s: it is not on this machine", t.Name(), p.name)
			continue
		}
		p.version, _, _ = strings.Cut(string(out), "\n")
		run := p.run
		p.say = func(t *testing.T, x trial) string { return run(t, path, x) }
		found = append(found, p.program)
	}
	return append(found, program{table: "Go", name: "Go", measured: "go1.26", version: runtime.Version(), say: sayGo})
}

// run returns all that a client writes.
func run(t *testing.T, x trial, env []string, path string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "PYENV_ROOT=" + os.Getenv("PYENV_ROOT"), "LC_ALL=C"}, env...)
	if x.proxy != "" {
		cmd.Env = append(cmd.Env, "HTTPS_PROXY="+x.proxy, "https_proxy="+x.proxy)
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = time.Second // git's child holds the pipe
	_ = cmd.Run()               // what it wrote is compared
	if ctx.Err() != nil {
		t.Errorf("%s %s did not end", path, x.url)
	}
	return out.String()
}

func sayCurl(t *testing.T, path string, x trial) string {
	t.Helper()
	args := []string{"-sSi", "-L", "--max-time", patience}
	if x.caFile != "" {
		args = append(args, "--cacert", x.caFile)
	}
	return run(t, x, nil, path, append(args, x.url)...)
}

func sayPython(t *testing.T, path string, x trial) string {
	t.Helper()
	return run(t, x, bundle("REQUESTS_CA_BUNDLE", x.caFile), path, "testdata/clients/client.py", x.url, patience)
}

func sayNode(t *testing.T, path string, x trial) string {
	t.Helper()
	way := "https"
	if x.fetch {
		way = "fetch"
	}
	return run(t, x, bundle("NODE_EXTRA_CA_CERTS", x.caFile), path, "testdata/clients/client.mjs", x.url, patience, way)
}

func sayWget(t *testing.T, path string, x trial) string {
	t.Helper()
	args := []string{"-O", "-", "--tries=1", "--timeout=" + patience}
	if x.caFile != "" {
		args = append(args, "--ca-certificate="+x.caFile)
	}
	return run(t, x, nil, path, append(args, x.url)...)
}

func sayGit(t *testing.T, path string, x trial) string {
	t.Helper()
	env := append(bundle("GIT_SSL_CAINFO", x.caFile), "GIT_TERMINAL_PROMPT=0", "GIT_HTTP_LOW_SPEED_LIMIT=1", "GIT_HTTP_LOW_SPEED_TIME=1")
	return run(t, x, env, path, "ls-remote", x.url)
}

func bundle(variable, caFile string) []string {
	if caFile == "" {
		return nil
	}
	return []string{variable + "=" + caFile}
}

func sayGo(t *testing.T, x trial) string {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}}
	defer transport.CloseIdleConnections()
	if x.caFile != "" {
		transport.TLSClientConfig.RootCAs = x509.NewCertPool()
		if text, err := os.ReadFile(x.caFile); err == nil {
			transport.TLSClientConfig.RootCAs.AppendCertsFromPEM(text)
		}
	}
	if x.proxy != "" {
		proxy, err := url.Parse(x.proxy)
		if err != nil {
			t.Fatal(err)
		}
		transport.Proxy = http.ProxyURL(proxy)
	}
	client := &http.Client{Transport: transport, Timeout: 5 * time.Second}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, x.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := client.Do(request)
	if err != nil {
		return err.Error()
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return err.Error()
	}
	said := fmt.Sprintf("%s %s\n%s", answer.Proto, answer.Status, body)
	if err := json.Unmarshal(body, new(any)); err != nil {
		said += "\n" + err.Error()
	}
	return said
}

// sayBrowser is a browser as a program. It is started once: what is trusted is
// its own.
func sayBrowser(t *testing.T, table, name, measured, command string, start func(path, home string) (browsers.Browser, error)) (program, bool) {
	t.Helper()
	path, err := exec.LookPath(command)
	if err != nil {
		t.Logf("NOT RUN %s with %s: it is not on this machine", t.Name(), table)
		return program{}, false
	}
	b, err := start(path, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	out, err := exec.CommandContext(t.Context(), path, "--version").Output()
	if err != nil {
		t.Fatal(err)
	}
	p := program{table: table, name: name, as: "browser", measured: measured, version: strings.TrimSpace(string(out))}
	var mu sync.Mutex // it goes to one page at a time
	p.say = func(t *testing.T, x trial) string {
		t.Helper()
		mu.Lock()
		defer mu.Unlock()
		code, err := b.Open(t.Context(), x.url)
		if err != nil {
			return err.Error()
		}
		return code
	}
	return p, true
}

// trust puts the CAs of a file into a browser's database.
func trust(t *testing.T, dir, trusted string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(trusted)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; ; i++ {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			return
		}
		cmd := exec.CommandContext(t.Context(), "certutil", "-d", "sql:"+dir, "-A", "-t", "C,,", "-n", fmt.Sprint("CA ", i))
		cmd.Stdin = bytes.NewReader(block.Bytes)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("certutil: %v\n%s", err, out)
		}
	}
}

func openBrowsers(t *testing.T, trusted string) []program {
	t.Helper()
	if _, err := exec.LookPath("certutil"); err != nil {
		t.Logf("NOT RUN %s with browsers: no certutil (libnss3-tools) on this machine", t.Name())
		return nil
	}
	var found []program
	if p, ok := sayBrowser(t, "Chrome or Edge", "Chromium", "Chromium 156", "chromium", func(path, home string) (browsers.Browser, error) {
		trust(t, filepath.Join(home, ".pki", "nssdb"), trusted)
		return browsers.Chromium(t.Context(), path, home, "")
	}); ok {
		found = append(found, p)
	}
	if p, ok := sayBrowser(t, "Firefox", "Firefox", "Mozilla Firefox 153", "firefox-esr", func(path, home string) (browsers.Browser, error) {
		profile := filepath.Join(home, "profile")
		trust(t, profile, trusted)
		return browsers.Firefox(t.Context(), path, home, profile)
	}); ok {
		found = append(found, p)
	}
	return found
}
