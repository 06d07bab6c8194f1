package cmd

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kftls/kubectl-kftls/pkg/session"
	"github.com/kftls/kubectl-kftls/pkg/state"
	"github.com/kftls/kubectl-kftls/pkg/ui"
)

// wantedCookie is what the Kubeflow of these tests lets in.
const wantedCookie = "oauth2_proxy_kubeflow=s3cr3t|value=="

// kubeflow plays one: with a login that knows one session, or an open one.
func kubeflow(t *testing.T, isOpen bool) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if !isOpen && r.Header.Get("Cookie") != wantedCookie {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprintln(w, "{}")
			return
		}
		fmt.Fprint(w, `{"apiServerReady":true,"multi_user":true}`)
	}))
	t.Cleanup(server.Close)
	return server
}

// child is what TestRunChild found.
type child struct {
	Env        map[string]string
	Status     int
	Body       string
	CookieMode os.FileMode
	Cookies    string
}

// TestRunChild is the command that the other tests run.
func TestRunChild(_ *testing.T) {
	if os.Getenv("KFTLS_TEST_CHILD") == "" {
		return
	}
	found := child{Env: map[string]string{}}
	for _, entry := range os.Environ() {
		name, value, _ := strings.Cut(entry, "=")
		found.Env[name] = value
	}
	pool := x509.NewCertPool()
	if pem, err := os.ReadFile(os.Getenv("KFTLS_CA_FILE")); err == nil {
		pool.AppendCertsFromPEM(pem)
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	response, err := client.Get(os.Getenv("KFTLS_URL") + "/pipeline/apis/v2beta1/healthz")
	if err != nil {
		found.Body = err.Error()
	} else {
		body, _ := io.ReadAll(response.Body)
		found.Status, found.Body = response.StatusCode, string(body)
	}
	if info, err := os.Stat(os.Getenv("KFTLS_COOKIE_FILE")); err == nil {
		found.CookieMode = info.Mode().Perm()
		text, _ := os.ReadFile(os.Getenv("KFTLS_COOKIE_FILE"))
		found.Cookies = string(text)
	}
	_ = json.NewEncoder(os.Stdout).Encode(found)
	os.Exit(0)
}

// runner runs `run` with a home and an environment of its own.
type runner struct {
	home, url string
	out, err  bytes.Buffer
}

// newRunner has a stored session for a URL, unless s is nil.
func newRunner(t *testing.T, url string, s *session.Session) *runner {
	t.Helper()
	r := &runner{home: t.TempDir(), url: url}
	if s == nil {
		return r
	}
	sessions := r.sessions(t)
	data, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	if err := sessions.Save(state.SessionID{Endpoint: url, Login: loginOf(s)}, data); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *runner) sessions(t *testing.T) *state.Sessions {
	t.Helper()
	home, err := state.Open(r.home, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	sessions, err := home.Sessions(t.Context(), state.StorageFile, nil)
	if err != nil {
		t.Fatal(err)
	}
	return sessions
}

func (r *runner) run(t *testing.T, args ...string) int {
	t.Helper()
	r.out.Reset()
	r.err.Reset()
	env := Environment{
		Get: func(name string) string { return map[string]string{"KFTLS_HOME": r.home}[name] },
		All: func() []string {
			return []string{"KFTLS_TEST_CHILD=1", "PATH=" + os.Getenv("PATH"), "KFTLS_PASSWORD=planted", "KFTLS_LOGIN=planted"}
		},
	}
	line := append([]string{"kubectl-kftls", "run", "--session-storage", "file", "--url", r.url}, args...)
	return Run(t.Context(), line, ui.Streams{In: strings.NewReader("typed"), Out: &r.out, Err: &r.err}, env)
}

// child runs TestRunChild.
func (r *runner) child(t *testing.T, flags ...string) child {
	t.Helper()
	code := r.run(t, append(flags, "--", os.Args[0], "-test.run=^TestRunChild$")...)
	var found child
	if err := json.Unmarshal(r.out.Bytes(), &found); err != nil || code != 0 {
		t.Fatalf("code %d, %v:\n%s%s", code, err, r.out.String(), r.err.String())
	}
	return found
}

func alice(origin string) *session.Session {
	name, value, _ := strings.Cut(wantedCookie, "=")
	return &session.Session{
		Origin: origin, Login: "alice@example.com", User: "alice@example.com", Obtained: time.Now(),
		Cookies: []session.Cookie{{Name: name, Value: value}},
	}
}

func TestRun(t *testing.T) {
	server := kubeflow(t, false)
	r := newRunner(t, server.URL, alice(server.URL))
	for _, plain := range []bool{false, true} {
		flags, scheme := []string{}, "https"
		if plain {
			flags, scheme = []string{"--http"}, "http"
		}
		found := r.child(t, flags...)
		if found.Status != http.StatusOK || !strings.Contains(found.Body, "multi_user") {
			t.Errorf("%s: the command got %d, %s", scheme, found.Status, found.Body)
		}
		env := found.Env
		if !strings.HasPrefix(env["KFTLS_URL"], scheme+"://localhost:") || env["KF_PIPELINES_ENDPOINT"] != env["KFTLS_URL"]+"/pipeline" {
			t.Errorf("KFTLS_URL %q, KF_PIPELINES_ENDPOINT %q", env["KFTLS_URL"], env["KF_PIPELINES_ENDPOINT"])
		}
		if hasCA := env["KFTLS_CA_FILE"] != "" && env["SSL_CERT_FILE"] != ""; hasCA == plain {
			t.Errorf("%s: KFTLS_CA_FILE %q", scheme, env["KFTLS_CA_FILE"])
		}
		if env["KFTLS_PASSWORD"] != "" || env["KFTLS_LOGIN"] != "" {
			t.Error("the command got login or password")
		}
		if found.CookieMode != 0o600 || !strings.Contains(found.Cookies, "\toauth2_proxy_kubeflow\ts3cr3t|value==") {
			t.Errorf("cookie file: mode %o, %q", found.CookieMode, found.Cookies)
		}
		if left, _ := filepath.Glob(filepath.Join(r.home, "runs", "run-*")); len(left) != 0 {
			t.Errorf("left behind: %q", left)
		}
	}
	if said := r.err.String(); strings.Contains(said, "s3cr3t") {
		t.Errorf("stderr: %s", said)
	}
}

func TestRunAtAnOpenKubeflow(t *testing.T) {
	server := kubeflow(t, true)
	found := newRunner(t, server.URL, nil).child(t)
	if found.Status != http.StatusOK || found.Env["KFTLS_COOKIE_FILE"] != "" {
		t.Errorf("the command got %d, and the cookie file %q", found.Status, found.Env["KFTLS_COOKIE_FILE"])
	}
}

func TestRunExitCodes(t *testing.T) {
	server := kubeflow(t, true)
	plain := filepath.Join(t.TempDir(), "plain.txt")
	if err := os.WriteFile(plain, []byte("no program"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		args []string
		code int
		said string
	}{
		"its own":               {[]string{"--", "sh", "-c", "exit 7"}, 7, ""},
		"none":                  {[]string{"--", "sh", "-c", "exit 0"}, 0, ""},
		"by a signal":           {[]string{"--", "sh", "-c", "kill -TERM $$"}, 143, ""},
		"without the dashes":    {[]string{"sh", "-c", "exit 3"}, 3, ""},
		"no such command":       {[]string{"--", "no-such-command"}, 127, `no command "no-such-command"`},
		"no such file":          {[]string{"--", plain + ".none"}, 127, "no such file"},
		"not executable":        {[]string{"--", plain}, 126, "permission denied"},
		"no command":            {nil, 2, "there is no command to run"},
		"a flag that is none":   {[]string{"--no-such", "--", "true"}, 2, "unknown flag"},
		"a value that is none":  {[]string{"--min-validity", "-1s", "--", "true"}, 2, "negative"},
		"nothing answers there": {[]string{"--url", "http://127.0.0.1:1", "--", "true"}, 125, "connection refused"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRunner(t, server.URL, nil)
			if code := r.run(t, tc.args...); code != tc.code || !strings.Contains(r.err.String(), tc.said) {
				t.Errorf("code %d, stderr %q; want code %d and %q", code, r.err.String(), tc.code, tc.said)
			}
			if tc.said == "" && r.err.String() != "" {
				t.Errorf("stderr %q", r.err.String())
			}
		})
	}
}

// TestRunNeedsALogin: without a terminal nobody can be asked.
func TestRunNeedsALogin(t *testing.T) {
	server := kubeflow(t, false)
	r := newRunner(t, server.URL, nil)
	if code := r.run(t, "--", "sh", "-c", "exit 0"); code != exitNotStarted || !strings.HasPrefix(r.err.String(), "error: ") {
		t.Errorf("code %d, stderr %q", code, r.err.String())
	}
}

func TestRunPassesStdin(t *testing.T) {
	server := kubeflow(t, true)
	r := newRunner(t, server.URL, nil)
	if code := r.run(t, "--", "cat"); code != 0 || r.out.String() != "typed" {
		t.Errorf("code %d, stdout %q", code, r.out.String())
	}
}

// TestLastingSession: after a login elsewhere the command goes on.
func TestLastingSession(t *testing.T) {
	server := kubeflow(t, false)
	r := newRunner(t, server.URL, nil)
	var said bytes.Buffer
	f := newFactory("kubectl-kftls", ui.Streams{Err: &said, Out: io.Discard, In: strings.NewReader("")}, Environment{})
	now := time.Now()
	f.Now = func() time.Time { return now }
	o := &runOptions{factory: f}
	o.url = server.URL
	way, err := o.sessionFlags.open(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	v := &visit{flags: &o.sessionFlags, factory: f, endpoint: way, sessions: r.sessions(t)}
	defer v.close()

	old := alice(server.URL)
	old.Obtained = now.Add(-time.Hour)
	lasting := &lastingSession{visit: v, current: old}
	if lasting.get() != old {
		t.Fatal("a session that holds was replaced")
	}
	p, err := o.endpoint(v, old, 1)
	if err != nil {
		t.Fatal(err)
	}
	ended := fmt.Sprintf("log in again: kubectl kftls login --url %s --login alice@example.com", server.URL)
	if got := "log in again: " + p.LoginCommand; got != ended {
		t.Errorf("the command for a new one: %s, want %s", got, ended)
	}
	for range 2 {
		lasting.refused(newEnded(ended))
	}
	if want := "warning: the session has ended; " + ended + "\n"; said.String() != want {
		t.Errorf("said %q, want %q once", said.String(), want)
	}
	if lasting.get() != old {
		t.Error("a session came from nowhere")
	}
	v.store(alice(server.URL))
	now = now.Add(reloadPause)
	if got := lasting.get(); got == old || got.User != "alice@example.com" {
		t.Errorf("the new session is not taken: %+v", got)
	}
}
