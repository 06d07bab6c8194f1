// Package clienttrust says what the TLS clients of this computer would make of
// a certificate chain: whether curl, Python, Node, Java, Go and others accept
// it, and in which words they refuse it. A prediction comes from the client's
// own roots and the rules of its TLS library, and sends nothing; Run asks the
// client itself. The tests hold the one against the other.
package clienttrust

import (
	"context"
	"crypto/x509"
	"sync"
	"time"
)

// Client is a TLS client on this computer.
type Client struct {
	// Name is what people call it.
	Name string
	// Library is its TLS library as it says itself, such as OpenSSL/3.0.19; ""
	// if it does not.
	Library string
	// Version is its own.
	Version string
	// Program is the file that Run starts; "" for this very program (Go).
	Program string
	// RootsFrom is where its roots come from: files, or the variable that names
	// one.
	RootsFrom string
	// Roots are what it trusts. They say nothing unless RootsKnown.
	Roots      []*x509.Certificate
	RootsKnown bool

	behaviour behaviour
	// public stand for public CAs that a browser may have in its program, and
	// special are certificates of which its database says something of their own.
	public, special []*x509.Certificate
	// broken is what the client says of roots that it was told to take and
	// cannot read, whatever is served.
	broken string
	// checksNothing is a client whose own configuration turns the check off.
	checksNothing bool
	// options are those of OpenSSL that Python sets, and that differ by version.
	options options
	// environ is what Run starts it with: what it was found with.
	environ []string
}

type options struct {
	// partial ends a chain at any trusted certificate, not only at a
	// self-signed one.
	partial bool
	// strict asks for the extensions of RFC 5280.
	strict bool
	// commonName takes the name of a leaf that has no DNS SAN from its subject.
	commonName bool
}

// behaviour is one kind of client: how it judges, speaks, is mended and run.
type behaviour struct {
	// judge returns why the client refuses what a trial holds, Accepted if it
	// does not; nil for one whose rules are not known here.
	judge func(t *trial) Cause
	// text is what the client prints for a cause.
	text func(t *trial, cause Cause) string
	// fix makes the client trust a CA file.
	fix func(caFile string) string
	// run starts the client; nil where Run has no way to.
	run func(ctx context.Context, c Client, target target) (answer, error)
}

// findTimeout bounds the questions to one client: a person waits for them. What
// did not answer by then is listed with roots that are not known.
const findTimeout = 800 * time.Millisecond

// Find returns the TLS clients of this computer in a fixed order. It asks them
// in parallel, each for less than a second. What is not installed is left out.
// env is the environment that they would be started with.
func Find(ctx context.Context, env func(string) string, lookPath func(string) (string, error)) []Client {
	return find(ctx, env, lookPath, findTimeout)
}

func find(
	ctx context.Context, env func(string) string, lookPath func(string) (string, error), timeout time.Duration,
) []Client {
	f := &finder{env: env, lookPath: lookPath, files: &files{}}
	searches := []func(context.Context) []Client{f.curl, f.wget, f.python, f.golang, f.node, f.java, f.browsers}
	found := make([][]Client, len(searches))
	var wait sync.WaitGroup
	for i, search := range searches {
		wait.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, timeout)
			defer cancel()
			found[i] = search(ctx)
		})
	}
	wait.Wait()
	environ := f.environ()
	var clients []Client
	for _, list := range found {
		for _, c := range list {
			c.environ = environ
			clients = append(clients, c)
		}
	}
	return clients
}

// finder is what a search knows of the computer.
type finder struct {
	env      func(string) string
	lookPath func(string) (string, error)
	files    *files
}

// firstOf returns the first variable that is set, and its value.
func (f *finder) firstOf(names ...string) (name, value string) {
	for _, name := range names {
		if value := f.env(name); value != "" {
			return name, value
		}
	}
	return "", ""
}

// environ is the environment that clients are started with: what they need to
// run and what their trust depends on. No proxy, and nothing else of the
// user's: other variables may hold secrets.
func (f *finder) environ() []string {
	list := []string{"LC_ALL=C"} // wget speaks the user's language otherwise
	for _, name := range []string{
		"PATH", "HOME", "USERPROFILE", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR", "APPDATA", "XDG_CONFIG_HOME",
		"PYENV_ROOT", "PYENV_VERSION", "VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "CURL_HOME", "WGETRC",
		"SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS",
		"NODE_OPTIONS", "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", "JAVA_HOME", "JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS",
	} {
		if value := f.env(name); value != "" {
			list = append(list, name+"="+value)
		}
	}
	return list
}
