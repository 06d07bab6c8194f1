package diagnose

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/kftls/kubectl-kftls/pkg/clients"
	"github.com/kftls/kubectl-kftls/pkg/endpoint"
	"github.com/kftls/kubectl-kftls/pkg/session"
)

// skewTolerated is how far clocks may be apart: certificates begin an hour early,
// and id_tokens are checked with a minute's leeway (jwt_verify_lib's default).
const (
	skewTolerated = 60 * time.Second
	skewBad       = time.Hour
)

func computerChecks() []Check {
	return []Check{
		{
			Code: "KFT103", Title: "a proxy variable sends requests for the address to a proxy", Layer: LayerComputer, Severity: Error,
			Causes: []Symptom{ProxyInTheWay}, Look: lookProxy,
			Page: Page{
				Means: "A variable such as HTTPS_PROXY tells programs to send their requests to a proxy. curl and Python do so for localhost, too, unless NO_PROXY names it; the proxy has a localhost of its own, on which no port-forward listens.",
				Shows: []Shown{
					{"curl", "curl: (56) CONNECT tunnel failed, response 502", "measured with curl 7.88; the status is the proxy's"},
					{"Python requests", "ProxyError('Unable to connect to proxy', OSError('Tunnel connection failed: 502 Bad Gateway'))", "measured with requests 2.33"},
				},
				Heals: "Name this computer in NO_PROXY: export NO_PROXY=localhost,127.0.0.1,::1",
			},
		},
		{
			Code: "KFT104", Title: "a variable names roots that cannot be read", Layer: LayerComputer, Severity: Error,
			Causes: []Symptom{Misconfigured}, Reads: StageComputer, Look: lookBundles,
			Page: Page{
				Means: "SSL_CERT_FILE, REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE and NODE_EXTRA_CA_CERTS name a file with the certificates that a program trusts. Where the file is missing or holds none, the program fails, or trusts nobody.",
				Shows: []Shown{
					{"curl", "curl: (77) error setting certificate file: FILE", "measured with curl 7.88"},
					{"Python requests", "OSError: Could not find a suitable TLS CA certificate bundle, invalid path: FILE", "measured with requests 2.33"},
				},
				Heals: "Name a file that is there, or unset the variable.",
			},
		},
		{
			Code: "KFT105", Title: "a clock is wrong", Layer: LayerComputer, Severity: Error,
			Causes: []Symptom{NotYetValid, Expired, BadToken}, Look: lookClocks,
			Page: Page{
				Means: "Certificates and id_tokens hold from one moment to another. A clock that is wrong takes a good one for expired, or for one of the future.",
				Shows: []Shown{{"curl", "curl: (60) SSL certificate problem: certificate is not yet valid", "measured with curl 7.88"}},
				Heals: "Set the clock that is off: timedatectl set-ntp true, on that machine.",
			},
		},
	}
}

func lookProxy(_ context.Context, f *Facts) Result {
	if f.Aim.URL == nil {
		return skipped("no URL was named")
	}
	proxy := proxyFor(f.Aim.URL, f.Computer.Env)
	host := f.Aim.URL.Hostname()
	if proxy == nil {
		return passed("no proxy takes " + host)
	}
	ev := evidence("the environment", "HTTPS_PROXY or its like", proxy.Scheme+"://"+proxy.Host)
	fix := locally("programs that follow the variable reach the address without the proxy then", f.exceptFromProxies(host))
	if own := f.own(); endpoint.IsLoopback(host) && own != nil {
		if own.ProxyErr == nil {
			return passed("the proxy " + proxy.Host + " leads there")
		}
		return found(fmt.Sprintf("curl and Python send requests for %s to the proxy %s, which does not lead there", host, proxy.Host), fix, ev,
			evidence("the proxy "+proxy.Host, "", own.ProxyErr.Error())).as(itself(ProxyInTheWay))
	}
	if s := f.sighting(ProxyInTheWay); s != nil {
		return found(fmt.Sprintf("the proxy %s does not lead to %s", proxy.Host, host), fix, ev, s.wire())
	}
	return passed("the proxy " + proxy.Host + " leads there")
}

