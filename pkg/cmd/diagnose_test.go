package cmd

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/kftls/kubectl-kftls/pkg/diagnose"
	"github.com/kftls/kubectl-kftls/pkg/ui"
)

// diagnosed carries out diagnose with variables and a text on stdin.
func diagnosed(t *testing.T, stdin string, env map[string]string, args ...string) outcome {
	t.Helper()
	var out, err bytes.Buffer
	streams := ui.Streams{In: strings.NewReader(stdin), Out: &out, Err: &err}
	home := t.TempDir()
	get := func(name string) string {
		if name == "KFTLS_HOME" {
			return home
		}
		return env[name]
	}
	code := Run(context.Background(), append([]string{"kubectl-kftls", "diagnose"}, args...), streams, Environment{Get: get})
	return outcome{code, out.String(), err.String()}
}

// untouched is an address and a kubeconfig that fail the test when they are asked.
func untouched(t *testing.T) (address, config string) {
	t.Helper()
	handler := func(_ http.ResponseWriter, r *http.Request) { t.Errorf("it was asked for %s", r.URL.Path) }
	server := httptest.NewServer(http.HandlerFunc(handler))
	t.Cleanup(server.Close)
	return server.URL, apiServer(t, handler)
}

func TestDiagnoseUsage(t *testing.T) {
	address, config := untouched(t)
	for name, tc := range map[string]struct {
		args []string
		want string
	}{
		"two addresses":         {[]string{address, address}, "accepts at most 1"},
		"no URL":                {[]string{"https://[::1"}, "not a URL"},
		"a bad port":            {[]string{"localhost:port"}, "not a URL"},
		"another scheme":        {[]string{"ftp://localhost"}, "must begin with https:// or http://"},
		"no host":               {[]string{"https:///pipeline"}, "name a host"},
		"a password":            {[]string{"https://user:hunter2@localhost:8443"}, "may not hold a user name or password"},
		"a password, no scheme": {[]string{"user:hunter2@localhost:8443"}, "may not hold a user name or password"},
		"a password, no URL":    {[]string{"https://user:hunter2@[bad"}, "not a URL"},
		"an expectation":        {[]string{address, "--expect", "tls"}, `expectation "tls" is not known`},
		"a severity":            {[]string{address, "--fail-on", "fatal"}, `severity "fatal" is not known`},
		"an empty severity":     {[]string{address, "--fail-on", ""}, "is not known"},
		"a code to skip":        {[]string{address, "--skip", "KFT101,KFT999"}, `no check "KFT999"`},
		"a code to explain":     {[]string{"--explain", "KFT000"}, `no finding "KFT000"`},
		"an output":             {[]string{address, "-o", "wide"}, `unknown output format "wide"`},
		"a Gateway":             {[]string{address, "--gateway", "a/b/c"}, "a/b/c"},
		"a missing file":        {[]string{"--from-file", filepath.Join(t.TempDir(), "gone.txt")}, "gone.txt: no such file or directory"},
		"a folder":              {[]string{"--from-file", t.TempDir()}, "is a directory"},
		"an unknown flag":       {[]string{address, "--fix"}, "unknown flag"},
	} {
		t.Run(name, func(t *testing.T) {
			got := diagnosed(t, "", nil, append(tc.args, "--kubeconfig", config)...)
			if got.code != exitUsage || got.out != "" || !strings.Contains(got.err, tc.want) {
				t.Errorf("got %d, %q, %q; want %q", got.code, got.out, got.err, tc.want)
			}
			if strings.Contains(got.err, "hunter2") {
				t.Errorf("a password is repeated: %s", got.err)
			}
		})
	}
}

func TestDiagnoseExplain(t *testing.T) {
	_, config := untouched(t)
	for _, code := range []string{"KFT303", "kft303"} {
		got := diagnosed(t, "", nil, "--explain", code, "--kubeconfig", config)
		if got.code != 0 || got.err != "" || !strings.HasPrefix(got.out, "# KFT303: ") || !strings.Contains(got.out, "## What helps") {
			t.Errorf("%s: %+v", code, got)
		}
	}
	got := diagnosed(t, "", nil, "--explain", "list")
	lines := strings.Split(strings.TrimSuffix(got.out, "\n"), "\n")
	if got.code != 0 || len(lines) != len(diagnose.Checks()) {
		t.Errorf("%d lines for %d checks", len(lines), len(diagnose.Checks()))
	}
	for _, c := range diagnose.Checks() {
		if !strings.Contains(got.out, c.Code+"  "+c.Title+"\n") {
			t.Errorf("%s is not in the list", c.Code)
		}
	}
}

