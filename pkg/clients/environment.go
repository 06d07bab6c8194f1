package clients

import (
	"runtime"
	"slices"
	"strings"
)

// CommandEnv is what a command that `run` starts finds in its environment.
type CommandEnv struct {
	// URL is where Kubeflow is, scheme://host:port.
	URL string
	// CAFile is the CA of what URL serves. "" is plain HTTP, and leaves the
	// variables about CAs as they are.
	CAFile string
	// CookieFile is a Netscape file with the session, "" for none.
	CookieFile string
	// BundleDir is a folder for the bundles of roots; it is made with mode 0700.
	// The caller removes it after the command.
	BundleDir string
	// SystemRoots returns the roots that the system trusts, in PEM.
	SystemRoots func() ([]byte, error)
	// Logf takes what the user should know about roots that could not be read;
	// nil drops it.
	Logf func(format string, args ...any)
}

// loopback are the hosts of URL, for which no proxy of the network is asked.
var loopback = []string{"localhost", "127.0.0.1", "::1"}

// Environment returns base with what the command needs: KFTLS_URL,
// KF_PIPELINES_ENDPOINT (kfp's SDK) and KFP_ENDPOINT (its CLI), KFTLS_CA_FILE,
// KFTLS_COOKIE_FILE, NO_PROXY and no_proxy, and the variables by which clients
// take roots, each with a bundle of what it had and the CA (writeTrust). Errors
// are about files and have the reason LocalState.
func Environment(base []string, e CommandEnv) ([]string, error) {
	before := newEnviron(base)
	after := newEnviron(base)
	origin := strings.TrimRight(e.URL, "/")
	after.set("KFTLS_URL", origin)
	after.set("KF_PIPELINES_ENDPOINT", origin+pipelinePath)
	after.set("KFP_ENDPOINT", origin+pipelinePath)
	after.setOrUnset("KFTLS_CA_FILE", e.CAFile) // no outer `run`'s
	after.setOrUnset("KFTLS_COOKIE_FILE", e.CookieFile)
	// Clients read one and, where it is not set, the other: each gets what it
	// had, else what the other one had.
	after.set("NO_PROXY", withLoopback(before.first("NO_PROXY", "no_proxy")))
	after.set("no_proxy", withLoopback(before.first("no_proxy", "NO_PROXY")))
	if e.CAFile == "" {
		return after.list, nil
	}
	trust, err := writeTrust(before, e)
	if err != nil {
		return nil, err
	}
	for _, variable := range trustVariables {
		after.set(variable.name, trust[variable.name])
	}
	return after.list, nil
}

// withLoopback extends a list of hosts. "*" is all of them.
func withLoopback(hosts string) string {
	var list []string
	for host := range strings.SplitSeq(hosts, ",") {
		if host = strings.TrimSpace(host); host != "" {
			list = append(list, host)
		}
	}
	if slices.Contains(list, "*") {
		return hosts
	}
	for _, host := range loopback {
		if !slices.Contains(list, host) {
			list = append(list, host)
		}
	}
	return strings.Join(list, ",")
}

// environ is a list of NAME=value. As for programs, of several with one name
// the last counts.
type environ struct {
	list []string
	// fold tells that names that differ only in case are one, as on Windows.
	fold bool
}

func newEnviron(list []string) *environ {
	return &environ{list: slices.Clone(list), fold: runtime.GOOS == "windows"}
}

// get returns "" for what is not set.
func (e *environ) get(name string) string {
	for _, entry := range slices.Backward(e.list) {
		if e.is(entry, name) {
			return entry[len(name)+1:]
		}
	}
	return ""
}

// first returns the value of the first name that has one.
func (e *environ) first(names ...string) string {
	for _, name := range names {
		if value := e.get(name); value != "" {
			return value
		}
	}
	return ""
}

func (e *environ) set(name, value string) {
	e.unset(name)
	e.list = append(e.list, name+"="+value)
}

func (e *environ) unset(name string) {
	e.list = slices.DeleteFunc(e.list, func(entry string) bool { return e.is(entry, name) })
}

func (e *environ) setOrUnset(name, value string) {
	if value == "" {
		e.unset(name)
		return
	}
	e.set(name, value)
}

func (e *environ) is(entry, name string) bool {
	if len(entry) <= len(name) || entry[len(name)] != '=' {
		return false
	}
	return entry[:len(name)] == name || e.fold && strings.EqualFold(entry[:len(name)], name)
}