// exceptFromProxies adds a host to the variable that is in force: curl takes
// no_proxy before NO_PROXY.
func (f *Facts) exceptFromProxies(host string) string {
	name := "NO_PROXY"
	if f.Computer.Env("no_proxy") != "" {
		name = "no_proxy"
	}
	return "export " + name + "=" + quoted(strings.Trim(f.Computer.Env(name)+","+host, ","))
}

// bundleVariables are those by which clients take roots, each as measured.
var bundleVariables = []string{"SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"}

func lookBundles(_ context.Context, f *Facts) Result {
	looked := 0
	for _, name := range bundleVariables {
		path := f.Computer.Env(name)
		if path == "" {
			continue
		}
		looked++
		text, err := f.Computer.ReadFile(path)
		problem := ""
		switch {
		case err != nil && strings.Contains(err.Error(), "is a directory") && name != "SSL_CERT_FILE":
			continue // requests and curl take a folder of hashed names
		case err != nil:
			problem = err.Error()
		default:
			if certificates, err := parseCertificates(text); len(certificates) == 0 {
				problem = err.Error()
			}
		}
		if problem != "" {
			return found(fmt.Sprintf("%s names %s, which cannot be used: every program that follows it fails", name, path),
				locally("programs take their usual roots again", "unset "+name), evidence("the environment", name, path), evidence(path, "", problem)).as(func(x *Finding) {
				switch {
				case name == "NODE_EXTRA_CA_CERTS": // Node warns, and goes on with its own roots
					x.Severity = Warning
				case f.Computer.CAFile != "": // clients that are given a CA file do not look at the variable
					x.Severity = Warning
				case f.Aim.wantsHTTPS():
					x.observed = Misconfigured
				}
			})
		}
	}
	if looked == 0 {
		return passed("no such variable is set")
	}
	return passed("the files are there")
}

// lookClocks compares three clocks. Two that agree against one tell which is wrong.
func lookClocks(_ context.Context, f *Facts) Result {
	offsets := map[string]time.Duration{"this computer": 0}
	if f.Access.Cluster != nil {
		if offset, ok := f.Access.Cluster.ClockOffset(); ok {
			offsets["the API server"] = offset
		}
	}
	for _, r := range f.Roads {
		if r.HasDate {
			offsets["the gateway"] = r.Date
			break
		}
	}
	if len(offsets) < 2 {
		return skipped("no other clock answered")
	}
	odd, off := oddClock(offsets)
	if off.Abs() <= skewTolerated {
		return passed("the clocks agree")
	}
	ev := []Evidence{}
	for _, name := range []string{"the API server", "the gateway"} {
		if offset, ok := offsets[name]; ok {
			ev = append(ev, evidence(name, "Date", fmt.Sprintf("%s against this computer", offset.Round(time.Second))))
		}
	}
	cause := fmt.Sprintf("%s's clock is off by %s", odd, off.Round(time.Second))
	if len(offsets) == 2 { // two clocks do not tell which of them is wrong
		cause = fmt.Sprintf("the clocks of %s differ by %s", strings.Join(slices.Sorted(maps.Keys(offsets)), " and "), off.Abs().Round(time.Second))
	}
	result := found(cause,
		locally("set it by the network's time, on the machine that is off", "timedatectl set-ntp true"), ev...)
	if off.Abs() < skewBad {
		return result.as(onlyWarning)
	}
	return result
}

