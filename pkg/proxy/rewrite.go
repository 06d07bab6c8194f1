package proxy

import (
	"context"
	"net/http"
	"net/http/httputil"
	"net/url"

	"github.com/kftls/kubectl-kftls/pkg/session"
)

// call is what the answer to a request is judged by.
type call struct {
	session *session.Session
	// host is the endpoint as the client calls it.
	host string
}

type callKey struct{}

// remember hands on to the answer what the request had.
func remember(r *http.Request, s *session.Session) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), callKey{}, call{s, r.Host}))
}

func callOf(r *http.Request) call {
	made, _ := r.Context().Value(callKey{}).(call)
	return made
}

// rewrite makes a request to Kubeflow of one to the endpoint. Applications
// compare Host with Origin and Referer, so all three change together.
func (p *Proxy) rewrite(r *httputil.ProxyRequest) {
	r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = p.Origin.Scheme, p.Origin.Host, p.Origin.Host
	r.Out.URL.RawQuery = r.In.URL.RawQuery // ReverseProxy drops what it cannot parse
	if r.Out.Header.Get("Origin") != "" {
		r.Out.Header.Set("Origin", p.Origin.String())
	}
	if referer, err := url.Parse(r.Out.Header.Get("Referer")); err == nil && p.isOwnOrigin(referer.String()) {
		referer.Scheme, referer.Host = p.Origin.Scheme, p.Origin.Host
		r.Out.Header.Set("Referer", referer.String())
	}
	addSession(r.Out.Header, callOf(r.In).session)
}

// modifyResponse makes an answer of the endpoint of Kubeflow's. Its error is
// that the session has ended.
func (p *Proxy) modifyResponse(response *http.Response) error {
	call := callOf(response.Request)
	if isWall(response) {
		return p.ended(call.session)
	}
	localCookies(response.Header, call.session, p.TLS != nil)
	if location := response.Header.Get("Location"); location != "" {
		response.Header.Set("Location", p.localLocation(location, call.host))
	}
	// What Kubeflow's host promises about itself is not true of localhost: a
	// browser would take its word for every port.
	response.Header.Del("Strict-Transport-Security")
	response.Header.Del("Alt-Svc")
	return nil
}

// localLocation keeps redirects within Kubeflow on the endpoint. What leads
// elsewhere stays as it is.
func (p *Proxy) localLocation(location, host string) string {
	target, err := url.Parse(location)
	if err != nil || !p.isUpstream(target) {
		return location
	}
	target.Scheme, target.Host = p.scheme(), host
	return target.String()
}

// isUpstream tells whether a URL is of Kubeflow's origin. Applications behind a
// load balancer that ends TLS call themselves http.
func (p *Proxy) isUpstream(u *url.URL) bool {
	if u.Hostname() != p.Origin.Hostname() {
		return false
	}
	if u.Scheme == "http" && p.Origin.Scheme == "https" {
		return portOf(u) == "80" && portOf(p.Origin) == "443"
	}
	return u.Scheme == p.Origin.Scheme && portOf(u) == portOf(p.Origin)
}

func portOf(u *url.URL) string {
	if port := u.Port(); port != "" {
		return port
	}
	return defaultPorts[u.Scheme]
}
