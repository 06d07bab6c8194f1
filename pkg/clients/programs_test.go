package clients

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kftls/kubectl-kftls/pkg/session"
)

const (
	plainHeader = "oauth2_proxy_kubeflow=" + plainValue
	splitHeader = "oauth2_proxy_kubeflow_0=" + partZero + "; oauth2_proxy_kubeflow_1=" + partOne
)

func wantTaken(t testing.TB, d *door, want ...string) {
	t.Helper()
	if got := d.took(); !slices.Equal(got, want) {
		t.Errorf("the server saw the cookies %q, want %q", got, want)
	}
}

// file keeps a form in a file.
func file(t testing.TB, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	writeFile(t, path, content)
	return path
}

func TestCurlReadsTheNetscapeFile(t *testing.T) {
	curl := need(t, "curl")
	for _, secure := range []bool{true, false} {
		d := newDoor(t, secure)
		jar := file(t, "cookies.txt", mustForm(t, "netscape", d.handover("localhost", "plain"), ""))
		args := []string{"-fsS", "-b", jar}
		if secure {
			args = append(args, "--cacert", d.caFile)
		}
		for _, host := range []string{"localhost", "127.0.0.1"} {
			run(t, curl, append(args, d.at(host)+"/x")...)
			wantTaken(t, d, plainHeader)
		}
	}
}

func TestCurlReadsTheNetscapeFileInParts(t *testing.T) {
	d := newDoor(t, false)
	jar := file(t, "cookies.txt", mustForm(t, "netscape", d.handover("localhost", "split"), ""))
	run(t, need(t, "curl"), "-fsS", "-b", jar, d.at("localhost"))
	got := d.took()
	if len(got) != 1 || !sameCookies(got[0], splitHeader) { // curl has an order of its own
		t.Errorf("the server saw %q", got)
	}
}

// sameCookies compares two Cookie headers, whatever their order.
func sameCookies(a, b string) bool {
	x, y := strings.Split(a, "; "), strings.Split(b, "; ")
	slices.Sort(x)
	slices.Sort(y)
	return slices.Equal(x, y)
}

func TestCurlReadsItsConfig(t *testing.T) {
	curl := need(t, "curl")
	d := newDoor(t, true)
	h := d.handover("localhost", "split")
	// A path that needs quoting is read through it.
	h.CAFile = t.TempDir() + `/o"neil \t $x.crt`
	pem, err := os.ReadFile(d.caFile)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, h.CAFile, string(pem))
	config := file(t, "curl", mustForm(t, "curl", h, ""))
	run(t, curl, "-fsS", "-K", config, d.at("localhost"))
	wantTaken(t, d, splitHeader)

	other := newDoor(t, false)
	run(t, curl, "-fsS", "-L", "-K", config, d.at("localhost")+"/to?/again", d.at("localhost")+"/to?"+other.at("127.0.0.1")+"/")
	wantTaken(t, d, splitHeader, splitHeader, splitHeader)
	wantTaken(t, other, "") // the cookie stays with the host
}

func TestCurlConfigQuotes(t *testing.T) {
	d := newDoor(t, false)
	h := d.handover("localhost", "plain")
	h.Session.Cookies = []session.Cookie{{Name: "a", Value: `"q\u$x'\\` + "`"}}
	run(t, need(t, "curl"), "-fsS", "-K", file(t, "curl", mustForm(t, "curl", h, "")), d.at("localhost"))
	wantTaken(t, d, `a="q\u$x'\\`+"`")
}

func TestPythonReadsTheNetscapeFile(t *testing.T) {
	python := need(t, "python3")
	const program = `
import http.cookiejar, ssl, sys, urllib.request
jar = http.cookiejar.MozillaCookieJar(sys.argv[1])
jar.load()
handlers = [urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(jar)]
if sys.argv[3]:
    handlers.append(urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=sys.argv[3])))
urllib.request.build_opener(*handlers).open(sys.argv[2], timeout=20).read()
`
	for _, secure := range []bool{true, false} {
		d := newDoor(t, secure)
		jar := file(t, "cookies.txt", mustForm(t, "netscape", d.handover("localhost", "split"), ""))
		for _, host := range []string{"localhost", "127.0.0.1"} {
			run(t, python, "-c", program, jar, d.at(host), d.caFile)
			wantTaken(t, d, splitHeader)
		}
	}
}

func TestPythonKeepsASessionWithoutAKnownEnd(t *testing.T) {
	python := need(t, "python3")
	d := newDoor(t, false)
	h := d.handover("localhost", "plain")
	h.Session.Expires = nil
	out := run(t, python, "-c", "import http.cookiejar, sys; j = http.cookiejar.MozillaCookieJar(sys.argv[1]); j.load(); print(len(j))",
		file(t, "cookies.txt", mustForm(t, "netscape", h, "")))
	if strings.TrimSpace(out) != "3" {
		t.Errorf("it keeps %s cookies", out)
	}
}

// TestPythonCode runs the code with a kubectl that prints a cookie, and notes
// how it was called.
func TestPythonCode(t *testing.T) {
	python := needModule(t, "requests")
	for _, host := range []string{"localhost", "127.0.0.1"} {
		for _, secure := range []bool{true, false} {
			d := newDoor(t, secure)
			h := d.handover(host, "split")
			h.Args = []string{"--context", `it's "$HOME" é`}
			code := mustForm(t, "python", h, "")
			if strings.Contains(code, partZero) {
				t.Fatalf("the code holds the cookie:\n%s", code)
			}
			bin := t.TempDir()
			script := "#!/bin/sh\nprintf '%s\\n' \"$@\" > " + bin + "/args\nprintf '%s' '" + splitHeader + "'\n"
			writeFile(t, filepath.Join(bin, "kubectl"), script)
			if err := os.Chmod(filepath.Join(bin, "kubectl"), 0o700); err != nil {
				t.Fatal(err)
			}
			t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
			if out := run(t, python, file(t, "code.py", code)); out != "{'multi_user': True}\n" {
				t.Errorf("it printed %q", out)
			}
			wantTaken(t, d, splitHeader)
			args, err := os.ReadFile(filepath.Join(bin, "args"))
			if want := "kftls\ncookie\n--context\nit's \"$HOME\" é\n"; err != nil || string(args) != want {
				t.Errorf("called with %q, %v; want %q", args, err, want)
			}
		}
	}
}

// TestPythonCodeFollowsRedirects: the same host gets the cookie again, another
// one does not.
func TestPythonCodeFollowsRedirects(t *testing.T) {
	python := needModule(t, "requests")
	d, other := newDoor(t, false), newDoor(t, false)
	code := mustForm(t, "python", d.handover("localhost", "plain"), "")
	code = strings.ReplaceAll(code, `["kubectl", "kftls", "cookie"]`, `["echo", "`+plainHeader+`"]`)
	code = strings.ReplaceAll(code, "/pipeline/apis/v2beta1/healthz", "/to?/again")
	run(t, python, file(t, "code.py", code))
	wantTaken(t, d, plainHeader, plainHeader)
	code = strings.ReplaceAll(code, "/to?/again", "/to?"+other.at("127.0.0.1"))
	run(t, python, file(t, "code.py", code))
	wantTaken(t, d, plainHeader)
	wantTaken(t, other, "")
}