// oddClock is the clock that is farthest from the others, and by how much.
func oddClock(offsets map[string]time.Duration) (name string, off time.Duration) {
	for _, candidate := range []string{"this computer", "the API server", "the gateway"} {
		own, ok := offsets[candidate]
		if !ok {
			continue
		}
		nearest := time.Duration(1<<62 - 1)
		var distance time.Duration
		for other, offset := range offsets {
			if other != candidate && (own-offset).Abs() < nearest {
				nearest, distance = (own - offset).Abs(), own-offset
			}
		}
		if name == "" || distance.Abs() > off.Abs() {
			name, off = candidate, distance
		}
	}
	return name, off
}

func givenChecks() []Check {
	return []Check{
		{
			Code: "KFT112", Title: "the CA file cannot be used", Layer: LayerComputer, Severity: Error,
			Causes: []Symptom{Untrusted, Misconfigured}, Reads: StageComputer, Look: lookCAFile,
			Page: Page{
				Means: "A CA file holds the certificate of whom a client shall trust, as text between BEGIN CERTIFICATE and END CERTIFICATE. The one that was given is missing, or holds something else.",
				Shows: []Shown{{"curl", "curl: (77) error setting certificate file: FILE", "measured with curl 7.88"}},
				Heals: "Take the certificate from the cluster: kubectl kftls ca > ca.crt",
			},
		},
		{
			Code: "KFT113", Title: "the cookie file holds no session of Kubeflow's", Layer: LayerComputer, Severity: Error,
			Causes: []Symptom{NotLoggedIn, Misconfigured}, Look: lookCookieFile,
			Page: Page{
				Means: "The file that was given is missing, or has none of the cookies that Kubeflow's auth proxies make (oauth2_proxy_kubeflow, authservice_session).",
				Heals: "Make a new one: kubectl kftls cookie -o netscape > cookies.txt",
			},
		},
		{
			Code: "KFT111", Title: "the address is not one of Kubeflow's API", Layer: LayerComputer, Severity: Error,
			Causes: []Symptom{PipelinesOther, OtherAnswer, NotLoggedIn}, Reads: StageComputer, Look: lookAddress,
			Page: Page{
				Means: "Kubeflow's pages show the pipelines under /_/pipeline; programs find their API under /pipeline.",
				Shows: []Shown{{"kfp", "Cannot POST /_/pipeline/apis/v2beta1/…", "an issue of kubeflow/pipelines (4754)"}},
				Heals: "Give clients the host with /pipeline at its end: https://localhost:8443/pipeline",
			},
		},
		{
			Code: "KFT110", Title: ".netrc adds credentials that pass by the login", Layer: LayerComputer, Severity: Error,
			Causes: []Symptom{Denied}, Reads: StageComputer, Look: lookNetrc,
			Page: Page{
				Means: "curl -n and Python requests take login and password for a host from ~/.netrc and send them in the Authorization header. Kubeflow's gateway takes a request with that header past the login, finds no token in it, and refuses.",
				Shows: []Shown{{"curl, Python requests", "RBAC: access denied", "measured with Istio 1.31-dev"}},
				Heals: "Take the host out of ~/.netrc, or keep clients from it: curl without -n; in Python session.trust_env = False.",
			},
		},
	}
}

func lookCAFile(_ context.Context, f *Facts) Result {
	switch {
	case f.Computer.CAFile == "":
		return skipped("none was given")
	case f.Computer.CAError != nil:
		return found(fmt.Sprintf("%s cannot be used: %v", f.Computer.CAFile, f.Computer.CAError),
			locally("the CA certificate of the cluster, if setup made one", f.program()+" ca > ca.crt"), evidence(f.Computer.CAFile, "", f.Computer.CAError.Error())).as(itself(Misconfigured))
	}
	return passed("certificates are in it")
}

