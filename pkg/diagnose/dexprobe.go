package diagnose

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/kftls/kubectl-kftls/pkg/session"
)

// probeScope is a scope that Dex does not know. A request with it makes Dex look
// at client and redirect URI and refuse before it opens a login: an unknown
// client is 404, a wrong redirect URI 400, and where all is well it leads back
// with error=invalid_scope (measured with Dex 2.41.1).
const probeScope = "kftls-probe"

// probeDex asks Dex whether it knows the auth proxy, without opening a login.
func (r *Road) probeDex(ctx context.Context, client http.RoundTripper) {
	query := r.loginQuery()
	if query == nil {
		return
	}
	query.Set("scope", probeScope)
	auth := fetch(ctx, client, r.Origin, "/dex/auth?"+query.Encode(), nil)
	path := r.connectorPath(auth)
	if path == "" {
		r.keepDex(auth, "/dex/auth")
		return
	}
	r.keepDex(fetch(ctx, client, r.Origin, path+"?"+query.Encode(), nil), path)
}

// dexLives tells that Dex itself answers on a road, and not the gateway or another
// program in its place.
func (r *Road) dexLives() bool {
	a := r.answer(dexPath)
	return a != nil && a.Status == http.StatusOK && jsonString(a.Body, "issuer") != ""
}

// keepDex keeps an answer under its path alone: the query holds a state.
func (r *Road) keepDex(a *Answer, path string) {
	a.Path = path
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Answers[path] = a
	r.Dex = path
}

// loginQuery is what the auth proxy sends its visitors to Dex with.
func (r *Road) loginQuery() url.Values {
	for _, path := range []string{startPath, frontPath} {
		a := r.answer(path)
		if a == nil {
			continue
		}
		if to := a.location(); to != nil && strings.HasPrefix(to.Path, "/dex/auth") && to.Query().Get("client_id") != "" {
			return to.Query()
		}
	}
	return nil
}

// connectorPath is where a login begins: the connector that Dex leads to, or the
// first that its page offers.
func (r *Road) connectorPath(auth *Answer) string {
	const below = "/dex/auth/"
	if to := auth.location(); to != nil && strings.HasPrefix(to.Path, below) {
		return to.Path
	}
	if auth.Status != http.StatusOK || !auth.isType("text/html") {
		return ""
	}
	page := r.Origin.JoinPath("/dex/auth")
	for _, connector := range session.Connectors(page, auth.Body) {
		return below + url.PathEscape(connector.ID)
	}
	return ""
}
