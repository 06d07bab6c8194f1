package cmd

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kftls/kubectl-kftls/pkg/state"
	"github.com/kftls/kubectl-kftls/pkg/ui"
)

const (
	annPassword = "Corr3ct=Horse?é"
	annLogin    = "ann@example.com"
)

// loginWall answers as Kubeflow 1.9.1 and later do: oauth2-proxy, Dex with its
// password DB alone, and behind them pipelines and dashboard.
type loginWall struct {
	*httptest.Server

	mu       sync.Mutex
	requests []string          // method and path
	sessions map[string]string // users by the cookie's value
	life     time.Duration
	bearer   string // a token that is let through
	open     bool
}

func newLoginWall(t *testing.T) *loginWall {
	t.Helper()
	w := &loginWall{sessions: map[string]string{}, life: 24 * time.Hour}
	w.Server = httptest.NewServer(w)
	t.Cleanup(w.Close)
	return w
}

const wallState = "secretstate:/"

func (l *loginWall) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.requests = append(l.requests, r.Method+" "+r.URL.Path)
	query := url.Values{"client_id": {"kubeflow-oidc-authservice"}, "redirect_uri": {"/oauth2/callback"}, "response_type": {"code"}, "scope": {"profile email groups openid"}, "state": {wallState}}
	switch path := r.URL.Path; {
	case l.open:
		l.kubeflow(w, r)
	case path == "/oauth2/start":
		http.SetCookie(w, &http.Cookie{Name: "oauth2_proxy_kubeflow_csrf", Value: "csrf", Path: "/", MaxAge: 900})
		http.Redirect(w, r, "/dex/auth?"+query.Encode(), http.StatusFound)
	case path == "/dex/auth":
		http.Redirect(w, r, "/dex/auth/local?"+r.URL.RawQuery, http.StatusFound)
	case path == "/dex/auth/local":
		http.Redirect(w, r, "/dex/auth/local/login?back=&state=secretrequest", http.StatusFound)
	case path == "/dex/auth/local/login":
		l.form(w, r)
	case path == "/oauth2/callback":
		l.callback(w, r)
	case path == "/oauth2/sign_out":
		http.Redirect(w, r, "/", http.StatusFound)
	case path == "/oauth2/auth":
		if user := l.user(r); user != "" {
			w.Header().Set("Authorization", "Bearer "+jwt(user, time.Now().Add(l.life)))
			w.WriteHeader(http.StatusAccepted)
			return
		}
		w.WriteHeader(http.StatusUnauthorized)
	default:
		l.kubeflow(w, r)
	}
}

// form is Dex's, of 2.41.
func (l *loginWall) form(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	failure := ""
	if r.Method == http.MethodPost {
		if r.FormValue("login") == annLogin && r.FormValue("password") == annPassword {
			http.Redirect(w, r, "/oauth2/callback?code=secretcode&state="+url.QueryEscape(wallState), http.StatusSeeOther)
			return
		}
		failure = `<div id="login-error" class="dex-error-box">Invalid Email Address and password.</div>`
		w.WriteHeader(http.StatusUnauthorized)
	}
	fmt.Fprintf(w, `<title>dex</title><form method="post" action="/dex/auth/local/login?back=&amp;state=secretrequest">
		<label for="userid">Email Address</label><input id="login" name="login" type="text">
		<input id="password" name="password" type="password">%s<button type="submit">Login</button></form>`, failure)
}

func (l *loginWall) callback(w http.ResponseWriter, r *http.Request) {
	if _, err := r.Cookie("oauth2_proxy_kubeflow_csrf"); err != nil {
		http.Error(w, "Login Failed: Unable to find a valid CSRF token. Please try again.", http.StatusForbidden)
		return
	}
	value := fmt.Sprintf("secretcookie%d|1795523632|sig==", len(l.sessions))
	l.sessions[value] = annLogin
	http.SetCookie(w, &http.Cookie{Name: "oauth2_proxy_kubeflow", Value: value, Path: "/", MaxAge: int(l.life.Seconds()), HttpOnly: true})
	http.Redirect(w, r, "/", http.StatusFound)
}

