package clients

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

func TestEnvironment(t *testing.T) {
	plainHTTP := CommandEnv{URL: "http://localhost:41000/"}
	full := CommandEnv{URL: "https://localhost:41000", CookieFile: "/run/cookies.txt"}
	const hosts = "localhost,127.0.0.1,::1"
	for name, tt := range map[string]struct {
		base []string
		in   CommandEnv
		want map[string]string // "-" for not set
	}{
		"plain HTTP": {
			[]string{"PATH=/bin", "SSL_CERT_FILE=/corp.pem", "KFTLS_CA_FILE=/outer", "KFTLS_COOKIE_FILE=/outer"},
			plainHTTP,
			map[string]string{
				"PATH": "/bin", "KFTLS_URL": "http://localhost:41000", "KF_PIPELINES_ENDPOINT": "http://localhost:41000/pipeline",
				"KFP_ENDPOINT": "http://localhost:41000/pipeline", "KFTLS_CA_FILE": "-", "KFTLS_COOKIE_FILE": "-",
				"SSL_CERT_FILE": "/corp.pem", "REQUESTS_CA_BUNDLE": "-", "CURL_CA_BUNDLE": "-", "NODE_EXTRA_CA_CERTS": "-",
				"NO_PROXY": hosts, "no_proxy": hosts,
			},
		},
		"cookies": {nil, full, map[string]string{"KFTLS_COOKIE_FILE": "/run/cookies.txt"}},
		"outer endpoints": {
			[]string{"KFP_ENDPOINT=https://prod/pipeline", "KF_PIPELINES_ENDPOINT=https://prod/pipeline", "KFTLS_URL=a", "KFTLS_URL=b"},
			full,
			map[string]string{"KFTLS_URL": "https://localhost:41000", "KFP_ENDPOINT": "https://localhost:41000/pipeline"},
		},
		"proxies, upper case": {
			[]string{"NO_PROXY=.corp, 127.0.0.1"},
			full,
			map[string]string{"NO_PROXY": ".corp,127.0.0.1,localhost,::1", "no_proxy": ".corp,127.0.0.1,localhost,::1"},
		},
		"proxies, both": {
			[]string{"NO_PROXY=a", "no_proxy=b"},
			full,
			map[string]string{"NO_PROXY": "a," + hosts, "no_proxy": "b," + hosts},
		},
		"proxies, none": {[]string{"no_proxy=*"}, full, map[string]string{"NO_PROXY": "*", "no_proxy": "*"}},
	} {
		t.Run(name, func(t *testing.T) {
			base := slices.Clone(tt.base)
			got, err := Environment(tt.base, tt.in)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(base, tt.base) {
				t.Errorf("base became %q", tt.base)
			}
			wantEnviron(t, got, tt.want)
		})
	}
}

func wantEnviron(t testing.TB, list []string, want map[string]string) {
	t.Helper()
	for name, value := range want {
		found := "-"
		for _, entry := range list {
			if set, ok := strings.CutPrefix(entry, name+"="); ok {
				if found != "-" {
					t.Errorf("%s is set twice", name)
				}
				found = set
			}
		}
		if found != value {
			t.Errorf("%s is %q, want %q", name, found, value)
		}
	}
}

func TestNamesFoldOnWindows(t *testing.T) {
	e := &environ{list: []string{"No_Proxy=a", "Path=x"}, fold: true}
	e.set("NO_PROXY", withLoopback(e.get("NO_PROXY")))
	if want := []string{"Path=x", "NO_PROXY=a,localhost,127.0.0.1,::1"}; !slices.Equal(e.list, want) {
		t.Errorf("%q", e.list)
	}
}

// pem is not a certificate, but looks like one.
func pem(name string) string {
	return string(pemCertificate) + "\n" + name + "\n-----END CERTIFICATE-----\n"
}

// trustOf runs Environment with roots of the system's and returns what each
// variable then points to, and what was said.
func trustOf(t testing.TB, systemError error, base ...string) (content map[string]string, said string) {
	t.Helper()
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "ca.crt"), pem("ours"))
	list, err := Environment(base, CommandEnv{
		URL: "https://localhost:1", CAFile: filepath.Join(dir, "ca.crt"), BundleDir: filepath.Join(dir, "run", "bundles"),
		SystemRoots: func() ([]byte, error) { return []byte(pem("system")), systemError },
		Logf:        func(format string, args ...any) { said += fmt.Sprintf(format, args...) + "\n" },
	})
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(dir, "run", "bundles")); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info, err)
	}
	content = map[string]string{}
	for _, variable := range trustVariables {
		path := newEnviron(list).get(variable.name)
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		content[variable.name] = string(data)
	}
	return content, said
}