func lookCookieFile(_ context.Context, f *Facts) Result {
	switch {
	case f.Computer.CookieFile == "":
		return skipped("none was given")
	case errors.Is(f.Computer.CookieError, clients.ErrPartMissing):
		return skipped("a part of it is missing")
	case f.Computer.CookieError != nil:
		return found(fmt.Sprintf("%s cannot be used: %v", f.Computer.CookieFile, f.Computer.CookieError),
			locally("a new session", f.program()+" cookie -o netscape > cookies.txt"), evidence(f.Computer.CookieFile, "", f.Computer.CookieError.Error())).as(itself(Misconfigured))
	}
	names := strings.Join(f.Computer.CookieNames, ", ")
	if f.blind() && f.lacksSession() {
		return found(fmt.Sprintf("%s holds no session of Kubeflow's, only %s", f.Computer.CookieFile, names),
			locally("a new session", f.program()+" cookie -o netscape > cookies.txt"), evidence(f.Computer.CookieFile, "cookies", names)).as(itself(Misconfigured))
	}
	if f.sees(SessionRefused) && !slices.ContainsFunc(f.Computer.CookieNames, session.IsSessionCookie) {
		return found(fmt.Sprintf("%s holds no session of Kubeflow's, only %s", f.Computer.CookieFile, names),
			locally("a new session", f.program()+" cookie -o netscape > cookies.txt"), evidence(f.Computer.CookieFile, "cookies", names)).as(func(x *Finding) { x.causes = []Symptom{SessionRefused} })
	}
	if f.Computer.CookieIsValue {
		return found(fmt.Sprintf("%s holds a value without a name: a client that sends it as it is sends no session; as the value of %s it was tried here", f.Computer.CookieFile, names),
			locally("the cookie with its name, as a Cookie header has it", f.program()+" cookie -o header > cookie"), evidence(f.Computer.CookieFile, "name", "none")).as(onlyWarning).as(itself(Misconfigured))
	}
	return passed("it holds " + names)
}

// lacksSession tells that no cookie of the file has the name that the auth proxy's
// settings give to sessions, nor a usual one.
func (f *Facts) lacksSession() bool {
	settings := f.Objects.Login.Proxy
	return settings.OK() && settings.Value.CookieName != "" && !slices.ContainsFunc(f.Computer.CookieNames, func(name string) bool {
		return session.IsSessionCookie(name) || strings.HasPrefix(name, settings.Value.CookieName)
	})
}

func lookAddress(_ context.Context, f *Facts) Result {
	u := f.Aim.URL
	if u == nil {
		return skipped("no URL was named")
	}
	if strings.HasPrefix(u.Path, "/_/") {
		right := &url.URL{Scheme: u.Scheme, Host: u.Host, Path: "/pipeline"}
		return found("the path "+u.Path+" is that of the pages, not of the API", locally("give clients this address: "+right.String()), evidence("the URL", "path", u.Path)).as(itself(Misconfigured))
	}
	return passed("the path is none of the pages'")
}

// lookNetrc reads the names of machines in ~/.netrc, and nothing else of it.
func lookNetrc(_ context.Context, f *Facts) Result {
	if f.Aim.URL == nil {
		return skipped("no URL was named")
	}
	path := f.Computer.Env("NETRC")
	if path == "" {
		path = f.Computer.Home + "/.netrc"
	}
	text, err := f.Computer.ReadFile(path)
	if err != nil {
		return passed("there is no " + path)
	}
	host := f.Aim.URL.Hostname()
	words := strings.Fields(string(text))
	for i, word := range words {
		if i > 0 && slices.Contains([]string{"machine", "login", "account", "password"}, words[i-1]) {
			continue // a value, whatever it looks like
		}
		if word == "default" || word == "machine" && i+1 < len(words) && words[i+1] == host {
			return found(fmt.Sprintf("%s has credentials for %s: curl -n and Python requests send them, and the gateway takes them for a token", path, host),
				locally("take the entry for "+host+" out, or use curl without -n and requests with trust_env off"), evidence(path, "machine", host)).as(itself(Misconfigured))
		}
	}
	return passed("it does not name " + host)
}

// itself marks a finding that is an observation of its own: a contradiction that
// no request shows, and that fails whoever runs into it.
func itself(symptom Symptom) func(*Finding) {
	return func(f *Finding) { f.observed = symptom }
}
