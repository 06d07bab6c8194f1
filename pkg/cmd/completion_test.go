package cmd

import (
	"os/exec"
	"runtime"
	"strings"
	"testing"
)

func TestCompletionScripts(t *testing.T) {
	for shell, want := range map[string]string{
		"bash":       "complete -o default",
		"zsh":        "#compdef kubectl-kftls",
		"fish":       "complete -c kubectl-kftls",
		"powershell": "Register-ArgumentCompleter",
		"kubectl":    "kubectl kftls __complete ",
	} {
		t.Run(shell, func(t *testing.T) {
			got := run(t, "completion", shell)
			if got.code != 0 || got.err != "" || !strings.Contains(got.out, want) {
				t.Fatalf("exit code %d, stderr %q; %q not in\n%s", got.code, got.err, want, got.out)
			}
			interpreter := map[string]string{"bash": "bash", "kubectl": "sh"}[shell]
			if interpreter == "" || runtime.GOOS == "windows" {
				return
			}
			check := exec.Command(interpreter, "-n")
			check.Stdin = strings.NewReader(got.out)
			if out, err := check.CombinedOutput(); err != nil {
				t.Errorf("%s does not take it: %v\n%s", interpreter, err, out)
			}
		})
	}
}

func TestEachSystemHasAShim(t *testing.T) {
	for system, want := range map[string]string{
		"linux":   "#!/usr/bin/env sh\n",
		"darwin":  "#!/usr/bin/env sh\n",
		"windows": "@kubectl kftls __complete %*\r\n",
	} {
		if got := kubectlShim(system); !strings.HasPrefix(got, want) {
			t.Errorf("%s: got %q", system, got)
		}
	}
}

func TestCompletionOfWords(t *testing.T) {
	for _, test := range []struct {
		words []string
		want  string
	}{
		{[]string{"ver"}, "version\tPrint the versions of this program and of the cluster\n"},
		{[]string{"completion", "po"}, "powershell\n"},
		{[]string{"completion", "k"}, "kubectl\n"},
	} {
		got := run(t, append([]string{"__complete"}, test.words...)...)
		if got.code != 0 || !strings.HasPrefix(got.out, test.want) {
			t.Errorf("%q: got %d, %q; want %q", test.words, got.code, got.out, test.want)
		}
	}
}
