package cmd

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/kftls/kubectl-kftls/pkg/clients"
	"github.com/kftls/kubectl-kftls/pkg/endpoint"
	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/session"
)

// maxPasted is as much as is read of a pasted text: a request with all cookies
// of a browser is far below.
const maxPasted = 1 << 20

// pasteQuestion asks for a cookie.
const pasteQuestion = "Paste the cookie of %s, or a request copied as cURL, and press Enter (it is not shown; after several lines, Enter on an empty line): "

// readImport reads the cookies that the user brings, from stdin or unseen from
// the terminal. Nothing has been sent yet.
func (o *cookieOptions) readImport(ctx context.Context) ([]session.Cookie, error) {
	f := o.factory
	var (
		text []byte
		err  error
	)
	if f.UI.InIsTerminal() {
		var typed string
		typed, err = f.UI.AskSecretText(ctx, fmt.Sprintf(pasteQuestion, o.importHost()), pasteGoesOn)
		text = []byte(typed)
	} else {
		text, err = readStdin(ctx, f, maxPasted)
	}
	if err != nil {
		return nil, fmt.Errorf("--import: %w", err)
	}
	return clients.ParsePasted(text, o.importHost())
}

// importHost is the host that the pasted cookies must belong to.
func (o *cookieOptions) importHost() string {
	if origin, err := o.sessionFlags.validate(); err == nil && origin != nil {
		return origin.Hostname()
	}
	return cmp.Or(o.host, endpoint.DefaultHost)
}

// adopt has the cookies checked by Kubeflow, and keeps them. --login names the
// session where Kubeflow does not.
func (o *cookieOptions) adopt(ctx context.Context, v *visit, cookies []session.Cookie) (*obtained, error) {
	adopted, err := v.client.Adopt(ctx, cookies)
	if fault.ReasonOf(err) == fault.LoginNeeded {
		return nil, fault.Wrap(fault.LoginNeeded, "copy the cookie anew from a browser that is logged in at this Kubeflow", err)
	}
	if err != nil {
		return nil, err
	}
	adopted.Login = o.login
	if adopted.User == "" && adopted.Login == "" {
		adopted.Login = "imported"
	}
	v.store(adopted)
	o.factory.UI.Note("imported the session of %s", describeSession(adopted, o.factory.Now()))
	return &obtained{Session: adopted}, nil
}

// header is a line of an HTTP request: its first one or "Name: value".
var headerLine = regexp.MustCompile(`^([A-Z]+ \S+ HTTP/[0-9.]+|[A-Za-z][A-Za-z0-9-]*:( .*|))$`)

// pasteGoesOn tells whether a pasted text has more lines to come: a command that
// continues, a cookie file, headers before the one with the cookies. An empty
// line ends each.
func pasteGoesOn(text string) bool {
	last := text[strings.LastIndexByte(text, '\n')+1:]
	switch {
	case strings.TrimSpace(last) == "":
		return false
	case strings.HasSuffix(last, `\`), strings.HasSuffix(last, "^"), strings.HasSuffix(last, "`"):
		return true
	case strings.HasPrefix(text, "#"), strings.Contains(last, "\t"): // a cookie file
		return true
	case strings.HasPrefix(text, "$session"): // copied as PowerShell
		return true
	}
	return headerLine.MatchString(last) && !strings.Contains(strings.ToLower("\n"+text), "\ncookie:")
}

// refuseImport finds what cannot go with --import.
func (o *cookieOptions) refuseImport() error {
	switch {
	case !o.imported:
		return nil
	case o.passwordStdin:
		return fault.New(fault.Usage, "leave one of them out", "--import and --password-stdin both read stdin, and an imported cookie needs no password")
	case o.fresh:
		return fault.New(fault.Usage, "leave one of them out", "--import takes the browser's session, and --fresh makes a new one")
	}
	return nil
}
