package endpoint

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

// ParseURL reads the address of a Kubeflow and returns its origin; a path is
// dropped, since it is often pasted along. Plain HTTP is refused for anything but
// loopback unless allowHTTP: passwords and cookies would cross the network in
// the clear. Errors are of reason Usage.
func ParseURL(address string, allowHTTP bool) (*url.URL, error) {
	const example = "--url https://kubeflow.example.com"
	parsed, err := url.Parse(address)
	switch {
	case err != nil:
		return nil, fault.New(fault.Usage, example, "read --url: it is not a URL") // its text may hold a password
	case parsed.User != nil:
		return nil, fault.New(fault.Usage, "name the user by --login, and give the password when asked",
			"--url may not hold a user name or password")
	case parsed.Scheme != "https" && parsed.Scheme != "http":
		return nil, fault.New(fault.Usage, example, "--url %q begins with neither https:// nor http://", address)
	case parsed.Hostname() == "":
		return nil, fault.New(fault.Usage, example, "--url %q names no host", address)
	}
	origin := &url.URL{Scheme: parsed.Scheme, Host: strings.ToLower(parsed.Host)}
	if origin.Port() == defaultPorts[origin.Scheme] {
		origin.Host = strings.TrimSuffix(origin.Host, ":"+origin.Port())
	}
	if origin.Scheme == "http" && !allowHTTP && !IsLoopback(origin.Hostname()) {
		return nil, fault.New(fault.Usage, "use https, or the tunnel (leave --url out); if the network is yours alone, add --allow-http",
			"--url %s would carry password and cookie over the network in the clear", origin)
	}
	return origin, nil
}

var defaultPorts = map[string]string{"http": "80", "https": "443"}

// IsLoopback tells whether a host is this computer alone, as a name (RFC 6761,
// section 6.3) or as an address.
func IsLoopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") { // RFC 6761, section 6.3
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.IsLoopback()
}

// Direct opens the way to a URL, over the proxies of the environment as curl
// and Go's other programs do. It sends no request.
func Direct(origin *url.URL, trust Trust) (*Endpoint, error) {
	config, err := trust.config(nil)
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: dialTimeout}
	e := &Endpoint{Key: origin.String(), Origin: origin, CAFile: trust.CAFile}
	e.Dial = func(ctx context.Context) (net.Conn, error) { return dialer.DialContext(ctx, "tcp", HostPort(origin)) }
	e.Transport = newTransport(config, e.Dial)
	e.Transport.DialContext = dialer.DialContext // a proxy has another address
	e.Transport.Proxy = http.ProxyFromEnvironment
	return e, nil
}

// HostPort is the HOST:PORT of an origin.
func HostPort(origin *url.URL) string {
	port := origin.Port()
	if port == "" {
		port = defaultPorts[origin.Scheme]
	}
	return net.JoinHostPort(origin.Hostname(), port)
}
