package cmd

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/session"
	"github.com/kftls/kubectl-kftls/pkg/ui"
)

const (
	// passwordTries is how often a password is asked for on a terminal.
	passwordTries = 3
	// maxPassword is far above any password: who pipes in more has mistaken the
	// file.
	maxPassword = 64 << 10
	// stdinWait bounds the wait for stdin. A password store may ask its owner for
	// a PIN meanwhile.
	stdinWait = 5 * time.Minute
)

// credentialSource is where login and password come from: the flags, stdin, the
// environment, or a person at the terminal.
type credentialSource struct {
	ui   *ui.UI
	name string // of the program

	given    session.Credentials // what is at hand without asking
	withheld string              // why the environment's password is not used
}

// credentials reads what is at hand. A password of the environment belongs to
// the environment's login: it is not tried for another one.
func (s *sessionFlags) credentials(ctx context.Context, f *Factory) (*credentialSource, error) {
	c := &credentialSource{ui: f.UI, name: f.Name}
	c.given = session.Credentials{Login: cmp.Or(s.login, f.Login), Password: f.Password}
	if s.login != "" && f.Login != "" && s.login != f.Login && f.Password != "" {
		c.given.Password = ""
		c.withheld = "; KFTLS_PASSWORD belongs to KFTLS_LOGIN, which is " + f.Login
	}
	if !s.passwordStdin {
		return c, nil
	}
	if c.given.Login == "" {
		return nil, fault.New(fault.Usage, "--login NAME --password-stdin", "--password-stdin needs --login or KFTLS_LOGIN: whose password it is")
	}
	var err error
	c.given.Password, err = readPassword(ctx, f)
	return c, err
}

// login is whom the flags or the environment name, "" for nobody.
func (c *credentialSource) login() string { return c.given.Login }

// ready tells that login and password are at hand without asking.
func (c *credentialSource) ready() bool { return c.given.Login != "" && c.given.Password != "" }

// tries is how often a login is worth trying: what was not typed does not get
// better by itself.
func (c *credentialSource) tries() int {
	if c.given.Password == "" && c.ui.CanAsk() {
		return passwordTries
	}
	return 1
}

// get returns credentials for an origin, and asks on the terminal for what is
// not at hand. login is the stored session's, "" for none; prompt is what the
// form calls the login. After a refusal the login is not asked for again: the
// error has shown it. Without a terminal the error is LoginNeeded and names the
// other ways.
func (c *credentialSource) get(ctx context.Context, origin, login, prompt string) (k session.Credentials, err error) {
	k = session.Credentials{Login: cmp.Or(c.given.Login, login), Password: c.given.Password}
	if k.Login != "" && k.Password != "" {
		return k, nil
	}
	if !c.ui.CanAsk() {
		return k, c.nobodyToAsk(origin, k)
	}
	if k.Login == "" {
		k.Login, err = c.ui.Ask(ctx, fmt.Sprintf("%s at %s: ", cmp.Or(prompt, "Login"), origin))
		c.given.Login = k.Login
	}
	if err == nil && k.Login != "" && k.Password == "" {
		k.Password, err = c.ui.AskSecret(ctx, fmt.Sprintf("Password of %s at %s: ", k.Login, origin))
	}
	if err == nil && (k.Login == "" || k.Password == "") {
		err = fault.New(fault.LoginNeeded, "", "log in at %s: nothing was typed", origin)
	}
	return k, err
}

// nobodyToAsk names the ways to log in without a terminal.
func (c *credentialSource) nobodyToAsk(origin string, k session.Credentials) error {
	missing := "no password for " + k.Login + " is"
	switch {
	case k.Login == "" && k.Password == "":
		missing = "no login and password are"
	case k.Login == "":
		missing = "no login is"
	}
	hint := "pipe the password in with --login NAME --password-stdin, set KFTLS_LOGIN and KFTLS_PASSWORD, " +
		"or take a browser's cookie: " + c.name + " cookie --import"
	return fault.New(fault.LoginNeeded, hint, "log in at %s: %s at hand, and there is no terminal to ask on%s", origin, missing, c.withheld)
}

// readPassword reads the password from stdin and takes off one LF or CRLF,
// nothing else.
func readPassword(ctx context.Context, f *Factory) (string, error) {
	const hint = "printf %s PASSWORD | kubectl kftls … --password-stdin; without that flag it is asked for"
	if f.UI.InIsTerminal() {
		return "", fault.New(fault.Usage, "leave --password-stdin out: the password is asked for and not shown",
			"--password-stdin: stdin is a terminal, which would show the password")
	}
	input, err := readStdin(ctx, f, maxPassword)
	if err != nil {
		return "", fault.Wrap(fault.Usage, hint, fmt.Errorf("--password-stdin: %w", err))
	}
	password, found := strings.CutSuffix(string(input), "\n")
	if found {
		password = strings.TrimSuffix(password, "\r")
	}
	if password == "" {
		return "", fault.New(fault.Usage, hint, "--password-stdin: stdin is empty")
	}
	return password, nil
}

// readStdin reads all of stdin, while the context lasts and not for ever. A read
// that goes on then is left to the end of the process.
func readStdin(ctx context.Context, f *Factory, limit int64) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, stdinWait)
	defer cancel()
	type result struct {
		data []byte
		err  error
	}
	done := make(chan result, 1)
	go func() {
		data, err := io.ReadAll(io.LimitReader(f.Streams.In, limit+1))
		done <- result{data, err}
	}()
	select {
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for stdin: %w", ctx.Err())
	case r := <-done:
		if int64(len(r.data)) > limit {
			return nil, fmt.Errorf("there are more than %d bytes on stdin", limit)
		}
		return r.data, r.err
	}
}
