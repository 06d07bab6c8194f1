package diagnose

import (
	"net/url"
	"os"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/kftls/kubectl-kftls/pkg/cluster"
	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/portforward"
)

// Options say what is asked for, and give the ways to look.
type Options struct {
	// Cluster is looked at, nil for none; ClusterErr is why it could not be opened.
	Cluster    *cluster.Cluster
	ClusterErr error
	// ClusterWanted tells that a missing cluster is a finding: nothing else was named.
	ClusterWanted bool
	// Gateway is the Gateway to take, zero for Kubeflow's.
	Gateway types.NamespacedName
	// Dialer opens tunnels; nil where there is no cluster. The caller closes it.
	Dialer portforward.Dialer
	// URL is the user's own road, nil for none.
	URL *url.URL
	// Host is the name to ask for through the tunnel; "" is the URL's, else localhost.
	// Of a URL of an InferenceService it is what the Host header says.
	Host   string
	Expect Expectation
	// CAFile and CookieFile are to be tested, "" for none.
	CAFile, CookieFile string
	// SentHeader tells that a pasted request carried an Authorization header.
	SentHeader bool
	// NoSecrets reads no Secret.
	NoSecrets bool
	// Skip are codes of checks that are left out.
	Skip []string

	// Program is how the user calls this program.
	Program string
	// Env looks up a variable, ReadFile reads a file, Home is the user's folder.
	Env      func(string) string
	ReadFile func(string) ([]byte, error)
	Home     string
	// LookPath finds a program; nil looks for none.
	LookPath func(string) (string, error)
	// RunClients lets the clients of this computer themselves ask.
	RunClients bool
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// readLimit bounds the reading of a file: a variable may name a pipe that nobody
// writes to, or a share that is gone.
const readLimit = time.Second

// bounded gives up a file that does not come. What reads it ends with the program.
func bounded(read func(string) ([]byte, error)) func(string) ([]byte, error) {
	type answer struct {
		text []byte
		err  error
	}
	return func(name string) ([]byte, error) {
		came := make(chan answer, 1)
		go func() {
			text, err := read(name)
			came <- answer{text, err}
		}()
		late := time.NewTimer(readLimit)
		defer late.Stop()
		select {
		case a := <-came:
			return a.text, a.err
		case <-late.C:
			return nil, &os.PathError{Op: "read", Path: name, Err: os.ErrDeadlineExceeded}
		}
	}
}

func (o Options) now() time.Time {
	if o.Now == nil {
		return time.Now()
	}
	return o.Now()
}

func (o Options) validate() error {
	known := map[string]bool{}
	for _, c := range Checks() {
		known[c.Code] = true
	}
	for _, code := range o.Skip {
		if !known[code] {
			return fault.New(fault.Usage, "see the codes there are: "+o.Program+" diagnose --explain list", "there is no check %q", code)
		}
	}
	return nil
}

// aim is what is asked for.
func (o Options) aim() Aim {
	a := Aim{Expect: o.Expect, URL: o.URL, Host: o.Host, Model: modelAim(o.URL, o.Host), HasSession: o.CookieFile != "", SentHeader: o.SentHeader}
	if a.Model != nil || a.Host == "" && o.URL != nil { // a model's name leads to its own routes alone
		a.Host = o.URL.Hostname()
	}
	if a.Host == "" {
		a.Host = "localhost"
	}
	return a
}