func TestTrustVariables(t *testing.T) {
	dir := t.TempDir()
	corp, node, folder := filepath.Join(dir, "corp.pem"), filepath.Join(dir, "node.pem"), filepath.Join(dir, "certs")
	writeFile(t, corp, strings.TrimSuffix(pem("corp"), "\n")) // a bundle may lack its last newline
	writeFile(t, node, pem("node"))
	writeFile(t, filepath.Join(folder, "a.pem"), pem("a"))
	writeFile(t, filepath.Join(folder, "b.pem"), pem("b"))
	writeFile(t, filepath.Join(folder, "README"), "no certificate")
	if err := os.Symlink("a.pem", filepath.Join(folder, "0123abcd.0")); err != nil {
		t.Fatal(err)
	}
	system, ours := pem("system")+pem("ours"), pem("ours")
	corpOurs := pem("corp") + ours
	for name, tt := range map[string]struct {
		base                      []string
		ssl, curl, requests, node string
		says                      string
	}{
		"nothing set":      {nil, system, system, system, ours, ""},
		"empty values":     {[]string{"SSL_CERT_FILE=", "NODE_EXTRA_CA_CERTS="}, system, system, system, ours, ""},
		"requests' own":    {[]string{"REQUESTS_CA_BUNDLE=" + corp}, system, system, corpOurs, ours, ""},
		"curl's own":       {[]string{"CURL_CA_BUNDLE=" + corp}, system, corpOurs, corpOurs, ours, ""},
		"OpenSSL's own":    {[]string{"SSL_CERT_FILE=" + corp}, corpOurs, corpOurs, system, ours, ""},
		"Node's own":       {[]string{"NODE_EXTRA_CA_CERTS=" + node}, system, system, system, pem("node") + ours, ""},
		"a folder":         {[]string{"REQUESTS_CA_BUNDLE=" + folder}, system, system, pem("a") + pem("b") + ours, ours, ""},
		"not there":        {[]string{"SSL_CERT_FILE=" + dir + "/none", "CURL_CA_BUNDLE=" + corp}, ours, corpOurs, corpOurs, ours, "SSL_CERT_FILE names roots"},
		"an empty folder":  {[]string{"REQUESTS_CA_BUNDLE=" + t.TempDir()}, system, system, ours, ours, "no certificates"},
		"the last counts":  {[]string{"SSL_CERT_FILE=/none", "SSL_CERT_FILE=" + corp}, corpOurs, corpOurs, system, ours, ""},
		"Node and another": {[]string{"NODE_EXTRA_CA_CERTS=" + corp, "SSL_CERT_FILE=" + corp}, corpOurs, corpOurs, system, corpOurs, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, said := trustOf(t, nil, tt.base...)
			for variable, want := range map[string]string{
				"SSL_CERT_FILE": tt.ssl, "CURL_CA_BUNDLE": tt.curl, "REQUESTS_CA_BUNDLE": tt.requests, "NODE_EXTRA_CA_CERTS": tt.node,
			} {
				if got[variable] != want {
					t.Errorf("%s holds\n%s\nwant\n%s", variable, got[variable], want)
				}
			}
			if (said == "") != (tt.says == "") || !strings.Contains(said, tt.says) {
				t.Errorf("it said %q, want %q", said, tt.says)
			}
		})
	}
}

func TestTrustWithoutSystemRoots(t *testing.T) {
	got, said := trustOf(t, errors.New("no roots here"))
	if got["SSL_CERT_FILE"] != pem("ours") {
		t.Errorf("%q", got)
	}
	if strings.Count(said, "no roots here") != 1 {
		t.Errorf("it said %q", said)
	}
}

func TestEnvironmentNeedsTheCA(t *testing.T) {
	_, err := Environment(nil, CommandEnv{URL: "https://localhost", CAFile: filepath.Join(t.TempDir(), "none"), BundleDir: t.TempDir()})
	if fault.ReasonOf(err) != fault.LocalState {
		t.Error(err)
	}
}

// TestClientsInTheEnvironment: real clients reach Kubeflow's door and, with the
// same variables, a server of the user's own CA.
func TestClientsInTheEnvironment(t *testing.T) {
	kubeflow, corp := newDoor(t, true), newDoor(t, true)
	list, err := Environment(
		[]string{
			"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "SSL_CERT_FILE=" + corp.caFile, "REQUESTS_CA_BUNDLE=" + corp.caFile,
			"NODE_EXTRA_CA_CERTS=" + corp.caFile, "HTTPS_PROXY=http://127.0.0.1:1", "https_proxy=http://127.0.0.1:1",
		},
		CommandEnv{URL: kubeflow.at("localhost"), CAFile: kubeflow.caFile, BundleDir: filepath.Join(t.TempDir(), "bundles")})
	if err != nil {
		t.Fatal(err)
	}
	const urllib = "import sys, urllib.request\nfor u in sys.argv[1:]: urllib.request.urlopen(u, timeout=20).read()"
	const requests = "import sys, requests\nfor u in sys.argv[1:]: requests.get(u, timeout=20).raise_for_status()"
	const fetch = "(async () => { for (const u of process.argv.slice(1)) await fetch(u) })()"
	for name, start := range map[string]func(t *testing.T) []string{
		"curl":     func(t *testing.T) []string { return []string{need(t, "curl"), "-fsS"} },
		"urllib":   func(t *testing.T) []string { return []string{need(t, "python3"), "-c", urllib} },
		"requests": func(t *testing.T) []string { return []string{needModule(t, "requests"), "-c", requests} },
		"node":     func(t *testing.T) []string { return []string{need(t, "node"), "-e", fetch} },
	} {
		t.Run(name, func(t *testing.T) {
			args := append(start(t), kubeflow.at("localhost"), corp.at("127.0.0.1"), kubeflow.at("127.0.0.1"))
			command := exec.CommandContext(t.Context(), args[0], args[1:]...)
			command.Env = list
			if out, err := command.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if len(kubeflow.took()) != 2 || len(corp.took()) != 1 {
				t.Error("a request did not arrive")
			}
		})
	}
}
