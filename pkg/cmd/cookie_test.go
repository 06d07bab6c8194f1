package cmd

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kftls/kubectl-kftls/pkg/clients"
)

func TestCookieIsThatOfANewLoginThenTheStoredOne(t *testing.T) {
	wall, p := newLoginWall(t), newPerson(t)
	p.knows(annLogin, annPassword)
	first := p.run(t, "cookie", "--url", wall.URL)
	first.expect(t, 0)
	if first.out != "oauth2_proxy_kubeflow=secretcookie0|1795523632|sig==" || first.err != "" {
		t.Errorf("got %+v", first)
	}
	p.knows("", "")
	again := p.run(t, "cookie", "--url", wall.URL)
	if again != first || wall.asked("POST") != 1 {
		t.Errorf("got %+v after %d logins", again, wall.asked("POST"))
	}
	p.knows(annLogin, annPassword)
	fresh := p.run(t, "cookie", "--url", wall.URL, "--fresh", "-v", "1")
	fresh.expect(t, 0, "POST ", "/dex/auth/local/login: 303")
	if fresh.out == first.out || wall.asked("POST") != 2 {
		t.Errorf("--fresh got %+v after %d logins", fresh, wall.asked("POST"))
	}
	p.keepsNo(t, annPassword)
}

func TestCookieLogsInAgainAfterTheSessionHasEnded(t *testing.T) {
	wall, p := newLoginWall(t), newPerson(t)
	p.knows(annLogin, annPassword)
	p.run(t, "login", "--url", wall.URL).expect(t, 0, "logged in as ann@example.com at "+wall.URL+", until ")
	wall.end()
	p.run(t, "cookie", "--url", wall.URL).expect(t, 0)
	wall.end()
	p.knows("", "")
	p.run(t, "cookie", "--url", wall.URL).expect(t, exitLogin, "no password for ann@example.com is at hand")
}

func TestCookieNearItsEnd(t *testing.T) {
	wall, p := newLoginWall(t), newPerson(t)
	wall.life = 3 * time.Minute
	p.knows(annLogin, annPassword)
	p.run(t, "login", "--url", wall.URL).expect(t, 0, "warning: the new session ends in ")
	p.knows("", "")
	near := p.run(t, "cookie", "--url", wall.URL)
	near.expect(t, 0, "warning: the session of ann@example.com ends in ", "kubectl kftls login --fresh")
	if !strings.HasPrefix(near.out, "oauth2_proxy_kubeflow=") {
		t.Errorf("got %+v", near)
	}
	p.run(t, "cookie", "--url", wall.URL, "--min-validity", "10m").expect(t, exitLogin, "sooner than --min-validity 10m")
}

func TestCookieForms(t *testing.T) {
	wall, p := newLoginWall(t), newPerson(t)
	p.knows(annLogin, annPassword)
	p.run(t, "login", "--url", wall.URL).expect(t, 0)
	p.knows("", "")
	for _, form := range clients.Forms() {
		got := p.run(t, "cookie", "--url", wall.URL, "-o", form, "--for", "http://localhost:8080")
		got.expect(t, 0)
		if !strings.HasSuffix(got.out, "\n") {
			t.Errorf("-o %s does not end with a newline: %q", form, got.out)
		}
		if holds := strings.Contains(got.out, "secretcookie"); holds == (form == "python") {
			t.Errorf("-o %s holds the cookie: %v", form, holds)
		}
		if warns := strings.Contains(got.err, "kfp sends this cookie to every endpoint"); warns != (form == "kfp") {
			t.Errorf("-o %s: stderr is %q", form, got.err)
		}
	}
	python := p.run(t, "cookie", "--url", wall.URL, "-o", "python", "--token", "s3cret", "--ca-file", writeCA(t))
	want(t, "python", python.out, `"--url=`+wall.URL+`"`, `"--login=ann@example.com"`, `"--ca-file=/`)
	if strings.Contains(python.out, "s3cret") || strings.Contains(python.out, "--output") {
		t.Errorf("the code holds what it should not:\n%s", python.out)
	}
}

