package clienttrust

import (
	"context"
	"os"
	"strings"
)

// wget finds wget. Its second version prints other words, which are not known
// here.
func (f *finder) wget(ctx context.Context) []Client {
	program, ok := f.first("wget")
	if !ok {
		return nil
	}
	c := Client{Name: "wget", Program: program, behaviour: behaviour{fix: wgetFix, run: runWget}}
	said := f.ask(ctx, program, "--version")
	c.Version = afterWord(said, "GNU Wget ")
	switch {
	case c.Version == "":
		c.RootsFrom = "its own, not read"
		return []Client{c}
	case strings.Contains(said, "+ssl/gnutls"):
		c.Library = "GnuTLS"
		c.behaviour.judge, c.behaviour.text = judgeGnuTLS, wgetGnuTLSText
	case strings.Contains(said, "+ssl/openssl"):
		c.Library = "OpenSSL"
		c.behaviour.judge, c.behaviour.text = judgeCurl, wgetOpenSSLText
		c.options = options{commonName: true}
	}
	c.options.partial = c.Library == "GnuTLS" // any certificate of its list is an end
	from := systemBundle()
	file, insecure := f.wgetConfig()
	c.checksNothing = insecure
	bundles := []string{from}
	if file != "" { // adds to the system's
		bundles = append(bundles, file)
		from = "ca_certificate=" + file + " in its configuration"
	}
	f.rooted(&c, from, bundles, nil)
	c.RootsKnown = from != ""
	return []Client{c}
}

func wgetFix(caFile string) string { return "wget --ca-certificate=" + shellWord(caFile) }

func runWget(ctx context.Context, c Client, to target) (answer, error) {
	o, err := start(ctx, c.environ, c.Program, "-nv", "-O", os.DevNull, "--no-proxy", "--no-netrc", "--no-hsts",
		"--tries=1", "--max-redirect=0", to.url)
	if err != nil {
		return answer{}, err
	}
	// "Exit Status" of wget(1): 5 is the check of the certificate, 8 an answer
	// of the server that is an error. A redirect that is not followed is one, too.
	switch o.code {
	case 0, 8:
		return answer{accepted: true}, nil
	case 5:
		return answer{text: o.stderr}, nil
	}
	return answer{}, notAsked(o)
}
