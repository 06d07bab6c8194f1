// Package judge asks real clients whether Kubeflow can be reached: curl, Python
// with requests, kfp, a login with requests. It knows nothing of the plugin.
package judge

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Look is one try of a client, and how it shows that it is broken or well.
type Look struct {
	// Client is curl (the default), requests, kfp, or login (with requests).
	Client string `json:"client"`
	// URL without a port leads straight to the first gateway pod, 8443 or 8080;
	// with a port to that port of this computer.
	URL string `json:"url"`
	// Through is a port of the ingress Service: the client goes through a
	// kubectl port-forward to it, and its words count, too.
	Through int `json:"through"`
	// CA is the file of trusted certificates; Cookie the one with the value of a
	// Cookie header.
	CA     string `json:"ca"`
	Cookie string `json:"cookie"`
	// Args are further arguments of curl, or login and password.
	Args []string `json:"args"`
	// Broken and Well are the signs.
	Broken Sign `json:"broken"`
	Well   Sign `json:"well"`
}

// Sign is what a client shows: one of the exit codes (0 if none is said), and a
// match of the regular expression in what it printed.
type Sign struct {
	Exit []int  `json:"exit"`
	Says string `json:"says"`
}

// Surroundings are where the client runs.
type Surroundings struct {
	Dir string
	Env []string
	// Gateway is the address of a gateway pod.
	Gateway string
	// Port is a free port for a port-forward.
	Port int
}

// Answer is what a client showed.
type Answer struct {
	Exit int
	Text string
}

// Shows tells whether the sign is in the answer.
func (s Sign) Shows(a Answer) bool {
	exits := s.Exit
	if exits == nil {
		exits = []int{0}
	}
	return slices.Contains(exits, a.Exit) && regexp.MustCompile(s.Says).MatchString(a.Text)
}

// WellSign is how this client shows that all is well: the sign-in page for who
// has no cookie, else 200 or what kfp prints.
func (l Look) WellSign() Sign {
	switch {
	case l.Well.Says != "" || l.Well.Exit != nil:
		return l.Well
	case l.Client == "kfp":
		return Sign{Says: `multi_user.: True`}
	case l.Client == "login" || l.Cookie != "":
		return Sign{Says: `(?m)^(HTTP/\S+ )?200`}
	}
	return Sign{Says: `Sign in with Dex|(?i)location: /dex/auth`}
}

// Check finds what can be wrong with a Look itself.
func (l Look) Check() error {
	if l.URL == "" {
		return errors.New("the judge has no URL")
	}
	if _, ok := scripts[l.Client]; !ok && l.Client != "" && l.Client != "curl" {
		return fmt.Errorf("there is no client %q", l.Client)
	}
	for _, sign := range []Sign{l.Broken, l.Well} {
		if _, err := regexp.Compile(sign.Says); err != nil {
			return err
		}
	}
	return nil
}

// With is the same look, but for what another one sets.
func (l Look) With(other *Look) Look {
	if other == nil {
		return l
	}
	for _, field := range []struct{ old, changed *string }{
		{&l.Client, &other.Client}, {&l.URL, &other.URL}, {&l.CA, &other.CA}, {&l.Cookie, &other.Cookie},
	} {
		if *field.changed != "" {
			*field.old = *field.changed
		}
	}
	if other.Through != 0 {
		l.Through = other.Through
	}
	if other.Args != nil {
		l.Args = other.Args
	}
	if other.Well.Says != "" || other.Well.Exit != nil {
		l.Well = other.Well
	}
	return l
}

//go:embed requests.py
var requestsScript string

//go:embed kfp.py
var kfpScript string

//go:embed login.py
var loginScript string

var scripts = map[string]string{"requests": requestsScript, "kfp": kfpScript, "login": loginScript}

// limit is for one try: a client that hangs is broken.
const limit = 15 * time.Second

// Try runs the client once.
func (l Look) Try(ctx context.Context, where Surroundings) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	target := where.Gateway
	said := func() string { return "" }
	if l.Through != 0 {
		forward, err := startForward(ctx, l.Through, where)
		if err != nil {
			return Answer{}, err
		}
		defer forward.stop()
		if !forward.listens() {
			return Answer{Exit: forward.exit(), Text: forward.said()}, nil
		}
		target, said = fmt.Sprintf("127.0.0.1:%d", where.Port), forward.said
	}
	cmd, err := l.command(ctx, where.Dir, target)
	if err != nil {
		return Answer{}, err
	}
	cmd.Dir, cmd.Env = where.Dir, where.Env
	if cmd.Path, err = lookPath(cmd.Args[0], where.Env); err != nil {
		return Answer{}, err
	}
	cmd.Err = nil // of a PATH that is not the client's
	out, err := cmd.CombinedOutput()
	if _, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended {
		return Answer{}, err
	}
	return Answer{Exit: cmd.ProcessState.ExitCode(), Text: string(out) + said()}, nil
}

// command is the client's command line. Cookies go in by standard input or a
// file, so that no other process can read them.
func (l Look) command(ctx context.Context, dir, target string) (*exec.Cmd, error) {
	cookie := ""
	if l.Cookie != "" {
		text, err := os.ReadFile(filepath.Join(dir, l.Cookie))
		if err != nil {
			return nil, err
		}
		cookie = strings.TrimSpace(string(text))
	}
	connect := map[string]string{"http": target, "https": target}
	if !strings.Contains(target, ":") {
		connect = map[string]string{"http": target + ":8080", "https": target + ":8443"}
	}
	scheme, rest, _ := strings.Cut(l.URL, "://")
	host, _, _ := strings.Cut(rest, "/")
	if strings.Contains(host, ":") {
		connect = nil
	}
	if script, ok := scripts[l.Client]; ok {
		cmd := exec.CommandContext(ctx, "python3", append([]string{"-c", script, l.URL, connect[scheme], l.CA}, l.Args...)...)
		cmd.Stdin = strings.NewReader(cookie)
		return cmd, nil
	}
	args := []string{"-sS", "-i", "--max-time", "10", "-K", "-"}
	for _, scheme := range slices.Sorted(maps.Keys(connect)) {
		port := map[string]string{"http": "80", "https": "443"}[scheme]
		args = append(args, "--connect-to", ":"+port+":"+connect[scheme])
	}
	if l.CA != "" {
		args = append(args, "--cacert", l.CA)
	}
	cmd := exec.CommandContext(ctx, "curl", append(append(args, l.Args...), l.URL)...)
	if cookie != "" {
		cmd.Stdin = strings.NewReader("header = \"Cookie: " + strings.ReplaceAll(cookie, `"`, `\"`) + "\"\n")
	}
	return cmd, nil
}