// writeCA makes a file that --ca-file takes.
func writeCA(t *testing.T) string {
	t.Helper()
	pem := run(t, "ca", "--local")
	path := filepath.Join(t.TempDir(), "ca.crt")
	if err := os.WriteFile(path, []byte(pem.out), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCookieAsJSON(t *testing.T) {
	wall, p := newLoginWall(t), newPerson(t)
	p.knows(annLogin, annPassword)
	read := func(args ...string) (data map[string]any) {
		t.Helper()
		got := p.run(t, append([]string{"cookie", "--url", wall.URL, "-o", "json"}, args...)...)
		got.expect(t, 0)
		if err := json.Unmarshal([]byte(got.out), &data); err != nil {
			t.Fatal(err)
		}
		return data
	}
	first := read()
	if first["is_secured"] != true || first["user"] != annLogin || first["endpoint_url"] != wall.URL || first["dex_login_url"] == nil || first["expiry"] == nil {
		t.Errorf("got %v", first)
	}
	if again := read("--for", "https://localhost:8443"); again["dex_login_url"] != nil || again["endpoint_url"] != "https://localhost:8443" {
		t.Errorf("without a login: %v", again)
	}
	wall.open = true
	p.run(t, "logout", "--all").expect(t, 0)
	if open := read(); open["is_secured"] != false || open["session_cookie"] != nil {
		t.Errorf("an open Kubeflow: %v", open)
	}
	if got := p.run(t, "cookie", "--url", wall.URL); got.code != 0 || got.out != "" || !strings.Contains(got.err, "wants no login") {
		t.Errorf("an open Kubeflow: %+v", got)
	}
}

func TestCookieForKFP(t *testing.T) {
	wall, p := newLoginWall(t), newPerson(t)
	path := filepath.Join(p.home, ".config", "kfp", "context.json")
	p.knows(annLogin, annPassword)
	got := p.run(t, "cookie", "--url", wall.URL, "-o", "kfp", "--write", "-n", "profile")
	got.expect(t, 0, "kfp sends this cookie to every endpoint", path)
	if got.out != "" {
		t.Errorf("it printed %q", got.out)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want(t, path, string(data), `"namespace": "profile"`, "secretcookie0")
	p.run(t, "login", "--url", wall.URL, "--fresh").expect(t, 0) // kfp keeps the one before
	p.run(t, "logout", "--url", wall.URL).expect(t, 0, "removed the cookie from "+path)
	p.keepsNo(t, "secretcookie")
}

func TestCookieUsage(t *testing.T) {
	p := newPerson(t)
	for _, test := range []struct {
		args []string
		says string
	}{
		{[]string{"-o", "yaml"}, `unknown output format "yaml"`},
		{[]string{"-o", "env", "--shell", "tcsh"}, `unknown shell "tcsh"`},
		{[]string{"--shell", "fish"}, "hint: -o env --shell fish"},
		{[]string{"--write"}, "hint: -o kfp --write"},
		{[]string{"--for", "localhost:8443"}, "--for is not the address of a Kubeflow"},
		{[]string{"--for", "https://ann:pass@localhost"}, "--for is not the address of a Kubeflow"},
		{[]string{"--import", "--fresh"}, "--import takes the browser's session"},
		{[]string{"--import", "--password-stdin"}, "both read stdin"},
		{[]string{"--password-stdin"}, "hint: --login NAME --password-stdin"},
		{[]string{"--url", "http://kubeflow.example.com"}, "--allow-http"},
		{[]string{"--min-validity", "-1s"}, "is negative"},
		{[]string{"now"}, `cookie takes no argument; given: 1`},
	} {
		args := append([]string{"cookie"}, test.args...)
		if test.args[0] != "--url" {
			args = append(args, "--url", "http://127.0.0.1:9")
		}
		p.run(t, args...).expect(t, exitUsage, test.says)
	}
}