// frontDoor answers as a Kubeflow of today does to who is not logged in.
func frontDoor(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Server", "istio-envoy")
		if strings.HasPrefix(r.URL.Path, "/pipeline/apis/") {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = w.Write([]byte("{}"))
			return
		}
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte("<title>Sign In</title>"))
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestDiagnoseAddress(t *testing.T) {
	withoutKubeconfig(t)
	door := frontDoor(t)
	read := func(got outcome) diagnose.Diagnosis {
		t.Helper()
		var d diagnose.Diagnosis
		if err := json.Unmarshal([]byte(got.out), &d); err != nil {
			t.Fatalf("%v: %+v", err, got)
		}
		return d
	}
	got := diagnosed(t, "", nil, door, "-o", "json")
	if d := read(got); got.code != 0 || got.err != "" || !d.Healthy || len(d.Findings) > 0 || len(d.Via) != 1 || d.Kind != "Diagnosis" {
		t.Errorf("well: %+v", got)
	}
	got = diagnosed(t, "", nil, door+"/?token=hunter2#hunter2", "-o", "json", "--expect", "cookie")
	if d := read(got); got.code != exitError || d.Healthy || d.Findings[0].Code != "KFT702" || strings.Contains(got.out, "hunter2") {
		t.Errorf("a session is wanted: %+v", got)
	}
	if got = diagnosed(t, "", nil, door, "-o", "json", "--expect", "cookie", "--fail-on", "critical"); got.code != 0 {
		t.Errorf("it fails on %d", got.code)
	}
	got = diagnosed(t, "", nil, strings.Replace(door, "http:", "https:", 1), "-o", "short")
	if got.code != exitError || !strings.HasPrefix(got.out, "KFT108 error: ") || !strings.Contains(got.out, "\n  fix: kubectl kftls port-forward") {
		t.Errorf("https to plain HTTP: %+v", got)
	}
	got = diagnosed(t, "", nil, strings.Replace(door, "http:", "https:", 1), "--skip", "KFT108", "-o", "json")
	if d := read(got); len(d.Findings) == 0 || d.Findings[0].Code == "KFT108" {
		t.Errorf("a check that was left out: %+v", d.Findings)
	}
	if got = diagnosed(t, "", nil, door, "-o", "short"); got.out != "nothing is in the way\n" {
		t.Errorf("well, in short: %+v", got)
	}
	got = diagnosed(t, "", nil, door, "-o", "short", "-v", "1")
	if got.out != "nothing is in the way\n" || !strings.Contains(got.err, "KFT101 passed (nothing listens at the address): something listens there\n") {
		t.Errorf("with every check: %+v", got)
	}
	if got = diagnosed(t, "", nil, door, "-o", "yaml"); !strings.HasPrefix(got.out, "alsoNoticed:") && !strings.Contains(got.out, "\nkind: Diagnosis\n") {
		t.Errorf("as YAML: %+v", got)
	}
}

func TestDiagnoseNothing(t *testing.T) {
	withoutKubeconfig(t)
	got := diagnosed(t, "", nil, "-o", "json")
	if got.code != exitCouldNotLook || !strings.Contains(got.out, `"code": "KFT201"`) {
		t.Errorf("no cluster and no address: %+v", got)
	}
}

// TestDiagnosePicture: the picture holds what the terminal can show, and no escape
// where no terminal is.
func TestDiagnosePicture(t *testing.T) {
	withoutKubeconfig(t)
	door := frontDoor(t)
	for name, tc := range map[string]struct {
		env  map[string]string
		want string
	}{
		"UTF-8":              {map[string]string{"LANG": "en_US.UTF-8"}, "✓ you ─ ✓ port-forward ─ ✓ gateway ─ "},
		"ASCII":              {map[string]string{"LC_ALL": "C", "LANG": "en_US.UTF-8"}, "ok you - ok port-forward - ok gateway - "},
		"UTF-8, no colour":   {map[string]string{"LANG": "C.UTF-8", "NO_COLOR": "1"}, "✓ you ─ ✓ port-forward"},
		"ASCII and no color": {map[string]string{"LC_ALL": "POSIX", "NO_COLOR": "1"}, "ok you - ok port-forward"},
	} {
		got := diagnosed(t, "", tc.env, door)
		if got.code != 0 || !strings.HasPrefix(got.out, tc.want) || strings.Contains(got.out, "\x1b") {
			t.Errorf("%s: %+v", name, got)
		}
		if tc.env["LC_ALL"] != "" {
			for _, r := range got.out {
				if r > 127 {
					t.Errorf("%s: %q in %s", name, r, got.out)
				}
			}
		}
		broken := diagnosed(t, "", tc.env, strings.Replace(door, "http:", "https:", 1))
		if mark := map[bool]string{true: "x TLS", false: "✗ TLS"}[tc.env["LC_ALL"] != ""]; broken.code != exitError || !strings.Contains(broken.out, mark) || !strings.Contains(broken.out, "KFT108") {
			t.Errorf("%s, broken: %+v", name, broken)
		}
	}
}

