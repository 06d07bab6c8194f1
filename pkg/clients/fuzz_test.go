package clients

import (
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/session"
)

// FuzzParsePasted: what comes out can be handed on in every form and is read
// back as it was.
func FuzzParsePasted(f *testing.F) {
	for _, seed := range []string{
		plainValue, authValue, plainHeader, "Cookie: _ga=1; " + splitHeader, jar,
		"curl 'https://localhost:8443/' \\\n  -b $'oauth2_proxy_kubeflow=a\\u0021b\\x41\\n'",
		"curl ^\"https://localhost/^\" ^\n  -b ^\"oauth2_proxy_kubeflow=a^|1795437600^|c^\\^\"^\"",
		"curl \"https://localhost/\" -H \"Cookie: authservice_session=\\\"a\\\\$x\" -H 'x'\\''y'",
		"$session.Cookies.Add((New-Object System.Net.Cookie(\"authservice_session\", \"a`\"b`$c\", \"/\", \"localhost\")))",
		"oauth2_proxy_kubeflow_0=a\noauth2_proxy_kubeflow_1=b", "eyJh.b.c", "curl", "curl '", "^", "\\",
	} {
		f.Add(seed, "localhost")
		f.Add(seed, "")
	}
	f.Fuzz(func(t *testing.T, text, host string) {
		got, err := ParsePasted([]byte(text), host)
		if err != nil {
			if fault.ReasonOf(err) != fault.Usage || got != nil {
				t.Fatalf("%v, %v", got, err)
			}
			return
		}
		h := handing(&session.Session{Cookies: got})
		h.CAFile = "/ca.crt"
		for _, form := range append(Forms(), "") {
			if _, err := Form(form, h, "posix"); err != nil {
				t.Fatalf("%s of %+v: %v", form, got, err)
			}
		}
		for i := range got {
			got[i].Secure = true // as the file says of https
		}
		if slices.ContainsFunc(got, func(c session.Cookie) bool { return session.IsSessionCookie(c.Name) }) {
			wantParsed(t, mustForm(t, "netscape", h, ""), "localhost", got)
		}
	})
}

// FuzzNetscape: a file that is written for any host holds for that host what
// went in.
func FuzzNetscape(f *testing.F) {
	f.Add(plainValue, "localhost")
	f.Add("a=b", "kubeflow.example.com")
	f.Add("#", "[::1]")
	f.Add("0", ".00")
	f.Add("0", "0]")
	f.Fuzz(func(t *testing.T, value, host string) {
		want := []session.Cookie{{Name: "authservice_session", Value: value}}
		if checkPasted(want) != nil {
			return
		}
		h := handing(&session.Session{Cookies: want})
		h.URL = "http://" + host
		out, err := Form("netscape", h, "")
		if err != nil {
			return // no host
		}
		full, err := complete(h, "")
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParsePasted(out, full.host)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%q for %q: %v, %v", value, full.host, got, err)
		}
	})
}

// FuzzShellWords compares with a real shell where there is one, for what it
// does without side effects: words with quotes and backslashes.
func FuzzShellWords(f *testing.F) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		f.Logf("NOT RUN %s: no sh on this machine", f.Name())
	}
	f.Add(`curl 'a b' "c\"d\\e\f" g\ h 'i'\''j' "" '' k\`)
	f.Fuzz(func(t *testing.T, text string) {
		words, err := shellWords(text)
		if sh == "" || err != nil || strings.Trim(text, "abcdefghijklmnopqrstuvwxyzABCXYZ0123456789 '\"\\.-:/=") != "" || len(words) == 0 {
			return
		}
		out, err := exec.CommandContext(t.Context(), sh, "-c", "set -f; for w in "+text+"\ndo printf '%s\\0' \"$w\"; done").Output()
		if err != nil {
			return // text that is no list of words
		}
		if got := strings.Join(words, "\x00") + "\x00"; got != string(out) {
			t.Errorf("%q: got %q, the shell says %q", text, got, out)
		}
	})
}
