package clients

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

func TestEnv(t *testing.T) {
	h := handing(plain())
	h.CAFile = "/home/o'neil/ca.crt"
	cookie := "oauth2_proxy_kubeflow=" + plainValue
	for shell, want := range map[string]string{
		"": "export KFTLS_URL='https://localhost:8443'\nexport KFTLS_COOKIE='" + cookie + "'\n" +
			"export KF_PIPELINES_ENDPOINT='https://localhost:8443/pipeline'\nexport KFTLS_CA_FILE='/home/o'\\''neil/ca.crt'\n",
		"fish": "set -gx KFTLS_URL 'https://localhost:8443'\nset -gx KFTLS_COOKIE '" + cookie + "'\n" +
			"set -gx KF_PIPELINES_ENDPOINT 'https://localhost:8443/pipeline'\nset -gx KFTLS_CA_FILE '/home/o\\'neil/ca.crt'\n",
		"powershell": "$env:KFTLS_URL = 'https://localhost:8443'\n$env:KFTLS_COOKIE = '" + cookie + "'\n" +
			"$env:KF_PIPELINES_ENDPOINT = 'https://localhost:8443/pipeline'\n$env:KFTLS_CA_FILE = '/home/o''neil/ca.crt'\n",
		"dotenv": "KFTLS_URL='https://localhost:8443'\nKFTLS_COOKIE='" + cookie + "'\n" +
			"KF_PIPELINES_ENDPOINT='https://localhost:8443/pipeline'\nKFTLS_CA_FILE=\"/home/o'neil/ca.crt\"\n",
	} {
		if got := mustForm(t, "env", h, shell); got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", shell, got, want)
		}
	}
}

func TestEnvOfNoLoginLeavesNoOldCookie(t *testing.T) {
	want := "export KFTLS_URL='https://localhost:8443'\nexport KFTLS_COOKIE=''\nexport KF_PIPELINES_ENDPOINT='https://localhost:8443/pipeline'\n"
	if got := mustForm(t, "env", handing(nil), "posix"); got != want {
		t.Errorf("got\n%s", got)
	}
}

// evil are values that shells would like to do something with.
var evil = []string{
	"", " ", `'`, `"`, `\`, `\\`, `'\''`, `"\"'"`, "`id`", "$(id)", "$HOME", "${HOME}", "!!", "%PATH%", "~", "*", "#x", "a b",
	`C:\new\table\'`, `it's`, `\n`, `$'\n'`, ";id", "&id", "|id", "a=b|c=", `\\'\\`, `"'` + "`" + `$\`,
}

// assignEvil sets a variable for each evil value, V0 and so on, in one script.
// Those that cannot be written for the shell are left out.
func assignEvil(t testing.TB, shell string) (script string, want map[string]string) {
	t.Helper()
	want = map[string]string{}
	for i, value := range evil {
		for j, value := range []string{value, value + "é‘’‚‛"} {
			name := fmt.Sprintf("V%d_%d", i, j)
			line, err := assign(shell, name, value)
			if fault.ReasonOf(err) == fault.Usage {
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			script += line + "\n"
			want[name] = value
		}
	}
	return script, want
}

// environment0 reads what `env -0` prints.
func environment0(printed string) map[string]string {
	got := map[string]string{}
	for entry := range strings.SplitSeq(printed, "\x00") {
		name, value, _ := strings.Cut(entry, "=")
		got[name] = value
	}
	return got
}

func wantVariables(t testing.TB, got, want map[string]string) {
	t.Helper()
	for name, value := range want {
		if set, there := got[name]; !there || set != value {
			t.Errorf("%s is %q (set: %t), want %q", name, set, there, value)
		}
	}
}

// TestShellsReadEnv runs what is written in the real shell and looks at the
// environment of a program that it starts.
func TestShellsReadEnv(t *testing.T) {
	for shell, start := range map[string][]string{
		"posix":      {"sh"},
		"fish":       {"fish", "--no-config"},
		"powershell": {"pwsh", "-NoProfile", "-File"},
	} {
		t.Run(shell, func(t *testing.T) {
			program := need(t, start[0])
			script, want := assignEvil(t, shell)
			if len(want) != 2*len(evil) {
				t.Errorf("only %d values could be written", len(want))
			}
			printed := run(t, program, append(start[1:], file(t, "env.ps1", script+"env -0\n"))...)
			wantVariables(t, environment0(printed), want)
		})
	}
}

// TestReadersOfDotenv: what is written is understood alike by programs that
// read .env files; what they differ about is refused.
func TestReadersOfDotenv(t *testing.T) {
	script, want := assignEvil(t, "dotenv")
	if len(want) < len(evil) {
		t.Errorf("only %d values could be written", len(want))
	}
	path := file(t, ".env", script)
	t.Run("sh", func(t *testing.T) {
		wantVariables(t, environment0(run(t, need(t, "sh"), "-c", "set -a; . "+path+"; env -0")), want)
	})
	t.Run("node", func(t *testing.T) {
		node := need(t, "node")
		if err := exec.CommandContext(t.Context(), node, "--env-file="+path, "-e", "0").Run(); err != nil {
			t.Skipf("NOT RUN %s: this node reads no .env files", t.Name())
		}
		wantVariables(t, fromJSON(t, run(t, node, "--env-file="+path, "-e", "console.log(JSON.stringify(process.env))")), want)
	})
	t.Run("python-dotenv", func(t *testing.T) {
		python := needModule(t, "dotenv")
		const program = "import dotenv, json, sys; print(json.dumps(dotenv.dotenv_values(sys.argv[1])))"
		wantVariables(t, fromJSON(t, run(t, python, "-c", program, path)), want)
	})
}

func fromJSON(t testing.TB, text string) map[string]string {
	t.Helper()
	got := map[string]string{}
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	return got
}

// TestKFPReadsItsContext lets the real SDK find the cookie in its context.
func TestKFPReadsItsContext(t *testing.T) {
	python := needModule(t, "kfp")
	d := newDoor(t, false)
	home := t.TempDir()
	path := KFPContextPath(home, func(string) string { return "" })
	if err := WriteKFPContext(path, "team", splitHeader); err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), python, "-W", "ignore", "-c",
		"import kfp; c = kfp.Client(); print(c.get_kfp_healthz().multi_user, c.get_user_namespace())")
	command.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "KF_PIPELINES_ENDPOINT=" + d.at("localhost") + pipelinePath}
	out, err := command.CombinedOutput()
	if err != nil || !strings.HasSuffix(string(out), "True team\n") {
		t.Fatalf("%v\n%s", err, out)
	}
	wantTaken(t, d, splitHeader)
	if filepath.Dir(path) != filepath.Join(home, ".config", "kfp") {
		t.Error(path)
	}
}