func TestDiagnoseText(t *testing.T) {
	withoutKubeconfig(t)
	got := diagnosed(t, "curl: (60) SSL certificate problem: unable to get local issuer certificate\n", nil, "--from-file", "-")
	if got.code != 0 || !strings.Contains(got.out, "possible: KFT502") || !strings.Contains(got.out, "which one it is stays open") {
		t.Errorf("a text alone: %+v", got)
	}
	got = diagnosed(t, "good morning", nil, "--from-file", "-")
	if got.code != exitCouldNotLook || !strings.Contains(got.out, "The text was not recognised.") {
		t.Errorf("an unknown text: %+v", got)
	}
	got = diagnosed(t, "curl: (35) error:0A00010B:SSL routines::wrong version number", nil,
		"--from-file", "-", "-o", "json", strings.Replace(frontDoor(t), "http:", "https:", 1))
	if got.code != exitError || !strings.Contains(got.out, `"kind": "PastedText"`) || !strings.Contains(got.out, `"code": "KFT108"`) {
		t.Errorf("a text and an address: %+v", got)
	}
}

// TestDiagnoseTextInABundle: what was understood is packed, and of the text no
// more than that.
func TestDiagnoseTextInABundle(t *testing.T) {
	withoutKubeconfig(t)
	const text = "password: canary-word\ncurl: (60) SSL certificate problem: unable to get local issuer certificate\n"
	path := filepath.Join(t.TempDir(), "report.tar.gz")
	got := diagnosed(t, text, nil, "--from-file", "-", "--bundle", path)
	if got.code != 0 || !strings.Contains(got.err, "Wrote "+path) {
		t.Fatalf("%+v", got)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	packed, err := io.ReadAll(unzipped)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"pasted.json", "version.json", "KFT502", "unable to get local issuer certificate"} {
		if !bytes.Contains(packed, []byte(want)) {
			t.Errorf("%s is not packed", want)
		}
	}
	if bytes.Contains(packed, []byte("canary")) || bytes.Contains(packed, []byte("diagnosis.json")) {
		t.Errorf("packed: %s", packed)
	}
	if got := diagnosed(t, "", nil, "--watch", "--bundle", path+"2"); got.code != exitUsage || !strings.Contains(got.err, "--bundle and --watch do not go together") {
		t.Errorf("with --watch: %+v", got)
	}
}

// TestPagesNameRealFlags: what a page tells people to run is a command of this
// program, with flags that it has.
func TestPagesNameRealFlags(t *testing.T) {
	f := newFactory("kubectl-kftls", ui.Streams{}, Environment{})
	root := newRootCommand(f, nil)
	told := regexp.MustCompile("kubectl kftls ([a-z-]+)((?: [^;,:.()`\n]*)?)")
	flag := regexp.MustCompile(`(?:^| )(--?[a-z][a-z-]*)`)
	count := 0
	for _, c := range diagnose.Checks() {
		page, _ := diagnose.Explain(c.Code)
		for _, m := range told.FindAllStringSubmatch(page, -1) {
			count++
			verb, _, err := root.Find([]string{m[1]})
			if err != nil || verb == root {
				t.Errorf("%s: there is no command %q", c.Code, m[0])
				continue
			}
			arguments, _, _ := strings.Cut(m[2], " -- ")
			for _, name := range flag.FindAllStringSubmatch(arguments, -1) {
				bare := strings.TrimLeft(name[1], "-")
				if verb.Flags().Lookup(bare) == nil && verb.InheritedFlags().Lookup(bare) == nil && (len(bare) > 1 || verb.Flags().ShorthandLookup(bare) == nil) {
					t.Errorf("%s: %s has no flag %s (%s)", c.Code, m[1], name[1], m[0])
				}
			}
		}
	}
	if count < 20 {
		t.Errorf("only %d commands were found in the pages", count)
	}
}