func (l *loginWall) user(r *http.Request) string {
	cookie, err := r.Cookie("oauth2_proxy_kubeflow")
	if err != nil {
		return ""
	}
	return l.sessions[cookie.Value]
}

func (l *loginWall) kubeflow(w http.ResponseWriter, r *http.Request) {
	token, isBearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	switch isAPI := strings.Contains(r.URL.Path, "/apis/"); {
	case isBearer && token != l.bearer:
		http.Error(w, "Jwt issuer is not configured", http.StatusUnauthorized)
	case (l.open || isBearer || l.user(r) != "") && isAPI:
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"apiServerReady":true,"multi_user":true}`)
	case l.open:
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, "<title>Kubeflow Central Dashboard</title>")
	case isAPI:
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, "{}")
	default:
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `<title>Sign In</title><form method="GET" action="/oauth2/start"><input type="hidden" name="rd" value="/"></form>`)
	}
}

// asked counts requests, by a part of method and path.
func (l *loginWall) asked(part string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	count := 0
	for _, request := range l.requests {
		if strings.Contains(request, part) {
			count++
		}
	}
	return count
}

// end takes all sessions for ended.
func (l *loginWall) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.sessions)
}

// jwt is a token that nobody signed.
func jwt(user string, end time.Time) string {
	claims := fmt.Sprintf(`{"iss":"https://issuer.example.com","email":%q,"exp":%d}`, user, end.Unix())
	return "e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".secretsignature"
}

// person is somebody at a computer: what is kept there, and what is at hand.
type person struct {
	home     string
	env      Environment
	stdin    string
	terminal string
}

func newPerson(t *testing.T) *person {
	t.Helper()
	withoutKubeconfig(t)
	p := &person{home: t.TempDir()}
	p.store(t) // in files: the keyring of whoever runs the tests stays out
	return p
}

// store opens the sessions that are kept.
func (p *person) store(t *testing.T) *state.Sessions {
	t.Helper()
	home, err := state.Open(filepath.Join(p.home, "kftls"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	store, err := home.Sessions(t.Context(), state.StorageFile, nil)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// knows gives the person ann's credentials in the environment.
func (p *person) knows(login, password string) { p.env.Login, p.env.Password = login, password }

// run carries out a command line at this computer, and checks that no secret but
// a session is in what it says.
func (p *person) run(t *testing.T, args ...string) outcome {
	t.Helper()
	var out, err bytes.Buffer
	env := p.env
	env.Get = func(name string) string {
		return map[string]string{"KFTLS_HOME": filepath.Join(p.home, "kftls"), "HOME": p.home, "USERPROFILE": p.home}[name]
	}
	streams := ui.Streams{In: strings.NewReader(p.stdin), Out: &out, Err: &err, Terminal: p.terminal}
	code := Run(context.Background(), append([]string{"kubectl-kftls"}, args...), streams, env)
	got := outcome{code, out.String(), err.String()}
	for _, secret := range []string{annPassword, "secretstate", "secretcode", "secretrequest"} {
		if strings.Contains(got.out+got.err, secret) {
			t.Errorf("%q says %q:\n%s", args, secret, got.out+got.err)
		}
	}
	if strings.Contains(got.err, "secretcookie") || strings.Contains(got.err, "secretsignature") {
		t.Errorf("%q shows the session on stderr:\n%s", args, got.err)
	}
	return got
}

// keepsNo looks for a text in all that is kept.
func (p *person) keepsNo(t *testing.T, secret string) {
	t.Helper()
	err := filepath.WalkDir(p.home, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if bytes.Contains(data, []byte(secret)) {
			t.Errorf("%s holds %q", path, secret)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// expect compares exit code and parts of stderr; stdout must be empty unless an
// error is none.
func (o outcome) expect(t *testing.T, code int, says ...string) {
	t.Helper()
	if o.code != code {
		t.Errorf("exit code %d, want %d; stderr:\n%s", o.code, code, o.err)
	}
	if code != 0 && o.out != "" {
		t.Errorf("it failed, and printed %q", o.out)
	}
	want(t, "stderr", o.err, says...)
}
