package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

//go:embed class.py
var class []byte

// chainScript is the login by curl alone, without a look at what comes back: a
// cookie jar, the redirects to the form, the POST, the callback.
const chainScript = `
set -eu
jar=$(mktemp -p "$DIR")
form=$(curl -sS -L -b "$jar" -c "$jar" -o /dev/null -w '%{url_effective}' "$ORIGIN/oauth2/start?rd=%2F")
callback=$(curl -sS -b "$jar" -c "$jar" -o /dev/null -w '%{redirect_url}' --data-urlencode "login=$KFTLS_LOGIN" --data-urlencode "password=$KFTLS_PASSWORD" "$form")
curl -sS -b "$jar" -c "$jar" -o /dev/null "$callback"
grep -o 'oauth2_proxy_kubeflow[^_].*' "$jar"
rm "$jar"
`

// loginWay is one way from a login and its password to a session cookie.
type loginWay struct {
	way
	first, again int // requests that arrive at the gateway
}

// benchLogin lets the ways to a cookie take turns. The class and curl speak
// with a gateway pod directly; the plugin finds it through the API server.
func benchLogin(ctx context.Context, bed *testbed, rounds int) error {
	fmt.Printf("\n## From login and password to a session cookie, %d rounds\n\n", rounds)
	python, err := bed.python(ctx)
	if err != nil {
		return err
	}
	script := filepath.Join(bed.dir, "class.py")
	if err := os.WriteFile(script, class, 0o600); err != nil {
		return err
	}
	origin := "http://" + bed.gateways[0] + ":8080"
	nothing := func(context.Context) error { return nil }
	cookieBy := func(env []string, name string, args ...string) func(context.Context) error {
		return func(ctx context.Context) error { return bed.cookie(ctx, env, name, args...) }
	}
	chain := []string{"DIR=" + bed.dir, "ORIGIN=" + origin}
	ways := []*loginWay{
		{way: way{series: series{name: "bare chain by curl, straight to the gateway"}, do: cookieBy(chain, "bash", "-c", chainScript)}},
		{way: way{series: series{name: "`kubectl kftls cookie`, a new login, checked, through the API server"}, do: cookieBy(nil, bed.plugin, "cookie", "--fresh")}},
		{way: way{series: series{name: "the documentation's class, straight to the gateway"}, do: cookieBy(nil, python, script, origin+"/")}},
		{way: way{series: series{name: "`kubectl kftls cookie`, stored, checked"}, do: cookieBy(nil, bed.plugin, "cookie")}},
	}
	for _, w := range ways {
		w.prepare, w.undo = nothing, nothing
		if w.first, err = bed.atGateway(ctx, w.do); err != nil { // warms up, too
			return fmt.Errorf("%s: %w", w.name, err)
		}
		if w.again, err = bed.atGateway(ctx, w.do); err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
	}
	for round := range rounds {
		for _, w := range ways {
			if err := w.turn(ctx); err != nil {
				return fmt.Errorf("round %d, %s: %w", round+1, w.name, err)
			}
		}
	}
	fmt.Println("| way | median | least | most | requests at the gateway: first, later |")
	fmt.Println("|---|---|---|---|---|")
	for _, w := range ways {
		fmt.Printf("%s %d, %d |\n", w.row(), w.first, w.again)
	}
	curl, plugin, pasted, stored := ways[0].median(), ways[1].median(), ways[2].median(), ways[3].median()
	fmt.Println("\nOf the plugin's requests to a new login, one checks the session and one learns its end; a first login looks for the connector.")
	fmt.Printf("\n`cookie` takes %s more than the chain by curl (goal: at most 0.1s) and %.2f of the class's time (goal: at most 0.80).\n",
		signed(plugin-curl), float64(plugin)/float64(pasted))
	fmt.Printf("A stored session is checked and printed within %s (goal: at most 150ms, one request).\n", short(stored))
	return nil
}

func signed(d time.Duration) string { return d.Round(time.Millisecond).String() }

// python is an interpreter with requests.
func (b *testbed) python(ctx context.Context) (string, error) {
	command := exec.CommandContext(ctx, filepath.Join("scripts", "python.sh"))
	command.Stderr = os.Stderr
	folder, err := command.Output() // with the user's HOME: the environment is kept in the cache folder
	if err != nil {
		return "", fmt.Errorf("scripts/python.sh: %w", err)
	}
	return filepath.Join(strings.TrimSpace(string(folder)), "python3"), nil
}

// cookie runs a program that must print a cookie.
func (b *testbed) cookie(ctx context.Context, env []string, name string, args ...string) error {
	command := exec.CommandContext(ctx, name, args...)
	command.Env = slices.Concat(b.env, []string{"KFTLS_LOGIN=user@example.com", "KFTLS_PASSWORD=12341234"}, env)
	var problem strings.Builder
	command.Stderr = &problem
	out, err := command.Output()
	if err != nil {
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(problem.String()))
	}
	if !strings.Contains(string(out), "oauth2_proxy_kubeflow") {
		return errors.New("it printed no session cookie")
	}
	return nil
}
