package diagnose

import (
	"bufio"
	"context"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"golang.org/x/net/http/httpproxy"

	"github.com/kftls/kubectl-kftls/pkg/endpoint"
)

// ownRoad is the way that the user's clients take to a URL. A proxy of the
// environment is taken as they take it, save that loopback is reached directly:
// whether a proxy takes that is a question of its own (KFT103).
func ownRoad(address *url.URL, env func(string) string) *Road {
	origin := &url.URL{Scheme: address.Scheme, Host: address.Host}
	r := &Road{Name: origin.String() + " from this computer", Own: true, TLS: origin.Scheme == "https", Origin: origin}
	proxy := proxyFor(origin, env)
	if proxy == nil || endpoint.IsLoopback(origin.Hostname()) {
		r.dial = func(ctx context.Context) (net.Conn, error) { return dialDirectly(ctx, origin) }
		if proxy != nil {
			r.tryProxy = func(ctx context.Context) error {
				conn, err := throughProxy(ctx, proxy, endpoint.HostPort(origin))
				if err == nil {
					_ = conn.Close()
				}
				return err
			}
		}
		return r
	}
	r.Proxy = proxy.Host
	r.dial = func(ctx context.Context) (net.Conn, error) {
		return throughProxy(ctx, proxy, endpoint.HostPort(origin))
	}
	return r
}

// dialDirectly connects to an origin. localhost is both of its addresses, as it is
// for curl, which does not ask the hosts file for it
// (get_localhost in its lib/hostip.c, since 7.77).
func dialDirectly(ctx context.Context, origin *url.URL) (net.Conn, error) {
	dialer := &net.Dialer{}
	conn, err := dialer.DialContext(ctx, "tcp", endpoint.HostPort(origin))
	if err == nil || origin.Hostname() != "localhost" {
		return conn, err
	}
	_, port, _ := net.SplitHostPort(endpoint.HostPort(origin))
	if other, failed := dialer.DialContext(ctx, "tcp", net.JoinHostPort("::1", port)); failed == nil {
		return other, nil
	}
	return nil, err
}

// proxyFor is the proxy that the environment names for an address, loopback
// addresses included as curl takes them (Go's own rule exempts these).
func proxyFor(address *url.URL, env func(string) string) *url.URL {
	config := &httpproxy.Config{
		HTTPProxy:  first(env, "http_proxy"), // curl takes no HTTP_PROXY: https://curl.se/docs/manpage.html#ENVIRONMENT
		HTTPSProxy: first(env, "https_proxy", "HTTPS_PROXY"),
		NoProxy:    first(env, "no_proxy", "NO_PROXY"),
	}
	if all := first(env, "all_proxy", "ALL_PROXY"); all != "" {
		if config.HTTPProxy == "" {
			config.HTTPProxy = all
		}
		if config.HTTPSProxy == "" {
			config.HTTPSProxy = all
		}
	}
	asked := *address
	if endpoint.IsLoopback(address.Hostname()) {
		if listed(config.NoProxy, address.Hostname()) {
			return nil
		}
		asked.Host = "kftls.invalid" // a name that Go's rule does not exempt
		config.NoProxy = ""
	}
	proxy, err := config.ProxyFunc()(&asked)
	if err != nil {
		return nil
	}
	return proxy
}

// listed tells whether NO_PROXY names a host, as curl reads it: exact names,
// suffixes, networks, "*" for all.
func listed(list, host string) bool {
	address, _ := netip.ParseAddr(host)
	for _, entry := range strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' }) {
		entry = strings.ToLower(entry)
		if network, err := netip.ParsePrefix(entry); err == nil && network.Contains(address) {
			return true
		}
		if entry == "*" || entry == host || entry != "" && strings.HasSuffix(host, "."+strings.TrimPrefix(entry, ".")) {
			return true
		}
	}
	return false
}

func first(env func(string) string, names ...string) string {
	for _, name := range names {
		if value := env(name); value != "" {
			return value
		}
	}
	return ""
}

// throughProxy opens a connection through an HTTP proxy (RFC 9110, 9.3.6).
func throughProxy(ctx context.Context, proxy *url.URL, target string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", endpoint.HostPort(proxy))
	if err != nil {
		return nil, err
	}
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline)
	}
	request := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: target}, Host: target, Header: http.Header{}}
	if user := proxy.User; user != nil {
		password, _ := user.Password()
		request.Header.Set("Proxy-Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(user.Username()+":"+password)))
	}
	if err := request.Write(conn); err != nil {
		_ = conn.Close()
		return nil, err
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), request)
	if err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("proxy %s: %w", proxy.Host, err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		_ = conn.Close()
		return nil, fmt.Errorf("proxy %s refuses to lead to %s: %s", proxy.Host, target, response.Status)
	}
	return conn, nil
}
